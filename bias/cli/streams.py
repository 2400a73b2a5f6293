"""The three standard streams: what comes in by one, who watches another, and one clear line on the third."""

from __future__ import annotations

import io
import os
import sys
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
    print("bias:", one_line(message), file=sys.stderr)


def note(message: str) -> None:
    """Print one line on standard error that is no complaint: what was read, how far the work is."""
    print(one_line(message), file=sys.stderr)


def standard_input() -> BinaryIO:
    """The bytes of standard input; none if it is closed."""
    return sys.stdin.buffer if sys.stdin else io.BytesIO()


def is_piped() -> bool:
    """Whether standard input is open and no terminal."""
    return sys.stdin is not None and not sys.stdin.isatty()


def is_watched() -> bool:
    """Whether standard error is a terminal, where progress may be shown."""
    return sys.stderr.isatty()


def discard_output() -> None:
    """Send what is still buffered for standard output nowhere, so that a closed pipe cannot fail Python's exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
