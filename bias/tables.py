"""Rows of JSON lines, CSV and Parquet, streamed: a table may be larger than memory, a row may not exceed the limit.

Rows are numbered from 1: the lines of JSON lines (blank ones count, and are skipped), the data rows of CSV and Parquet.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from bias.errors import EncodingError, InputError, MissingExtraError, TooLargeError, UsageError
from bias.files import (
    ENCODING_ADVICE,
    MAX_BYTES,
    PARQUET_MAGIC,
    SIGNATURE_BYTES,
    ErrorsMode,
    cannot_read,
    codec_name,
    display_name,
    open_file,
    peekable,
    refuse_binary,
    refuse_other_mark,
    replace_surrogates,
    strip_mark,
    too_large,
)

Row = dict[str, Any]
"""One row: values by column name, in the order of the columns. Those of CSV are all text."""

TABLE_SUFFIXES = (".jsonl", ".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading a table can be taken up: after the row of this number, at this position of its text.

    The position is what `TextIOBase.tell` gives, and 0 in Parquet.
    """

    number: int = 0
    position: int = 0


BEGINNING = Place()

_BATCH_ROWS = 256
_PAGE_BYTES = 1 << 20
"""Bytes of a Parquet column held at a time, however long it is."""
_SEPARATORS = (";", "\t", "|")
"""Of tables that call themselves CSV and are not."""
_SKIP = 1 << 16
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")  # what the error handler "surrogateescape" leaves of an invalid byte


def iter_rows(
    path: str | Path,
    *,
    encoding: str = "utf-8",
    errors: ErrorsMode = "strict",
    max_bytes: int = MAX_BYTES,
    stdin: BinaryIO | None = None,
) -> Iterator[tuple[int, Row]]:
    """The numbered rows of a table with all their columns; by suffix, and `-` is JSON lines on `stdin`.

    Lone surrogates (and with `errors="replace"` invalid bytes) become U+FFFD. `max_bytes` limits a row.

    Raises:
        InputError: one kind or another, with source and row in front, once the rows before it are given out.
        MissingExtraError: a Parquet table without the packages for it.
        UsageError: the suffix of no table, or no such encoding.
    """
    from_stdin = str(path) == "-"
    source, suffix = ("<stdin>", ".jsonl") if from_stdin else (display_name(Path(path)), Path(path).suffix.lower())
    number = 0
    try:
        opened = peekable(stdin or sys.stdin.buffer) if from_stdin else open_file(Path(path))
        with (
            opened as stream,
            closing(read_rows(stream, suffix, encoding=encoding, errors=errors, max_bytes=max_bytes)) as rows,
        ):
            for number, row in rows:
                if isinstance(row, InputError):
                    raise row
                yield number, without_surrogates(row)
    except OSError as error:
        raise InputError(f"{source}: {cannot_read(error)}") from error
    except RecursionError as error:  # less deep than the parser bears, too deep to be looked through
        raise InputError(f"{source}:{number}: JSON that cannot be read: nested too deep") from error
    except InputError as error:
        place = f"{source}:{number}" if number else source
        raise type(error)(f"{place}: {error}") from error


def is_parquet(stream: io.BufferedReader) -> bool:
    """Whether the stream is at the beginning of a Parquet table."""
    return stream.peek(len(PARQUET_MAGIC)).startswith(PARQUET_MAGIC)


def read_rows(
    stream: io.BufferedReader,
    suffix: str,
    *,
    encoding: str,
    errors: ErrorsMode,
    max_bytes: int,
    start: Place = BEGINNING,
) -> TableRows:
    """The numbered rows of an open table, each as read or the error in its place; surrogates are left to the caller.

    After an error that hides where the next row begins (broken quoting) the rest of the table is not read.

    Args:
        start: where to take up, a `TableRows.place` of an earlier reading with the same options.

    Raises:
        InputError: the table as a whole cannot be read.
        MissingExtraError: a Parquet table without the packages for it.
        UsageError: the suffix of no table, or no such encoding.
    """
    return TableRows(stream, suffix, encoding, errors, max_bytes, start)


class TableRows(Iterator[tuple[int, Row | InputError]]):
    """What `read_rows` gives; it opens the table with the first row and is to be closed."""

    def __init__(
        self,
        stream: io.BufferedReader,
        suffix: str,
        encoding: str,
        errors: ErrorsMode,
        max_bytes: int,
        start: Place,
    ) -> None:
        self._number = start.number
        self._text: TextIO | None = None
        self._rows = self._read(stream, suffix, encoding, errors, max_bytes, start)

    def __next__(self) -> tuple[int, Row | InputError]:
        self._number, row = next(self._rows)
        return self._number, row

    @property
    def place(self) -> Place:
        """Where the row after the last one given out begins; not to be asked for at the end of the table."""
        return Place(self._number, 0 if self._text is None else self._text.tell())

    def close(self) -> None:
        """Let go of the stream, which stays open."""
        self._rows.close()

    def _read(
        self,
        stream: io.BufferedReader,
        suffix: str,
        encoding: str,
        errors: ErrorsMode,
        max_bytes: int,
        start: Place,
    ) -> Generator[tuple[int, Row | InputError], None, None]:
        if is_parquet(stream) or suffix == ".parquet":
            yield from _parquet_rows(stream, max_bytes, start.number)
            return
        if suffix not in TABLE_SUFFIXES:
            raise UsageError(f"a table ends in {', '.join(TABLE_SUFFIXES)}, not {suffix or 'nothing'}")
        codec_name(encoding)
        head = stream.peek(SIGNATURE_BYTES)
        refuse_binary(head)
        refuse_other_mark(head, encoding)
        # Invalid bytes travel as surrogates to the row they stand in, so that the error is that row's alone.
        text = io.TextIOWrapper(stream, encoding, "surrogateescape", newline="\n" if suffix == ".jsonl" else "")
        self._text = text
        checked = encoding if errors == "strict" else None
        number = start.number
        read = _json_rows if suffix == ".jsonl" else _csv_rows
        try:
            for number, row in read(text, max_bytes, checked, start):
                yield number, row
        except UnicodeError as error:  # UTF-16 and UTF-32 have no bytes that could be kept as surrogates
            yield number + 1, EncodingError(f"not valid {encoding} ({error}): the rest of the table was not read")
        finally:
            self._text = None
            text.detach()


def _json_rows(
    text: TextIO, max_bytes: int, checked: str | None, start: Place
) -> Iterator[tuple[int, Row | InputError]]:
    number = start.number
    if number:
        text.seek(start.position)
    while line := text.readline(max_bytes + 1):
        number += 1
        if _exceeds(line, max_bytes):
            while line and not line.endswith("\n"):
                line = text.readline(_SKIP)
            yield number, too_large("a line", max_bytes)
        elif strip_mark(line).strip():
            error = _invalid_byte(line, "the line", checked)
            yield number, error or _json_object(strip_mark(line) if number == 1 else line)


def _json_object(line: str) -> Row | InputError:
    try:
        # NaN and Infinity are not JSON; where a writer left them they mean that there is no value.
        value = json.loads(line, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        return InputError(f"not valid JSON: {error.msg} at column {error.colno}")
    except (RecursionError, ValueError) as error:  # nesting without end, an integer of thousands of digits
        return InputError(f"JSON that cannot be read: {error}")
    return value if isinstance(value, dict) else InputError("not a JSON object, one a line is expected")


def _csv_rows(
    text: TextIO, max_bytes: int, checked: str | None, start: Place
) -> Iterator[tuple[int, Row | InputError]]:
    # The limit is the module's own state; it only ever grows here, and `_exceeds` keeps to the smaller one.
    csv.field_size_limit(max(csv.field_size_limit(), max_bytes))
    reader = csv.reader(_csv_lines(text, max_bytes), strict=True)
    number, header = start.number, None
    try:
        for cells in reader:
            if not cells:
                continue  # a blank line
            if header is None:
                header = _unique(cells)
                if number:
                    text.seek(start.position)
                continue
            number += 1
            if len(cells) != len(header):
                mark = next((mark for mark in _SEPARATORS if len(header) == 1 and mark in header[0]), None)
                advice = "" if mark is None else f": separate the cells by commas, not by {mark!r}"
                yield number, InputError(f"a row of {len(cells)} cells under a header of {len(header)}{advice}")
            elif _exceeds("".join(cells), max_bytes):
                yield number, too_large("a row", max_bytes)
            else:
                row = dict(zip(header, cells, strict=True))
                invalid = (_invalid_byte(cell, f"column {name!r}", checked) for name, cell in row.items())
                yield number, next(filter(None, invalid), row)
    except csv.Error as error:
        message = f"broken CSV up to line {reader.line_num} ({error}): is a quotation mark left open?"
        yield number + 1, InputError(f"{message} The rest of the table was not read")
    except TooLargeError as error:
        yield number + 1, error


def _csv_lines(text: TextIO, max_bytes: int) -> Iterator[str]:
    line = strip_mark(text.readline(max_bytes + 1))
    while line:
        if _exceeds(line, max_bytes):
            raise too_large("a line", max_bytes)
        yield line
        line = text.readline(max_bytes + 1)


def _parquet_rows(stream: io.BufferedReader, max_bytes: int, skipped: int) -> Iterator[tuple[int, Row | InputError]]:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtraError("reading Parquet", "parquet") from error
    number = 0
    with _seekable(stream) as file:
        try:
            # Buffering ahead would hold whole columns of a row group, which can be gigabytes.
            table = ParquetFile(file, buffer_size=_PAGE_BYTES, pre_buffer=False)
            _unique(table.schema_arrow.names)
            groups = list(range(table.num_row_groups))
            while groups and number + (rows := table.metadata.row_group(groups[0]).num_rows) <= skipped:
                number += rows
                del groups[0]
            for batch in table.iter_batches(batch_size=_BATCH_ROWS, row_groups=groups):
                passed = min(batch.num_rows, max(0, skipped - number))
                number += passed
                for row in batch.slice(passed).to_pylist():
                    number += 1
                    size = sum(len(value) for value in row.values() if isinstance(value, str | bytes))
                    yield number, (row if size <= max_bytes else too_large("a row", max_bytes))
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise InputError(f"not a Parquet table that can be read: {reason}") from error


@contextmanager
def _seekable(stream: io.BufferedReader) -> Iterator[BinaryIO]:
    """Parquet has its directory at the end, so a pipe is copied to a temporary file."""
    if stream.seekable():
        yield stream
        return
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(stream, file)
        file.seek(0)
        yield file


def _unique(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two columns of the same name: {', '.join(map(repr, twice))}")
    return names


def _exceeds(text: str, max_bytes: int) -> bool:
    # A code point takes one to four bytes, which mostly spares the counting.
    if len(text) * 4 <= max_bytes:
        return False
    return len(text) > max_bytes or len(text.encode("utf-8", "surrogatepass")) > max_bytes


def _invalid_byte(text: str, place: str, encoding: str | None) -> EncodingError | None:
    """The error for the first byte that is kept as a surrogate; no encoding means not to look."""
    if encoding is None or not (found := _ESCAPED_BYTE.search(text)):
        return None
    byte = ord(found[0]) - 0xDC00
    offset = len(text[: found.start()].encode(encoding))
    return EncodingError(f"byte 0x{byte:02X} at offset {offset} of {place} is not valid {encoding}: {ENCODING_ADVICE}")


def without_surrogates(value: Any) -> Any:
    """A value of a row with each lone surrogate, in any text of it, as U+FFFD."""
    match value:
        case str():
            return replace_surrogates(value)[0]
        case list():
            return [without_surrogates(item) for item in value]
        case dict():
            return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value


@lru_cache(maxsize=64)
def kept_names(columns: tuple[str, ...], taken: Collection[str]) -> tuple[str, ...]:
    """The names of an input's columns beside ours: "input_" goes before one that is taken."""

    def free(name: str) -> str:
        while name in taken or (name.startswith("input_") and name in columns):
            name = f"input_{name}"
        return name

    return tuple(free(name) if name in taken else name for name in columns)
