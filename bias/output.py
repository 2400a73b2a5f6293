"""Files that appear whole or not at all: written beside the target, synced, renamed."""

from __future__ import annotations

import csv
import datetime
import errno
import json
import math
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Container, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from numbers import Integral, Real
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, Protocol, TextIO, overload

from bias.errors import MissingExtraError, OutputError, UsageError

ROW_SUFFIXES = (".jsonl", ".csv", ".parquet")

TEMPORARY = ".bias-"
"""How the names of files begin that are being written, or were when a run was killed."""

# Errors that come from writing, even where the code under `atomic_write` does other things as well.
_WRITE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_BATCH_ROWS = 4_096


class RowWriter(Protocol):
    """What `row_writer` gives."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row, its columns in their order.

        Raises:
            OutputError: the format has no place for the row.
        """


@overload
def atomic_write(path: str | Path, *, binary: Literal[False] = False) -> AbstractContextManager[TextIO]: ...
@overload
def atomic_write(path: str | Path, *, binary: Literal[True]) -> AbstractContextManager[BinaryIO]: ...
def atomic_write(path: str | Path, *, binary: bool = False) -> AbstractContextManager[IO[Any]]:
    """A stream to a new file that takes the place of `path` once the block ends, and never does if the block raises.

    Text is UTF-8 with its line ends as written. A file that is replaced passes on its mode bits, and a link stays a
    link. What is no file (/dev/stdout, a pipe) cannot be replaced, and is written to as the text comes.

    Raises:
        OutputError: there is no such folder, it or the file may not be written to, `path` is a folder, or no space is
            left; the message names the path.
    """
    return _atomic_write(Path(path), binary)


@contextmanager
def row_writer(path: str | Path) -> Iterator[RowWriter]:
    """A writer of rows to JSON lines, CSV or Parquet by suffix; the file appears whole or not at all.

    JSON lines and CSV are streamed; CSV has the columns of the first row, and JSON in the cells that hold lists or
    objects. Parquet is held in memory, as Arrow columns, for only all rows together tell the type of a column.
    What JSON lacks is written as null (NaN, infinities) or as text (dates in ISO 8601).

    Raises:
        OutputError: as `atomic_write`, or the rows do not fit the format.
        MissingExtraError: Parquet without the packages for it.
        UsageError: another suffix.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".jsonl":
            with atomic_write(path) as text:
                yield JsonLinesWriter(text)
        case ".csv":
            with atomic_write(path) as text:
                yield _Csv(text, path)
        case ".parquet":
            with atomic_write(path, binary=True) as stream:
                writer = _Parquet(path)
                yield writer
                writer.save(stream)
        case suffix:
            raise UsageError(f"cannot write {path}: rows go to {', '.join(ROW_SUFFIXES)}, not {suffix or 'nothing'}")


@contextmanager
def _atomic_write(path: Path, binary: bool) -> Iterator[IO[Any]]:
    with output_errors(path):
        target = path.resolve()  # so that the target of a link is replaced, not the link
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and stat.S_ISDIR(mode):
            raise OutputError(f"cannot write {path}: it is a folder")
        if mode is not None and not os.access(target, os.W_OK):
            raise OutputError(f"cannot write {path}: it is read-only")
        in_place = mode is not None and not stat.S_ISREG(mode)
        written = target if in_place else target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}.tmp")
        stream = _open(written, "w" if in_place else "x", binary)
        if mode is not None and not in_place:
            written.chmod(stat.S_IMODE(mode))  # before anything is in it: who may not read the old may not read the new
    if in_place:
        with output_errors(path, _WRITE_ERRORS), stream:
            yield stream
        return
    try:
        with output_errors(path, _WRITE_ERRORS), stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with output_errors(path):
            written.replace(target)
            sync(target.parent)
    finally:
        with suppress(OSError):  # of a folder that has become read-only: what is told is why the file is not there
            written.unlink(missing_ok=True)


@contextmanager
def new_folder(path: str | Path, scratch: Path | None = None) -> Iterator[Path]:
    """A folder to write files into, which becomes `path` once the block ends, and never does if the block raises.

    It lies beside `path`, or is `scratch` on the same drive, where what a killed run has left is thrown away.

    Raises:
        OutputError: as `refuse_existing`; there is no such folder to put it in, or it may not be written to.
    """
    path = Path(path)
    refuse_existing(path)
    with output_errors(path):
        if scratch is None:
            scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", suffix=".tmp", dir=path.parent))
        else:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
    try:
        with output_errors(path, _WRITE_ERRORS):
            yield scratch
        with output_errors(path):
            mask = os.umask(0)
            os.umask(mask)
            scratch.chmod(0o777 & ~mask)  # a temporary folder is its maker's alone, and so are some libraries' files
            for file in scratch.iterdir():
                file.chmod(0o666 & ~mask)
                sync(file)
            sync(scratch)
            scratch.replace(path)
            sync(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def refuse_existing(path: str | Path, *, parent: bool = True) -> None:
    """Refuse to write a folder over anything but an empty one, before any work is done for it.

    Args:
        parent: whether the folder to put it in must be there.

    Raises:
        OutputError: there is something, or no folder to put it in.
    """
    path = Path(path)
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise OutputError(f"cannot write {path}: it exists; give another folder or remove it first")
    if parent and not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}")


def _open(path: Path, mode: str, binary: bool) -> IO[Any]:
    return path.open(f"{mode}b") if binary else path.open(mode, encoding="utf-8", newline="")


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk: Windows and some network drives cannot for folders."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def output_errors(path: Path, numbers: Container[int | None] | None = None, doing: str = "write") -> Iterator[None]:
    """Turn errors of the operating system (only those of the `numbers`, if given) into ours.

    Raises:
        OutputError: what was being done with the path, and why it could not be.
    """
    try:
        yield
    except OSError as error:
        if numbers is not None and error.errno not in numbers:
            raise
        missing = isinstance(error, FileNotFoundError) and doing == "write"
        reason = f"there is no folder {path.parent}" if missing else (error.strerror or str(error)).lower()
        raise OutputError(f"cannot {doing} {path}: {reason}") from error


class JsonLinesWriter:
    """A `RowWriter` of JSON lines to an open stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row as one line."""
        self._stream.write(json.dumps(_plain(row), ensure_ascii=False) + "\n")


class _Csv:
    def __init__(self, stream: TextIO, path: Path) -> None:
        # Lines end in CRLF, as RFC 4180 has it: with "\n" alone the module leaves cells that hold a "\r" unquoted.
        self._writer = csv.writer(stream)
        self._path = path
        self._columns: tuple[str, ...] | None = None

    def write(self, row: Mapping[str, Any]) -> None:
        if self._columns is None:
            self._columns = tuple(row)
            self._writer.writerow(self._columns)
        added = next((name for name in row if name not in self._columns), None)
        if added is not None:
            raise OutputError(
                f"cannot write {self._path}: column {added!r} is not in the first row; .jsonl allows that"
            )
        self._writer.writerow([cell(row.get(name)) for name in self._columns])


class _Parquet:
    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("writing Parquet", "parquet") from error
        self._arrow = pyarrow
        self._path = path
        self._rows: list[Mapping[str, Any]] = []
        self._tables: list[Any] = []

    def write(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) == _BATCH_ROWS:
            self._pack()

    def save(self, stream: BinaryIO) -> None:
        self._pack()
        with self._arrow_errors():
            # Permissive: a column that holds only nulls, empty lists or whole numbers in one batch takes the type it
            # has in another.
            table = self._arrow.concat_tables(self._tables, promote_options="permissive")
            self._arrow.parquet.write_table(table, stream)

    def _pack(self) -> None:
        names = dict.fromkeys(name for row in self._rows for name in row)
        with self._arrow_errors():
            self._tables.append(self._arrow.table({name: [row.get(name) for row in self._rows] for name in names}))
        self._rows = []

    @contextmanager
    def _arrow_errors(self) -> Iterator[None]:
        try:
            yield
        except (self._arrow.ArrowException, OverflowError) as error:
            reason = str(error).partition("\n")[0]
            raise OutputError(f"cannot write {self._path}: {reason}; .jsonl takes any values") from error


def _plain(value: Any) -> Any:
    """The value in the types of JSON."""
    match value:
        case None | bool() | str():
            return value
        case Integral():
            return int(value)
        case Real():
            return float(value) if math.isfinite(value) else None
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case datetime.date() | datetime.time():
            return value.isoformat()
    return str(value)


def cell(value: Any) -> str:
    """The value as the text of a cell: empty for none, JSON for all that is no text."""
    value = _plain(value)
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)
