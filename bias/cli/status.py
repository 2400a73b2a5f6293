"""From errors to exit statuses: every command returns an `ExitStatus`, and no user sees a traceback unasked."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import ParamSpec

from bias.cli.streams import complain, discard_output
from bias.errors import BiasError

P = ParamSpec("P")


class ExitStatus(IntEnum):
    """What a command returns to the shell; of two, the greater outranks the other."""

    DONE = 0
    EXCEEDED = 1  # a gate that the user set
    ERROR = 2  # usage, input or internal
    INTERRUPTED = 130  # 128 + SIGINT, as shells count


def guarded(command: Callable[P, ExitStatus]) -> Callable[P, ExitStatus]:
    """The command with its errors turned into one line and a status; its option `debug` shows the traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> ExitStatus:
        try:
            status = command(*args, **kwargs)
            sys.stdout.flush()
            return status
        except BrokenPipeError:  # the reader has seen enough (`| head`)
            discard_output()
            return ExitStatus.DONE
        except SystemExit as error:
            if isinstance(error.__context__, BrokenPipeError):  # rich ends with 1 then, which is a gate's status here
                discard_output()
                return ExitStatus.DONE
            raise
        except KeyboardInterrupt:
            return ExitStatus.INTERRUPTED
        except Exception as error:  # the last line of defence: our own faults are told in one line too
            if kwargs.get("debug"):
                traceback.print_exc()
            elif isinstance(error, BiasError | OSError):
                complain(str(error))
            else:
                complain(f"internal error ({type(error).__name__}: {error}); run again with --debug to see where")
            return ExitStatus.ERROR

    return run
