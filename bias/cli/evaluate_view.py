"""The view of an evaluation for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from bias.reporting.marking import one_line

if TYPE_CHECKING:
    from bias.training.evaluation.outcome import Evaluation
    from bias.training.evaluation.presenting import Table


WIDE = 110
"""Columns from which tables are shown with all their digits."""


def render_evaluation(evaluation: Evaluation, width: int) -> Iterator[RenderableType]:
    """What was measured, its tables, the comparison with its verdict, and what to mind."""
    from bias.training.evaluation.presenting import comparison_tables, headline, measurement_tables

    yield Text(one_line(headline(evaluation.measurement)), style="bold")
    yield from map(_note, evaluation.unseen.notes())
    for table in measurement_tables(evaluation.measurement, narrow=width < WIDE):
        yield from render_table(table)
    if evaluation.comparison is not None:
        yield Text()
        yield Text(f"Compared with {one_line(headline(evaluation.comparison.second))}", style="bold")
        for table in comparison_tables(evaluation.comparison):
            yield from render_table(table)
        yield Text()
        yield Text(evaluation.comparison.sentence, style="bold")
    if evaluation.measurement.notes:
        yield Text()
        yield from map(_note, evaluation.measurement.notes)


def _note(text: str) -> Text:
    return Text(f"Note: {one_line(text)}", style="yellow")


def render_table(table: Table) -> Iterator[RenderableType]:
    """A table under its title, with its note."""
    shown = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, column in enumerate(table.columns):
        is_name = number < table.words
        shown.add_column(Text(one_line(column)), justify="left" if is_name else "right", no_wrap=not is_name)
    for row in table.rows:
        shown.add_row(*(Text(one_line(cell)) for cell in row))
    yield Text()
    yield Text(table.title, style="bold")
    yield shown
    if table.note:
        yield Text(one_line(table.note), style="dim")
