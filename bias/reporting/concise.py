"""One line a finding, as linters print them: `path:line:col: opinionated 0.97 (high) regime "The regime fell."`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bias.reporting.findings import shown
from bias.reporting.marking import Lines, excerpt, one_line
from bias.reporting.records import Outcome
from bias.reporting.wording import percentile_line, summary_line
from bias.types import ArticleReport

_EXCERPT_WIDTH = 50


def render_concise(outcomes: Sequence[Outcome]) -> str:
    """A line for each opinionated sentence and each warning, and one to sum up each article; a failure is one line.

    The level is the highest of the sentence and its words, of those that are shown.
    Lines and columns start at 1 and point at the sentence; columns count code points.
    """
    return "".join(f"{line}\n" for outcome in outcomes for line in _lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    if not isinstance(outcome, ArticleReport):
        yield f"{one_line(outcome.source)}: error: {one_line(str(outcome.error))}"
        return
    source, lines = one_line(outcome.article.source), Lines(outcome.article.text)
    for finding in shown(outcome):
        line, column = lines.position(finding.start)
        words = ", ".join(one_line(word.text) for word in finding.words)
        said = " ".join(filter(None, (f"opinionated {finding.probability:.2f} ({finding.shown_level})", words)))
        yield f'{source}:{line}:{column}: {said} "{excerpt(finding.text, _EXCERPT_WIDTH)}"'
    for warning in outcome.warnings:
        yield f"{source}: warning: {one_line(warning)}"
    yield f"{source}: {'; '.join(filter(None, (_score(outcome), percentile_line(outcome), summary_line(outcome))))}"


def _score(report: ArticleReport) -> str:
    if report.score is None:
        return "no score"
    interval = "" if report.interval is None else f" ({report.interval[0]:.1f} to {report.interval[1]:.1f})"
    return f"score {report.score:.1f}{interval}"
