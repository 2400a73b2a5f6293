"""Labelled sentences from files, named public sets and the Hugging Face hub, as examples.

A set of data is named by PATH (CSV, JSON lines or Parquet by its suffix), by the name of a public set (`SOURCES`), or
by hf:NAME[:SPLIT]; @WEIGHT after any of them gives all its examples that weight. A file wins over a named set.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bias.errors import ColumnError, DataError, EmptyTextError, UsageError
from bias.files import MAX_BYTES, ErrorsMode, display_name
from bias.modelfolder import digest
from bias.tables import TABLE_SUFFIXES, Row, iter_rows
from bias.training import cells
from bias.training.examples import Example
from bias.training.sources import SOURCES, digest_of_rows, hub_rows, outlet_name, read_named

Labels = Literal["required", "optional"]

USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "spans": ("spans",),
    "votes": ("votes_biased/votes", "votes"),
    "group": ("group", "news_link", "article"),
    "outlet": ("outlet",),
    "leaning": ("leaning",),
    "topic": ("topic",),
    "weight": ("weight",),
    "outlet_label": ("outlet_label",),
    "opinion": ("opinion",),
}
"""Where a value is looked for whose column is not named; of `group`, the first that is not empty in a row."""

_WEIGHT = re.compile(r"(.+)@([0-9.eE+-]+)", re.DOTALL)
_MANY = 5
"""So many examples of what was found an error names."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table of labelled sentences.

    None stands for the usual name (`USUAL_NAMES`), if the table has it; "" for none at all. A name that is given must
    exist. `votes` may name two columns with a count each, as "votes_biased/votes".
    """

    text: str = "text"
    label: str = "label"
    spans: str | None = None
    votes: str | None = None
    group: str | None = None
    outlet: str | None = None
    leaning: str | None = None
    topic: str | None = None
    weight: str | None = None
    outlet_label: str | None = None
    opinion: str | None = None


@dataclass(frozen=True, slots=True)
class DataFile:
    """Where examples came from.

    `name` is as the user gave it, without folders. `sha256` is that of the file (of a set from the hub: of its rows as
    JSON). `rows` were read, of which `labelled` say something to learn from; `weight` is that of the whole file, and
    `missed` counts the words given as spans that their text does not hold.
    """

    name: str
    sha256: str
    rows: int
    labelled: int
    weight: float
    missed: int = 0

    @property
    def unlabelled(self) -> int:
        """Rows that nobody has labelled."""
        return self.rows - self.labelled


@dataclass(frozen=True, slots=True)
class Loaded:
    """All examples in the order of files and rows, and the files."""

    examples: tuple[Example, ...]
    files: tuple[DataFile, ...]


def load_data(
    specs: Sequence[str],
    columns: Columns = Columns(),
    *,
    positive: str | None = None,
    folder: Path | None = None,
    encoding: str = "utf-8",
    errors: ErrorsMode = "strict",
    max_bytes: int = MAX_BYTES,
    labels: Labels = "required",
) -> Loaded:
    """Read labelled sentences.

    Args:
        specs: PATH, the name of a public set, or hf:NAME[:SPLIT]; each may end in @WEIGHT, which is multiplied with a
            weight column.
        columns: of the tables; named sets have their own.
        positive: the label that means opinionated, every other one being neutral, for tables that use other labels
            than ours.
        folder: where the files of public sets lie; those that it lacks are asked for on the hub.
        labels: "required" leaves rows without a label out (and refuses a table that has none); "optional" keeps them
            with label None, and asks for no label column. Named sets that label something else than bias keep their
            rows either way.

    Raises:
        ColumnError: a table lacks a column that was asked for; the message lists those it has.
        DataError: a row cannot be used (the message names file and row, what was found and what was expected), nothing
            is labelled, or a named set cannot be had.
        InputError: a file cannot be read.
        MissingExtraError: the packages for a format or the hub are not installed.
        UsageError: no data, no such encoding, or a weight that is none.
    """
    if not specs:
        raise UsageError("no data given: name a .csv, .jsonl or .parquet file")
    examples: list[Example] = []
    files: list[DataFile] = []
    tables: list[_Table] = []
    for spec in specs:
        name, factor = _parse(spec)
        table = None
        if _is_file(name):
            path = Path(name)
            rows = iter_rows(path, encoding=encoding, errors=errors, max_bytes=max_bytes)
            table = _Table.of(display_name(Path(path.name)), rows, columns, positive, labels)
            sha256 = digest(path)
        elif name.startswith("hf:"):
            numbered = list(enumerate(hub_rows(*_hub_name(name)), 1))
            table = _Table.of(name, numbered, columns, positive, labels)
            sha256 = digest_of_rows(row for _, row in numbered)
        if table is not None:
            found, missed, read, tables = table.examples, table.missed, table.rows, [*tables, table]
        else:
            found, sha256 = read_named(name, folder)
            missed, read = 0, len(found)
        labelled = sum(map(_is_labelled, found))
        shown = table.name if table is not None else name
        if labels == "required" and table is not None:
            found = [example for example in found if _is_labelled(example)]
            if not found:
                raise DataError(f"{shown}: none of the {read} rows has a label in column {columns.label!r}")
        files.append(DataFile(shown, sha256, read, labelled, factor, missed))
        examples += [replace(e, weight=e.weight * factor) for e in found] if factor != 1 else found
    if positive is not None and tables and not any(table.met for table in tables):
        values = _quoted(value for table in tables for value in table.values)
        raise DataError(
            f"no row of {', '.join(t.name for t in tables)} is labelled {positive!r} (--positive); found {values}"
        )
    return Loaded(tuple(examples), tuple(files))


def with_soft_labels(examples: Iterable[Example]) -> list[Example]:
    """The examples with the share of their votes as label where votes are known, unchanged where not.

    The share is the plain one, unsmoothed: 3 of 5 is 0.6. Learning from such labels with cross-entropy keeps what the
    annotators disagreed about (Uma et al. 2021, "Learning from disagreement: a survey").
    """
    return [
        replace(example, label=example.votes[0] / example.votes[1]) if example.votes else example
        for example in examples
    ]


def _is_labelled(example: Example) -> bool:
    return example.label is not None or example.opinion is not None or bool(example.techniques)


def _parse(spec: str) -> tuple[str, float]:
    """What is to be read, and its weight."""
    if spec == "-":
        raise UsageError("labelled data is read from files, not from standard input")
    found = None if Path(spec).is_file() else _WEIGHT.fullmatch(spec)
    if found is None:
        return spec, 1.0
    factor = cells.number(found[2])
    if factor is None or factor <= 0:
        raise UsageError(f"{spec}: the weight after @ is a number above 0, not {found[2]!r}")
    return found[1], factor


def _is_file(name: str) -> bool:
    """Whether a spec names a file, there or not, and no set.

    Raises:
        DataError: it is of no kind that labelled data comes in, or it is neither a file nor a set.
    """
    if name.startswith("hf:") and not Path(name).is_file():
        return False
    path = Path(name)
    if name in SOURCES and not path.is_file():
        return False
    suffix = path.suffix.lower()
    looks_like_path = bool(suffix) or os.sep in name or path.exists()
    if not looks_like_path:
        close = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise DataError(f"{name!r} is neither a file nor a data set; the sets are {', '.join(SOURCES)}{hint}")
    if suffix not in TABLE_SUFFIXES and not path.is_dir():
        found = suffix or "one without a suffix"
        raise DataError(f"{display_name(path)}: labelled data is a .csv, .jsonl or .parquet file, not {found}")
    return True


def _hub_name(spec: str) -> tuple[str, str]:
    name, _, part = spec.removeprefix("hf:").partition(":")
    if not name:
        raise UsageError(f"{spec!r} names no data set: write hf:NAME or hf:NAME:SPLIT")
    return name, part or "train"


@dataclass(frozen=True, slots=True)
class _Table:
    """A table read: its examples, and what its labels are (`values`, `met`: whether one of them is the positive)."""

    name: str
    examples: list[Example]
    rows: int
    missed: int
    values: tuple[str, ...]
    met: bool

    @classmethod
    def of(
        cls, name: str, numbered: Iterable[tuple[int, Row]], columns: Columns, positive: str | None, labels: Labels
    ) -> _Table:
        rows = list(numbered)
        if not rows:
            raise EmptyTextError(f"{name}: a table without rows")
        names = dict.fromkeys(column for _, row in rows for column in row)
        chosen = _choose(name, columns, tuple(names), labels)
        values = {number: row.get(columns.label) for number, row in rows}
        used = _interpret(name, columns.label, values, positive)
        examples, missed = [], 0
        for number, row in rows:
            try:
                example, lost = _example(name, number, row, chosen, columns.text, used[number])
            except DataError as error:
                raise DataError(f"{name}:{number}: {error}") from error
            examples.append(example)
            missed += lost
        plain = dict.fromkeys(cells.plain(value) for value in values.values() if cells.has_label(value))
        wanted = None if positive is None else positive.strip().casefold()
        return cls(name, examples, len(rows), missed, tuple(plain), any(v.casefold() == wanted for v in plain))


def _choose(name: str, columns: Columns, names: tuple[str, ...], labels: Labels) -> dict[str, tuple[str, ...]]:
    """The columns of a table that hold each optional value; two for `votes` are the counts."""
    _need(name, "--text-column", columns.text, names)
    if labels == "required" or columns.label != Columns().label:
        _need(name, "--label-column", columns.label, names)
    chosen: dict[str, tuple[str, ...]] = {}
    for field, usual in USUAL_NAMES.items():
        given: str | None = getattr(columns, field)
        if given is None:
            known = [u for u in usual if all(part in names for part in u.split("/"))]
            if field == "votes" and known:
                chosen[field] = tuple(known[0].split("/"))
            else:
                chosen[field] = tuple(known)
        elif not given:
            chosen[field] = ()
        elif field == "votes" and given not in names and given.count("/") == 1:
            chosen[field] = tuple(given.split("/"))
        else:
            chosen[field] = (given,)
        for column in chosen[field]:
            _need(name, f"--{field.replace('_', '-')}-column", column, names)
    return chosen


def _need(name: str, option: str, column: str, names: tuple[str, ...]) -> None:
    if column in names:
        return
    hint = ""
    if len(names) == 1 and (mark := next((m for m in (";", "\t", "|") if m in names[0]), None)):
        hint = f" (the cells of a CSV are separated by commas, not by {mark!r})"
    raise ColumnError(
        f"{name}: no column {column!r}, only {', '.join(names) or 'none'}: name another by {option}{hint}"
    )


def _interpret(name: str, column: str, values: Mapping[int, Any], positive: str | None) -> dict[int, float | None]:
    """The label of each row.

    Raises:
        DataError: the labels are not two that we know, and nobody said which of them is opinionated.
    """
    if positive is not None:
        wanted = positive.strip().casefold()
        return {
            number: float(cells.plain(value).casefold() == wanted) if cells.has_label(value) else None
            for number, value in values.items()
        }
    used: dict[int, float | None] = {}
    words: dict[str, None] = {}
    for number, value in values.items():
        word = cells.label_word(value)
        if word is not None:
            words[word] = None
        try:
            used[number] = cells.label(value)
        except DataError as error:
            raise DataError(f"{name}:{number}: column {column!r}: {error}; {_advice(values)}") from error
        if len(words) > 2:
            raise DataError(
                f"{name}:{number}: column {column!r}: found {', '.join(map(repr, words))}, expected two labels; "
                f"{_advice(values)}"
            )
    return used


def _advice(values: Mapping[int, Any]) -> str:
    held = _quoted(cells.plain(value) for value in values.values() if cells.has_label(value))
    return f"the column holds {held}: say which one is opinionated with --positive VALUE"


def _quoted(values: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(values))
    more = f" and {len(distinct) - _MANY:,} more" if len(distinct) > _MANY else ""
    return ", ".join(cells.shown(value) for value in distinct[:_MANY]) + more


def _example(
    name: str, number: int, row: Row, chosen: Mapping[str, tuple[str, ...]], text_column: str, label: float | None
) -> tuple[Example, int]:
    text = row.get(text_column)
    if not isinstance(text, str) or not text.strip():
        raise DataError(
            f"no text in column {text_column!r}: found {'nothing' if cells.is_empty(text) else cells.shown(text)}"
        )

    def cell(field: str) -> Any:
        return next((row[c] for c in chosen[field] if not cells.is_empty(row.get(c))), None)

    def checked(field: str, read: Any, *arguments: Any) -> Any:
        try:
            return read(*(arguments or (cell(field),)))
        except DataError as error:
            raise DataError(f"column {'/'.join(chosen[field])!r}: {error}") from error

    two = len(chosen["votes"]) == 2
    counts = [row.get(column) for column in chosen["votes"]]
    spans, missed = checked("spans", cells.spans, cell("spans"), text, label)
    example = Example(
        text=text,
        source=name,
        label=label,
        outlet_label=checked("outlet_label", cells.label),
        spans=spans,
        opinion=checked("opinion", cells.share),
        votes=checked("votes", cells.vote_counts, *counts) if two else checked("votes", cells.votes),
        group=cells.plain(cell("group")),
        outlet=outlet_name(cells.plain(cell("outlet"))),
        leaning=cells.plain(cell("leaning")),
        topic=cells.plain(cell("topic")),
        weight=checked("weight", cells.weight),
        place=f"{name}:{number}",
    )
    return example, missed
