"""The three standard streams: what comes in by one, who watches another, and one clear line on the third."""

from __future__ import annotations

import io
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from bias.reporting.marking import one_line


def prepare() -> None:
    """Let neither a closed stream nor a character that a terminal lacks stop the work."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def complain(message: str) -> None:
    """Print one line on standard error, with nothing in it that could command a terminal."""
    _tell(f"bias: {one_line(message)}")


def note(message: str) -> None:
    """Print one line on standard error that is no complaint: what was read, how far the work is."""
    _tell(one_line(message))


def standard_input() -> BinaryIO:
    """The bytes of standard input; none if it is closed."""
    return sys.stdin.buffer if sys.stdin else io.BytesIO()


def is_piped() -> bool:
    """Whether standard input is open, and neither a terminal nor /dev/null, from which nobody pipes a text."""
    if sys.stdin is None or sys.stdin.isatty():
        return False
    try:
        return not stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode)
    except OSError:  # of a stream without a file, as notebooks have
        return True


def is_watched() -> bool:
    """Whether standard error is a terminal, where progress may be shown."""
    return sys.stderr.isatty()


def discard_output() -> None:
    """Send what is still buffered for standard output nowhere, so that it cannot fail Python's exit."""
    _silence(sys.stdout)


def settle_output() -> None:
    """Print what is still buffered for standard output, or send it nowhere if that cannot be."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()


def _tell(line: str) -> None:
    """Print a line on standard error; nobody who reads it, or no room for it, is no reason to stop the work."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def _silence(stream: TextIO) -> None:
    with suppress(OSError):  # of a stream without a file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
