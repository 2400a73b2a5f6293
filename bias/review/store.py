"""The file that a review is kept in: JSON lines, only ever added to, each on the disk before anyone is told so."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from bias.errors import DataError, OutputError, UsageError
from bias.files import try_lock
from bias.review.corrections import Correction

_BEGIN = b'{"source": '
"""How every line begins: what does not is no torn line of ours."""


def read_corrections(path: Path) -> list[Correction]:
    """The verdicts of a file, in the order they were given; a torn last line, never told to be saved, is left out.

    Raises:
        DataError: it cannot be read, or a line is no verdict; the message names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    return _parse(path, content)[0]


def _parse(path: Path, content: bytes) -> tuple[list[Correction], int]:
    """The verdicts, and how many bytes of the content hold them."""
    found: list[Correction] = []
    sound = 0
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        last = number == len(lines)
        try:
            if line.strip():
                values = json.loads(line.decode("utf-8"))
                if not isinstance(values, dict):
                    raise DataError("not a JSON object")
                found.append(Correction.from_dict(values))
        except (ValueError, DataError) as error:
            if last and not isinstance(error, DataError) and (line.startswith(_BEGIN) or _BEGIN.startswith(line)):
                break
            raise DataError(f"{path}:{number}: {error}") from error
        sound += len(line) + (not last)
    return found, sound


class Store:
    """A file of verdicts, open for adding; alone with it as long as it is open.

    Raises:
        DataError: the file holds something else than verdicts.
        OutputError: it cannot be written.
        UsageError: another review has it open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
        try:
            if not try_lock(self._file):
                raise UsageError(f"another review has {path} open: close it, or choose another file with --labels")
            self._file.seek(0)
            content = self._file.read()
            self._corrections, sound = _parse(path, content)
            if sound < len(content):
                self._file.truncate(sound)
            if content[:sound] and not content[:sound].endswith(b"\n"):
                self._file.write(b"\n")
            _sync(self._file, path.parent)
        except BaseException:  # an interrupt too must not leave the file open and locked
            self._file.close()
            raise

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """All that is in the file, in the order given."""
        with self._guard:
            return tuple(self._corrections)

    def add(self, corrections: Iterable[Correction]) -> None:
        """Add verdicts; when this returns they are on the disk, and when it raises none of them is in the file.

        Raises:
            OutputError: they cannot be written.
        """
        new = list(corrections)
        lines = "".join(json.dumps(correction.to_dict()) + "\n" for correction in new).encode("ascii")
        with self._guard:
            size = self._file.seek(0, os.SEEK_END)
            try:
                written = 0
                while written < len(lines):
                    written += self._file.write(lines[written:]) or 0
                os.fsync(self._file.fileno())
            except OSError as error:
                self._file.truncate(size)
                raise OutputError(f"cannot write {self.path}: {(error.strerror or str(error)).lower()}") from error
            self._corrections += new

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _sync(file: BinaryIO, folder: Path) -> None:
    os.fsync(file.fileno())
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
