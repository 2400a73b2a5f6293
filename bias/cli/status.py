"""From errors to exit statuses: every command returns an `ExitStatus`, and no user sees a traceback unasked."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import ParamSpec

from bias.errors import BiasError
from bias.reporting.marking import one_line

P = ParamSpec("P")


class ExitStatus(IntEnum):
    """What a command returns to the shell."""

    DONE = 0
    EXCEEDED = 1  # a gate that the user set
    ERROR = 2  # usage, input or internal
    INTERRUPTED = 130  # 128 + SIGINT, as shells count


def complain(message: str) -> None:
    """Print one line on standard error, with nothing in it that could command a terminal."""
    print("bias:", one_line(message), file=sys.stderr)


def guarded(command: Callable[P, ExitStatus]) -> Callable[P, ExitStatus]:
    """The command with its errors turned into one line and a status; its option `debug` shows the traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> ExitStatus:
        try:
            status = command(*args, **kwargs)
            sys.stdout.flush()
            return status
        except BrokenPipeError:
            # The reader has seen enough (`| head`). What is still buffered must not fail when Python exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitStatus.DONE
        except KeyboardInterrupt:
            return ExitStatus.INTERRUPTED
        except Exception as error:  # the last line of defence: an error in the program itself is told like any other
            if kwargs.get("debug"):
                traceback.print_exc()
            elif isinstance(error, BiasError):
                complain(str(error))
            else:
                complain(f"internal error ({type(error).__name__}: {error}); run again with --debug to see where")
            return ExitStatus.ERROR

    return run
