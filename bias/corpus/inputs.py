"""The articles of a corpus: which files there are, how they are cut into shards, and the rows of a shard.

Nothing here holds more than a few rows, whatever the size of a file.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path, PurePath

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from bias.corpus.plan import InputFile, Piece, Settings, Shard, Stamp
from bias.corpus.schema import USED, joined, plain_type, type_of
from bias.errors import ColumnError, InputError, MissingExtraError, UsageError
from bias.files import cannot_read, display_name, open_file, replace_surrogates
from bias.modelfolder import digest
from bias.reading import ReadFailure, find_files, is_table, read, table_articles
from bias.tables import BEGINNING, Place, Row, TableRows, is_parquet, read_rows, without_surrogates
from bias.types import Article

MAX_COLUMNS = 500
"""More are a sign of rows whose keys are values."""


def list_inputs(paths: Iterable[str]) -> dict[InputFile, Stamp]:
    """The files that are named and those of the folders, in order, each with its digest and as it was before that.

    Raises:
        InputError: a folder that cannot be listed, or has no such file.
        UsageError: the same file twice, or standard input.
    """
    found: dict[InputFile, Stamp] = {}
    names: set[str] = set()
    for path in find_files(paths):
        if path == "-":
            raise UsageError("a corpus is read more than once, so it cannot come from standard input: name files")
        if isinstance(path, ReadFailure):
            raise InputError(f"{path.source}: {path.error}")
        if str(path) in names:
            raise UsageError(f"{display_name(path)} is named twice")
        names.add(str(path))
        stamp = Stamp.of(path)
        found[_describe(path)] = stamp
    return found


def _describe(path: Path) -> InputFile:
    try:
        with open_file(path):  # refuses what is no file
            return InputFile(str(path), path.stat().st_size, digest(path))
    except (InputError, OSError):  # reading it says why
        return InputFile(str(path), None, None)


def cut(inputs: Iterable[InputFile], settings: Settings) -> tuple[pa.Schema, tuple[Shard, ...]]:
    """The columns of the files beside the text, and the shards: rows in order, `shard_rows` each, the last one fewer.

    What cannot be read as a whole counts as one row.

    Raises:
        InputError: a file fails while it is read.
        UsageError: there are too many columns.
    """
    columns: dict[str, pa.DataType] = {}
    cutter = _Cutter(settings.shard_rows)
    for number, file in enumerate(inputs):
        try:
            _survey(number, Path(file.path), settings, cutter, columns)
        except OSError as error:
            raise InputError(f"{file.path}: {cannot_read(error)}") from error
    names = [name for name in columns if name not in (settings.text_column, *USED)]
    fields = [(name, pa.string() if pa.types.is_null(columns[name]) else columns[name]) for name in names]
    return pa.schema(fields), cutter.finish()


class _Cutter:
    """Rows in, shards out."""

    def __init__(self, rows: int) -> None:
        self._rows = self._room = rows
        self._pieces: list[Piece] = []
        self._shards: list[Shard] = []
        self._first = 0

    def add(self, file: int, rows: int) -> None:
        """Rows whose places are their numbers: those of a Parquet table, or the one of a text."""
        number = 0
        while number < rows:
            taken = min(self._room, rows - number)
            self._take(Piece(file, Place(number), taken))
            number += taken

    def add_text(self, file: int, rows: TableRows) -> Iterator[Row]:
        """The rows of a table of text; each is added when the next one is asked for."""
        start, taken = BEGINNING, 0
        for _, row in rows:
            if not isinstance(row, InputError):
                yield row
            taken += 1
            if taken == self._room:
                self._take(Piece(file, start, taken))
                start, taken = rows.place, 0
        if taken:
            self._take(Piece(file, start, taken))
        elif start == BEGINNING:  # no rows at all, which reading it says
            self.add(file, 1)

    def finish(self) -> tuple[Shard, ...]:
        """All shards."""
        if self._pieces:
            self._close()
        return tuple(self._shards)

    def _take(self, piece: Piece) -> None:
        self._pieces.append(piece)
        self._room -= piece.rows
        if not self._room:
            self._close()

    def _close(self) -> None:
        shard = Shard(len(self._shards), self._first, tuple(self._pieces))
        self._shards.append(shard)
        self._first += shard.rows
        self._pieces, self._room = [], self._rows


def _survey(number: int, path: Path, settings: Settings, cutter: _Cutter, columns: dict[str, pa.DataType]) -> None:
    """Give the cutter the rows of a file, and `columns` its columns."""
    source = display_name(path)
    suffix = PurePath(source).suffix.lower()
    try:
        with open_file(path) as stream:
            if not is_table(stream, source):
                cutter.add(number, 1)
            elif is_parquet(stream) or suffix == ".parquet":
                table = ParquetFile(stream)
                names = table.schema_arrow.names
                fits = settings.text_column in names and len(set(names)) == len(names) and table.metadata.num_rows
                for field in table.schema_arrow if fits else ():
                    _join(columns, field.name, plain_type(field.type), path)
                cutter.add(number, table.metadata.num_rows if fits else 1)
            else:
                with closing(_open_rows(stream, source, settings)) as rows:
                    for row in cutter.add_text(number, rows):
                        if suffix != ".jsonl" and settings.text_column not in row:  # nor in any other row of it
                            raise ColumnError
                        for name, value in row.items():
                            _join(columns, replace_surrogates(name)[0], type_of(value), path)
    except (InputError, MissingExtraError, pa.ArrowException):  # reading it says why
        cutter.add(number, 1)


def _join(columns: dict[str, pa.DataType], name: str, kind: pa.DataType, path: Path) -> None:
    columns[name] = joined(columns.get(name, pa.null()), kind)
    if len(columns) > MAX_COLUMNS:
        raise UsageError(f"{display_name(path)}: over {MAX_COLUMNS} columns up to here: leave out what is not wanted")


def read_piece(path: str, piece: Piece, settings: Settings) -> Iterator[tuple[Article | ReadFailure, Row]]:
    """The articles of a piece, each with its row: empty for texts, and for what could not be read.

    Raises:
        InputError: the file fails while it is read.
    """
    source = display_name(Path(path))
    try:
        with open_file(Path(path)) as stream:
            if is_table(stream, source):
                with closing(_open_rows(stream, source, settings, piece.start)) as rows:
                    articles = table_articles(islice(rows, piece.rows), source, settings.text_column)
                    yield from ((article, without_surrogates(row)) for article, row in articles)
                return
    except (InputError, MissingExtraError) as error:
        yield ReadFailure(source, error), {}
        return
    except OSError as error:
        raise InputError(f"{source}: {cannot_read(error)}") from error
    for text in read(path, encoding=settings.encoding, errors=settings.errors, max_bytes=settings.max_bytes):
        yield text, {}


def _open_rows(stream: io.BufferedReader, source: str, settings: Settings, start: Place = BEGINNING) -> TableRows:
    return read_rows(
        stream,
        PurePath(source).suffix.lower(),
        encoding=settings.encoding,
        errors=settings.errors,
        max_bytes=settings.max_bytes,
        start=start,
    )
