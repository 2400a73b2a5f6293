"""The view of a corpus's summary for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bias.corpus.summary import NONE, Summary, label
from bias.reporting.marking import one_line
from bias.reporting.wording import NOT_MEANT, count
from bias.training.evaluation.resampling import Figure


def render_summary(summary: Summary) -> Iterator[RenderableType]:
    """A row a group with its size, mean score and share of opinionated sentences; then the terms that set it apart."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in summary.by:
        table.add_column(Text(one_line(name)), overflow="fold")
    for title in ("articles", "score (95 %)", "opinionated % (95 %)"):
        table.add_column(title, justify="right", no_wrap=True)
    for group in summary.groups:
        names = [NONE if part is None else one_line(part) for part in group.key]
        figures = (f"{group.articles:,}", _figure(group.score, 1), _figure(group.share, 100))
        table.add_row(*map(Text, (*names, *figures)))
    yield table
    yield Text()
    with_terms = [group for group in summary.groups if group.terms]
    if with_terms:
        yield Text("Loaded terms that a group uses more often than all the others together:", style="bold")
        for group in with_terms:
            terms = ", ".join(term.text for term in group.terms)
            yield Text(one_line(f"{label(group.key)}: {terms}"))
        yield Text()
    if summary.unscored:
        yield Text(f"Left out, for they have no score: {count(summary.unscored, 'article')}.", style="yellow")
    yield Text(NOT_MEANT, style="dim")


def _figure(figure: Figure, scale: float) -> str:
    value = f"{scale * figure.value:.1f}" if figure.defined else "-"
    return f"{value} ({scale * figure.low:.1f} to {scale * figure.high:.1f})" if figure.bounded else value
