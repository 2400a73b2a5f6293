"""Labelled sentences from files, named public sets and the Hugging Face hub, as examples.

A set of data is named by PATH (CSV, JSON lines or Parquet by its suffix), by the name of a public set (`SOURCES`), or
by hf:NAME[:SPLIT]; @WEIGHT after any of them gives all its examples that weight. A file wins over a named set.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bias.errors import DataError, UsageError
from bias.files import MAX_BYTES, ErrorsMode, display_name
from bias.modelfolder import digest
from bias.tables import TABLE_SUFFIXES, iter_rows
from bias.training.data import cells
from bias.training.data.examples import Example
from bias.training.data.hub import hub_rows
from bias.training.data.rows import DEFAULT_COLUMNS, USUAL_NAMES, Columns, Labels, Table, quoted, read_table
from bias.training.data.sources import SOURCES, digest_of_rows, read_named

__all__ = ["USUAL_NAMES", "Columns", "DataFile", "Labels", "Loaded", "is_named", "load_data", "with_soft_labels"]

_WEIGHT = re.compile(r"(.+)@([0-9.eE+-]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DataFile:
    """Where examples came from.

    `name` is as the user gave it, without folders. `sha256` is that of the file (of a set from the hub: of its rows as
    JSON). `rows` were read, of which somebody `labelled` so many; `weight` is that of the whole file, and
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
    columns: Columns = DEFAULT_COLUMNS,
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
    tables: list[Table] = []
    for spec in specs:
        name, factor = _parse(spec)
        found: Sequence[Example]
        if is_named(spec):
            found, sha256 = read_named(name, folder)
            rows, missed = len(found), 0
        else:
            table, sha256 = _open(name, columns, positive, labels, encoding, errors, max_bytes)
            tables.append(table)
            name, found, rows, missed = table.name, table.examples, len(table.examples), table.missed
        labelled = found if is_named(spec) else [example for example in found if example.label is not None]
        if labels == "required":
            if not labelled:
                raise DataError(f"{name}: none of the {rows:,} rows has a label in column {columns.label!r}")
            found = labelled
        files.append(DataFile(name, sha256, rows, len(labelled), factor, missed))
        examples += [replace(e, weight=e.weight * factor) for e in found] if factor != 1 else found
    if positive is not None and tables and not any(table.met for table in tables):
        values = quoted(value for table in tables for value in table.values)
        names = ", ".join(table.name for table in tables)
        raise DataError(
            f"{names}: no row is labelled {positive!r} (--positive); column {columns.label!r} holds {values}"
        )
    return Loaded(tuple(examples), tuple(files))


def is_named(spec: str) -> bool:
    """Whether a spec names a public set; a file of that name goes before it."""
    name, _ = _parse(spec)
    return name in SOURCES and not Path(name).is_file()


def with_soft_labels(examples: Iterable[Example], part: float = 1.0) -> list[Example]:
    """The examples with the share of their votes as that part of their label, where votes are known.

    The share is the plain one, unsmoothed: 3 of 5 is 0.6. The rest of the label stays what it was, for the label that
    counts is not always that of the votes. Learning from such labels with cross-entropy keeps what the
    annotators disagreed about (Uma et al. 2021, "Learning from disagreement: a survey").
    """

    def softened(example: Example) -> Example:
        if not example.votes:
            return example
        share = example.votes[0] / example.votes[1]
        return replace(example, label=share if example.label is None else part * share + (1 - part) * example.label)

    return list(map(softened, examples))


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


def _open(
    name: str, columns: Columns, positive: str | None, labels: Labels, encoding: str, errors: ErrorsMode, max_bytes: int
) -> tuple[Table, str]:
    """A table from a file or the hub, and its sha256."""
    path = Path(name)
    if name.startswith("hf:") and not path.is_file():
        rows = hub_rows(*_hub_name(name))
        return read_table(name, enumerate(rows, 1), columns, positive, labels), digest_of_rows(rows)
    _refuse_other_kinds(name)
    numbered = iter_rows(path, encoding=encoding, errors=errors, max_bytes=max_bytes)
    return read_table(display_name(Path(path.name)), numbered, columns, positive, labels), digest(path)


def _refuse_other_kinds(name: str) -> None:
    """Refuse by its name what cannot be a table; whether it can be read shows later.

    Raises:
        DataError: the name is that of no table, nor of a set.
    """
    path, suffix = Path(name), Path(name).suffix.lower()
    shown = display_name(path)
    if not suffix and os.sep not in name and not path.exists():
        close = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the sets are {', '.join(SOURCES)}"
        raise DataError(f"{shown}: neither a file nor the name of a data set: {hint}")
    if suffix not in TABLE_SUFFIXES and not path.is_dir():
        found = suffix or "one without a suffix"
        raise DataError(f"{shown}: labelled data is a .csv, .jsonl or .parquet file, not {found}")


def _hub_name(spec: str) -> tuple[str, str]:
    name, _, part = spec.removeprefix("hf:").partition(":")
    if not name:
        raise UsageError(f"{spec!r} names no data set: write hf:NAME or hf:NAME:SPLIT")
    return name, part or "train"
