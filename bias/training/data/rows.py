"""Rows of a table of labelled sentences -> examples, by columns that the user names or that have their usual names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from bias.errors import ColumnError, DataError, EmptyTextError
from bias.tables import Row
from bias.training.data import cells
from bias.training.data.examples import Example
from bias.training.data.sources import outlet_name

Labels = Literal["required", "optional"]
T = TypeVar("T")

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
"""Where a value is looked for whose column is not named; of several, the first that is not empty in a row."""

_OPTIONS = frozenset(USUAL_NAMES) - {"outlet_label", "opinion"}
"""What the command line has a --...-column for."""
_MANY = 5
"""So many examples of what was found an error names."""
_SEPARATORS = (";", "\t", "|")


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


DEFAULT_COLUMNS = Columns()


@dataclass(frozen=True, slots=True)
class Table:
    """A table read: an example a row, and how many of the words given as spans their texts do not hold.

    `values` are the labels as they stand in it, each once; `met` tells whether one of them is the positive one.
    """

    name: str
    examples: tuple[Example, ...]
    missed: int
    values: tuple[str, ...]
    met: bool


def read_table(
    name: str, numbered: Iterable[tuple[int, Row]], columns: Columns, positive: str | None, labels: Labels
) -> Table:
    """The examples of numbered rows; `name` goes in front of what is wrong with one.

    Raises:
        ColumnError: a column that was asked for is missing; the message lists those there are.
        DataError: a row cannot be used, or its label is not understood.
        EmptyTextError: there are no rows.
        InputError: the table cannot be read.
    """
    rows = list(numbered)
    if not rows:
        raise EmptyTextError(f"{name}: a table without rows")
    names = tuple(dict.fromkeys(column for _, row in rows for column in row))
    chosen = _choose(name, columns, names, labels)
    found = {number: row.get(columns.label) for number, row in rows}
    values = dict.fromkeys(cells.plain(value) for value in found.values() if cells.has_label(value))
    place = f"column {columns.label!r}"
    used = _usual_labels(name, place, found, tuple(values)) if positive is None else _labels_by(positive, found)
    examples, missed = [], 0
    for number, row in rows:
        try:
            example, lost = _example(row, chosen, columns.text, used[number], name, f"{name}:{number}")
        except DataError as error:
            raise DataError(f"{name}:{number}: {error}") from error
        examples.append(example)
        missed += lost
    met = positive is not None and any(_folded(value) == _folded(positive) for value in values)
    return Table(name, tuple(examples), missed, tuple(values), met)


def quoted(values: Iterable[str]) -> str:
    """The first of the values, each once, as a message lists them."""
    distinct = list(dict.fromkeys(values))
    more = f" and {len(distinct) - _MANY:,} more" if len(distinct) > _MANY else ""
    return (", ".join(cells.shown(value) for value in distinct[:_MANY]) or "none") + more


def _choose(name: str, columns: Columns, names: tuple[str, ...], labels: Labels) -> dict[str, tuple[str, ...]]:
    """The columns that may hold each optional value; for votes, two are the counts and one is all else."""
    _need(name, "--text-column", columns.text, names)
    if labels == "required" or columns.label != DEFAULT_COLUMNS.label:
        _need(name, "--label-column", columns.label, names)
    chosen: dict[str, tuple[str, ...]] = {}
    for field, usual in USUAL_NAMES.items():
        given: str | None = getattr(columns, field)
        if given:
            two = field == "votes" and given not in names and given.count("/") == 1
            chosen[field] = tuple(given.split("/")) if two else (given,)
            for column in chosen[field]:
                _need(name, f"--{field}-column" if field in _OPTIONS else "its name", column, names)
        elif given == "":
            chosen[field] = ()
        elif field == "votes":
            pairs = (tuple(some.split("/")) for some in usual)
            chosen[field] = next((pair for pair in pairs if set(pair) <= set(names)), ())
        else:
            chosen[field] = tuple(some for some in usual if some in names)
    return chosen


def _need(name: str, option: str, column: str, names: tuple[str, ...]) -> None:
    if column in names:
        return
    mark = next((mark for mark in _SEPARATORS if len(names) == 1 and mark in names[0]), None)
    advice = f"name another by {option}" if mark is None else f"separate the cells by commas, not by {mark!r}"
    raise ColumnError(f"{name}: no column {column!r}, only {', '.join(names) or 'rows without any'}: {advice}")


def _labels_by(positive: str, found: Mapping[int, Any]) -> dict[int, float | None]:
    return {
        number: float(_folded(value) == _folded(positive)) if cells.has_label(value) else None
        for number, value in found.items()
    }


def _folded(value: Any) -> str:
    return cells.plain(value).casefold()


def _usual_labels(name: str, place: str, found: Mapping[int, Any], values: tuple[str, ...]) -> dict[int, float | None]:
    """The label of each row.

    Raises:
        DataError: they are not two that we know, so somebody has to say which one is opinionated.
    """
    advice = f"the column holds {quoted(values)}: say which one is opinionated with --positive VALUE"
    words: dict[str, None] = {}
    used: dict[int, float | None] = {}
    for number, value in found.items():
        try:
            used[number] = cells.label(value)
        except DataError as error:
            raise DataError(f"{name}:{number}: {place}: {error}; {advice}") from error
        word = cells.label_word(value)
        if word is not None:
            words[word] = None
        if len(words) > 2:
            raise DataError(f"{name}:{number}: {place}: found a third label, {word!r}, expected two; {advice}")
    return used


def _example(
    row: Row, chosen: Mapping[str, tuple[str, ...]], text_column: str, label: float | None, source: str, place: str
) -> tuple[Example, int]:
    text = row.get(text_column)
    if not isinstance(text, str) or not text.strip():
        held = "nothing" if cells.is_empty(text) else cells.shown(text)
        raise DataError(f"column {text_column!r}: found {held}, expected text")

    def cell(field: str) -> Any:
        return next((row[c] for c in chosen[field] if not cells.is_empty(row.get(c))), None)

    def read(field: str, reader: Callable[..., T], *arguments: Any) -> T:
        try:
            return reader(*(arguments or (cell(field),)))
        except DataError as error:
            advice = f"--{field}-column '' leaves it unread" if field in _OPTIONS else "rename it to leave it unread"
            raise DataError(f"column {'/'.join(chosen[field])!r}: {error} ({advice})") from error

    counts = [row.get(column) for column in chosen["votes"]]
    spans, missed = read("spans", cells.spans, cell("spans"), text, label)
    example = Example(
        text=text,
        source=source,
        label=label,
        outlet_label=read("outlet_label", cells.label),
        spans=spans,
        opinion=read("opinion", cells.share),
        votes=read("votes", cells.vote_counts, *counts) if len(counts) == 2 else read("votes", cells.votes),
        group=cells.plain(cell("group")),
        outlet=outlet_name(cells.plain(cell("outlet"))),
        leaning=cells.plain(cell("leaning")),
        topic=cells.plain(cell("topic")),
        weight=read("weight", cells.weight),
        place=place,
    )
    return example, missed
