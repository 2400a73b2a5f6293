"""The view of a corpus's summary for a terminal or a pipe."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bias.corpus.summary import Summary
from bias.reporting.marking import one_line
from bias.reporting.wording import NOT_MEANT
from bias.training.evaluation.resampling import Figure


def render_summary(summary: Summary) -> Iterator[RenderableType]:
    """A row a group: its size, mean score, share of opinionated sentences, and the terms that set it apart."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in summary.by:
        table.add_column(Text(one_line(name)))
    for title in ("articles", "score (95 %)", "opinionated % (95 %)"):
        table.add_column(title, justify="right", no_wrap=True)
    with_terms = any(group.terms for group in summary.groups)
    if with_terms:
        table.add_column("its terms", overflow="fold")
    for group in summary.groups:
        cells = ["-" if part is None else one_line(part) for part in group.key]
        cells += [f"{group.articles:,}", _figure(group.score, 1), _figure(group.share, 100)]
        terms = [one_line(", ".join(term.text for term in group.terms))] if with_terms else []
        table.add_row(*map(Text, [*cells, *terms]))
    yield table
    yield Text()
    if summary.unscored:
        yield Text(f"{summary.unscored:,} articles without a score are left out.", style="yellow")
    if with_terms:
        yield Text("Its terms: loaded ones that it uses more often than all the others together.", style="dim")
    yield Text(NOT_MEANT, style="dim")


def _figure(figure: Figure, scale: float) -> str:
    value = f"{scale * figure.value:.1f}" if figure.defined else "-"
    return f"{value} ({scale * figure.low:.1f} to {scale * figure.high:.1f})" if figure.bounded else value
