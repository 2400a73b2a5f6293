"""A measurement as tables, the same for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bias.reporting.markdown import escaped
from bias.training.evaluation.resampling import Figure
from bias.training.evaluation.titles import DIMENSIONS, MEANINGS, PARTS, TITLES, names_of

if TYPE_CHECKING:
    from bias.training.evaluation.comparison import Comparison
    from bias.training.evaluation.measuring import Measurement
    from bias.training.evaluation.slices import Slice

SHOWN = 12
"""Slices of a dimension that a table shows; the files hold all."""

UNDEFINED = "not defined"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings; the columns after the first `words` hold figures. A notebook shows it by itself."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    note: str = ""

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]], *, title: str = "", note: str = "") -> Table:
        """Flat rows under the names of their keys, fractions to two digits; texts come before figures."""
        found = list(rows)
        columns = tuple(found[0]) if found else ()
        words = sum(any(isinstance(row[column], str) for row in found) for column in columns)
        cells = tuple(tuple(_cell(row[column]) for column in columns) for row in found)
        return cls(title, tuple(map(str, columns)), cells, words, note)

    def _repr_markdown_(self) -> str:
        return table_markdown(self) if self.rows else "(none)"


def headline(measurement: Measurement) -> str:
    """What was measured on what, in a sentence."""
    predictions = measurement.predictions
    count, opinionated = len(predictions), int(predictions.labels.sum())
    groups = len(set(predictions.groups))
    return (
        f"{predictions.model.name} on {count:,} sentences from {groups:,} {predictions.by}s, {opinionated:,} "
        f"({100 * opinionated / count:.0f} %) of them opinionated; prior {predictions.prior}, quotes "
        f"{predictions.quotes}, threshold {predictions.threshold:.3f}"
    )


def measurement_tables(measurement: Measurement, *, narrow: bool = False) -> Iterator[Table]:
    """Figures, decisions, spans, sides and slices, as far as they are known; `narrow` ones fit 80 columns."""
    rows = [(_title(name), *_cells(figure)) for name, figure in measurement.figures.items()]
    yield Table("Sentences", ("", "value", "95 % interval"), tuple(rows))
    yield _confusion(measurement)
    if measurement.spans:
        marked = [
            (PARTS[part], TITLES[name], *_cells(figure))
            for part, figures in measurement.spans.items()
            for name, figure in figures.items()
        ]
        yield Table("Loaded words", ("sentences", "", "value", "95 % interval"), _once(marked), 2)
    if measurement.gaps:
        yield _sides(measurement.gaps)
    explained = f"{'n: sentences; share: of them opinionated; ' * narrow}false alarms: {MEANINGS['false_alarms']}"
    for dimension, parts in groupby(measurement.slices, lambda part: part.dimension):
        table = _slices(dimension, list(parts), narrow)
        yield replace(table, note="; ".join(filter(None, (explained, table.note))))
        explained = ""


def comparison_tables(comparison: Comparison) -> Iterator[Table]:
    """Both models side by side with the differences, and who is right where they part."""
    measurements = (comparison.first, comparison.second)
    names = names_of([measurement.predictions for measurement in measurements])
    rows = []
    for name, difference in comparison.differences.items():
        values = [_figure_named(measurement, name) for measurement in measurements]
        rows.append((_title(name), *(_number(value.value) for value in values), *_cells(difference, sign=True)))
    columns = ("", *names, "difference", "95 % interval")
    yield Table(
        "Difference", columns, tuple(rows), note=f"difference: {names[0]} less {names[1]}, on the same sentences"
    )
    yield _changes(comparison, names)


def _changes(comparison: Comparison, names: Sequence[str]) -> Table:
    test = comparison.mcnemar
    counts = {True: [0, 0], False: [0, 0]}
    for change in comparison.changes:
        counts[change.to_opinionated][not change.gained] += 1
    rows = [
        (f"opinionated to {names[0]} alone", *(f"{count:,}" for count in counts[True])),
        (f"opinionated to {names[1]} alone", *(f"{count:,}" for count in counts[False])),
        ("both directions", f"{test.first_alone:,}", f"{test.second_alone:,}"),
    ]
    columns = ("", *(f"{name} is right" for name in names))
    p = f"p = {test.p_value:.2g}" if test.p_value >= 1e-4 else "p < 0.0001"
    return Table("Sentences on which they part", columns, tuple(rows), note=f"McNemar's exact test: {p}")


def to_markdown(measurement: Measurement) -> str:
    """A measurement for a page, as a model card."""
    parts = [escaped(headline(measurement)), *map(table_markdown, measurement_tables(measurement))]
    parts += ["\n".join(f"- {escaped(note)}" for note in measurement.notes)] * bool(measurement.notes)
    return "\n\n".join(parts) + "\n"


def comparison_markdown(comparison: Comparison) -> str:
    """A comparison for a page."""
    parts = [escaped(comparison.sentence), *map(table_markdown, comparison_tables(comparison))]
    return "\n\n".join(parts) + "\n"


def table_markdown(table: Table) -> str:
    """A heading, if there is one, and a table in GitHub-flavoured Markdown."""
    lines = [f"### {table.title}", ""] if table.title else []
    lines.append(f"| {' | '.join(escaped(column) for column in table.columns)} |")
    lines.append(f"|{'|'.join('---' if i < table.words else '---:' for i in range(len(table.columns)))}|")
    lines += [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in table.rows]
    return "\n".join([*lines, *(["", escaped(table.note)] if table.note else [])])


def _confusion(measurement: Measurement) -> Table:
    tn, fp, fn, tp = measurement.confusion

    def row(name: str, neutral: int, opinionated: int) -> tuple[str, ...]:
        total = max(neutral + opinionated, 1)
        return (name, *(f"{count:,} ({100 * count / total:.0f} %)" for count in (neutral, opinionated)))

    rows = (row("labelled neutral", tn, fp), row("labelled opinionated", fn, tp))
    return Table("Decisions", ("", "called neutral", "called opinionated"), rows)


def _sides(gaps: Mapping[str, Figure]) -> Table:
    rows = []
    for rate in ("false_alarms", "recall"):
        sides = [gaps.get(f"{rate}_{side}") for side in ("left", "center", "right")]
        cells = [UNDEFINED if figure is None else _number(figure.value) for figure in sides]
        gap = gaps.get(f"{rate}_gap")
        rows.append((TITLES[rate], *cells, *(_cells(gap, sign=True) if gap else (UNDEFINED, ""))))
    columns = ("", "left", "center", "right", "left less right", "95 % interval")
    note = f"false alarms: {MEANINGS['false_alarms']}"
    return Table("Outlets of the left and of the right", columns, tuple(rows), note=note)


def _slices(dimension: str, parts: Sequence[Slice], narrow: bool) -> Table:
    cell = _short if narrow else str
    names = ("macro_f1", "recall", "false_alarms")
    rows = tuple(
        (
            part.name,
            f"{part.sentences:,}",
            f"{100 * part.share:.0f} %",
            *(cell(part.figures[name]) for name in names),
        )
        for part in parts[:SHOWN]
    )
    more = len(parts) - SHOWN
    counted = ("n", "share") if narrow else ("sentences", "opinionated")
    note = f"and {more:,} more: -o DIR writes all" if more > 0 else ""
    return Table(DIMENSIONS[dimension], ("", *counted, *(TITLES[name] for name in names)), rows, note=note)


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.2f}" if isinstance(value, float) else f"{value:,}"


def _figure_named(measurement: Measurement, name: str) -> Figure:
    if name in measurement.figures:
        return measurement.figures[name]
    figure, _, part = name.rpartition("_")  # "word_f1_all"
    return measurement.spans[part][figure]


def _title(name: str) -> str:
    return f"{TITLES[name]} ({MEANINGS[name]})" if name in MEANINGS else TITLES[name]


def _cells(figure: Figure, sign: bool = False) -> tuple[str, str]:
    if not figure.bounded:
        return _number(figure.value, sign), ""
    return _number(figure.value, sign), f"{_number(figure.low, sign)} to {_number(figure.high, sign)}"


def _short(figure: Figure) -> str:
    """The figure in at most 15 characters."""
    if not figure.bounded:
        return f"{figure.value:.2f}" if figure.defined else "-"
    low, high = (f"{bound:.2f}".removeprefix("0") for bound in (figure.low, figure.high))
    return f"{figure.value:.2f} ({low}-{high})"


def _number(value: float, sign: bool = False) -> str:
    if value != value:
        return UNDEFINED
    return f"{value:+.3f}" if sign else f"{value:.3f}"


def _once(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """The rows with their first cell only where it changes."""
    return tuple((row[0] if i == 0 or rows[i - 1][0] != row[0] else "", *row[1:]) for i, row in enumerate(rows))
