"""Files, folders and standard input to articles; what cannot be read becomes a value too, and never stops the others.

Text is kept as it is read, line ends and all, so that offsets point into the file. That holds for Markdown as well: its
front matter and fenced code are scored like any text (there is a warning), since an article without them would have
other offsets. For HTML they point into the extracted text, and a warning says so. Of both, the stretches between ignore
comments (`bias.comments`) are told; in the text of a page, which has no comments, they are those that lay between them.
"""

from __future__ import annotations

import io
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import BinaryIO, Literal

from bias.comments import Stretch, find_comments, stretches, warnings_of
from bias.errors import ColumnError, EmptyTextError, InputError, MissingExtraError, UsageError
from bias.files import (
    MAX_BYTES,
    ErrorsMode,
    cannot_read,
    codec_name,
    decode,
    display_name,
    open_file,
    peekable,
    replace_surrogates,
    too_large,
)
from bias.tables import TABLE_SUFFIXES, Row, is_parquet, read_rows
from bias.types import Article

SUFFIXES = (".txt", ".md", ".markdown", ".html", ".htm", *TABLE_SUFFIXES)
"""The files that are read from a folder. A file that is named itself may have any suffix, and is text by default."""

TAGS = "the tags of HTML are scored like text: the name of a page ends in .html (for standard input: --stdin-filename)"
EXTRACTED = "offsets are those of the text extracted from the page, not of the HTML file"

STDIN = "<stdin>"
"""The source of standard input without a name."""

Excluded = Callable[[Path, bool], bool]

_HTML_SUFFIXES = (".html", ".htm")
_MARKDOWN_SUFFIXES = (".md", ".markdown")
_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n.*?^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_HTML = re.compile(r"</(?:p|div|body|html|script|article)>", re.IGNORECASE)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """An input, or a row of one, that could not be read."""

    source: str
    error: InputError | MissingExtraError


@dataclass(frozen=True, slots=True)
class _Options:
    encoding: str
    errors: ErrorsMode
    max_bytes: int
    text_column: str

    def __post_init__(self) -> None:
        codec_name(self.encoding)
        if self.errors not in ("strict", "replace"):
            raise UsageError(f"errors is 'strict' or 'replace', not {self.errors!r}")
        if self.max_bytes < 1:
            raise UsageError(f"max_bytes is at least 1, not {self.max_bytes}")


def read(
    path: str | Path,
    *,
    encoding: str = "utf-8",
    errors: ErrorsMode = "strict",
    max_bytes: int = MAX_BYTES,
    text_column: str = "text",
) -> Iterator[Article | ReadFailure]:
    """The article in a text, Markdown or HTML file, or those in the rows of a JSON lines, CSV or Parquet file.

    Args:
        path: A file; its suffix tells the format, except that a Parquet table is known by its first bytes.
        encoding: A text encoding that Python knows. A byte order mark is no part of the text.
        errors: "strict" fails on invalid bytes, "replace" makes them U+FFFD and warns.
        max_bytes: The limit for a file; in a table, for a row.
        text_column: Where a table has its texts. Titles are taken from a column `title`.

    Raises:
        UsageError: no such encoding, or another option without meaning. All other errors are values.
    """
    return _read_file(Path(path), _Options(encoding, errors, max_bytes, text_column))


def read_all(
    paths: Iterable[str | Path],
    *,
    encoding: str = "utf-8",
    errors: ErrorsMode = "strict",
    max_bytes: int = MAX_BYTES,
    text_column: str = "text",
    stdin: BinaryIO | None = None,
    stdin_filename: str | None = None,
    excluded: Excluded = lambda path, named: False,
) -> Iterator[Article | ReadFailure]:
    """The articles of many files and folders, in order, as `read` gives them; `-` is standard input.

    Files are those of `find_files`. `stdin` defaults to the process's own; `stdin_filename` is its source, and by its
    suffix its format.

    Raises:
        UsageError: no such encoding, or another option without meaning. All other errors are values.
    """
    options = _Options(encoding, errors, max_bytes, text_column)
    return _read_all(find_files(paths, excluded), options, stdin, stdin_filename)


def find_files(
    paths: Iterable[str | Path], excluded: Excluded = lambda path, named: False
) -> Iterator[Path | Literal["-"] | ReadFailure]:
    """The files of many files and folders, in order; `-` is standard input.

    A folder gives its files with one of the `SUFFIXES`, sorted, those of its folders too. Names that begin with a dot
    are skipped and links to folders are not followed.

    Args:
        excluded: whether to pass over a file or folder; the second argument says whether it is one of the `paths`.
    """
    for path in paths:
        if str(path) == "-":
            yield "-"
        elif not excluded(Path(path), True):
            yield from _walk(Path(path), excluded) if _is_folder(Path(path)) else [Path(path)]


def read_text(text: str, source: str = "<text>", *, title: str | None = None) -> Article:
    """An article of a text. Lone surrogates become U+FFFD, one for one.

    Raises:
        EmptyTextError: nothing but white space.
    """
    text, replaced = replace_surrogates(text)
    if not text.strip():
        raise EmptyTextError("nothing but white space, no text to score" if text else "empty, no text to score")
    warnings = (f"characters that are no Unicode text, replaced by U+FFFD: {replaced}",) if replaced else ()
    return Article(text, source, replace_surrogates(title)[0] if title else None, warnings)


def read_bytes(data: bytes, source: str = "<bytes>", encoding: str = "utf-8", errors: ErrorsMode = "strict") -> Article:
    """An article of the bytes of a text, Markdown or HTML file; the suffix of `source` tells which.

    Raises:
        BinaryFileError: a known binary format.
        EncodingError: invalid bytes (the message names their offset) or the byte order mark of another encoding.
        EmptyTextError: nothing but white space, or a page without an article.
        MissingExtraError: HTML without the packages for it.
        UsageError: no such encoding.
    """
    text, warnings = decode(data, encoding, errors)
    suffix = _suffix(source)
    title = None
    ignored: tuple[Stretch, ...] = ()
    if suffix in _HTML_SUFFIXES:
        warnings += (EXTRACTED, *warnings_of(text, find_comments(text, markdown=False)))
        from bias.extraction import extract

        title, text, ignored = extract(text)
    elif suffix in _MARKDOWN_SUFFIXES:
        comments = tuple(find_comments(text, markdown=True))
        warnings += (*_markup_warnings(text), *warnings_of(text, comments))
        ignored = stretches(comments, len(text))
    elif _HTML.search(text):
        warnings += (TAGS,)
    article = read_text(text, source, title=title)
    return replace(article, warnings=warnings + article.warnings, ignored=ignored)


def _read_all(
    files: Iterable[Path | Literal["-"] | ReadFailure],
    options: _Options,
    stdin: BinaryIO | None,
    stdin_filename: str | None,
) -> Iterator[Article | ReadFailure]:
    for file in files:
        if file == "-":
            with peekable(stdin or sys.stdin.buffer) as stream:
                yield from _read_stream(stream, stdin_filename or STDIN, options)
        elif isinstance(file, ReadFailure):
            yield file
        else:
            yield from _read_file(file, options)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # opening it as a file says why
        return False


def _walk(folder: Path, excluded: Excluded) -> Iterator[Path | ReadFailure]:
    """The readable files below a folder, sorted, and the folders that cannot be listed, or that it has no such file."""
    empty = True
    waiting = [(folder, True)]
    while waiting:
        path, is_folder = waiting.pop()
        readable = is_folder or path.suffix.lower() in SUFFIXES
        if path != folder and readable and excluded(path, False):
            empty = False
        elif is_folder:
            try:
                with os.scandir(path) as entries:
                    shown = [entry for entry in entries if not entry.name.startswith(".")]
                    waiting += sorted(((Path(e.path), e.is_dir(follow_symlinks=False)) for e in shown), reverse=True)
            except OSError as error:
                empty = False
                yield ReadFailure(display_name(path), cannot_read(error))
        elif readable:
            empty = False
            yield path
    if empty:
        yield ReadFailure(display_name(folder), InputError(f"a folder without any {', '.join(SUFFIXES)} file"))


def _read_file(path: Path, options: _Options) -> Iterator[Article | ReadFailure]:
    source = display_name(path)
    try:
        stream = open_file(path)
    except InputError as error:
        yield ReadFailure(source, error)
        return
    with stream:
        yield from _read_stream(stream, source, options)


def _read_stream(stream: io.BufferedReader, source: str, options: _Options) -> Iterator[Article | ReadFailure]:
    try:
        if is_table(stream, source):
            yield from _read_table(stream, source, options)
            return
        data = stream.read(options.max_bytes + 1)
        if len(data) > options.max_bytes:
            raise too_large("a file", options.max_bytes)
        yield read_bytes(data, source, options.encoding, options.errors)
    except OSError as error:
        yield ReadFailure(source, cannot_read(error))
    except (InputError, MissingExtraError) as error:
        yield ReadFailure(source, error)


def is_table(stream: io.BufferedReader, source: str) -> bool:
    """Whether an open file is read as a table of articles, by the suffix of its name or as Parquet."""
    return _suffix(source) in TABLE_SUFFIXES or is_parquet(stream)


def _read_table(stream: io.BufferedReader, source: str, options: _Options) -> Iterator[Article | ReadFailure]:
    """The articles of an open table.

    Raises:
        InputError: the table as a whole cannot be read, or has no rows.
        MissingExtraError: a Parquet table without the packages for it.
        OSError: the stream fails.
    """
    rows = read_rows(
        stream, _suffix(source), encoding=options.encoding, errors=options.errors, max_bytes=options.max_bytes
    )
    with closing(rows):
        yield from (article for article, _ in table_articles(rows, source, options.text_column))


def table_articles(
    rows: Iterable[tuple[int, Row | InputError]], source: str, text_column: str
) -> Iterator[tuple[Article | ReadFailure, Row]]:
    """The articles of a table's numbered rows, each with its row (empty where that could not be read).

    Raises:
        InputError: the table as a whole cannot be read, has no rows, or has no such column.
    """
    empty = True
    for number, row in rows:
        empty = False
        place = f"{source}:{number}"
        if isinstance(row, InputError):
            yield ReadFailure(place, row), {}
            continue
        try:
            yield _row_article(row, place, text_column), row
        except ColumnError as error:
            if _suffix(source) != ".jsonl":  # the columns are those of all rows
                raise
            yield ReadFailure(place, error), row
        except InputError as error:
            yield ReadFailure(place, error), row
    if empty:
        raise EmptyTextError("a table without rows")


def _row_article(row: Row, source: str, text_column: str) -> Article:
    if text_column not in row:
        found = textwrap.shorten(", ".join(replace_surrogates(name)[0] for name in row), 300, placeholder=" ...")
        raise ColumnError(f"no column {text_column!r}, only {found or 'none'}: name the one to read by --text-column")
    text, title = row[text_column], row.get("title")
    if text is None:
        raise EmptyTextError(f"no text in column {text_column!r}")
    if not isinstance(text, str):
        raise InputError(f"column {text_column!r} holds a value of type {type(text).__name__}, not text")
    return read_text(text, source, title=title if isinstance(title, str) else None)


def _suffix(source: str) -> str:
    return PurePath(source).suffix.lower()


def _markup_warnings(text: str) -> tuple[str, ...]:
    found = {"YAML front matter": _FRONT_MATTER.match(text), "fenced code": _FENCE.search(text)}
    return tuple(f"the {name} of the file is scored like its text" for name, match in found.items() if match)
