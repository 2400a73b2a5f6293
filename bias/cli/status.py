"""From errors to exit statuses: every command returns an `ExitStatus`, and no user sees a traceback unasked."""

from __future__ import annotations

import errno
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import wraps
from types import FrameType
from typing import ParamSpec

from bias.cli.streams import complain, discard_output, settle_output
from bias.errors import BiasError

P = ParamSpec("P")

# What the libraries below say where Python itself would raise MemoryError.
_OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "allocate memory", "map segment", "start new thread")


class ExitStatus(IntEnum):
    """What a command returns to the shell; of two, the greater outranks the other."""

    DONE = 0
    EXCEEDED = 1  # a gate that the user set
    ERROR = 2  # usage, input or internal
    INTERRUPTED = 130  # 128 + SIGINT, as shells count
    TERMINATED = 143  # 128 + SIGTERM


class TerminatedError(BaseException):
    """SIGTERM has come: like an interrupt it passes through every `except Exception`, and `finally` cleans up."""


def guarded(command: Callable[P, ExitStatus]) -> Callable[P, ExitStatus]:
    """The command with its errors turned into one line and a status; its option `debug` shows the traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> ExitStatus:
        status = ExitStatus.DONE
        try:
            with _terminable():
                status = command(*args, **kwargs)
                sys.stdout.flush()
            return status
        except BrokenPipeError:  # the reader has seen enough (`| head`)
            discard_output()
            return status
        except SystemExit as error:
            if isinstance(error.__context__, BrokenPipeError):  # rich ends with 1 then, which is a gate's status here
                discard_output()
                return ExitStatus.DONE
            raise
        except KeyboardInterrupt:
            return ExitStatus.INTERRUPTED
        except TerminatedError:
            return ExitStatus.TERMINATED
        except Exception as error:  # the last line of defence: our own faults are told in one line too
            if kwargs.get("debug"):
                traceback.print_exc()
            else:
                complain(_told(error))
            settle_output()  # it may be what cannot be written
            return ExitStatus.ERROR

    return run


@contextmanager
def until_closed() -> Iterator[None]:
    """End the block, and nothing else, where the reader of the output has seen enough: what was found so far counts."""
    try:
        yield
    except BrokenPipeError:
        discard_output()


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM as an exception, so that no half of a file stays; left alone where someone else sees to it."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one shall not stop the cleaning up
    raise TerminatedError


def _told(error: Exception) -> str:
    """The error as one line that says what to do."""
    chain = (error, error.__cause__)
    if any(isinstance(e, MemoryError) or any(words in str(e) for words in _OUT_OF_MEMORY) for e in chain):
        return "out of memory: give it more, or shorter inputs"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and not error.filename:
        return f"cannot write the output: {str(error.strerror).lower()}"
    if isinstance(error, BiasError | OSError):
        return str(error)
    return f"internal error ({type(error).__name__}: {error}); run again with --debug to see where"
