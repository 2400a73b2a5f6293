"""One line a finding, as linters print them: `path:line:col: opinionated 0.97 regime, hellbent "The regime is..."`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bias.reporting.marking import Lines, excerpt, is_counted, one_line
from bias.reporting.records import Outcome
from bias.reporting.wording import percentile_line, summary_line
from bias.types import ArticleReport

_EXCERPT_WIDTH = 50


def render_concise(outcomes: Sequence[Outcome]) -> str:
    """A line for each opinionated sentence and each warning, and one to sum up each article; a failure is one line.

    Lines and columns start at 1 and point at the sentence; columns count code points.
    """
    return "".join(f"{line}\n" for outcome in outcomes for line in _lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    if not isinstance(outcome, ArticleReport):
        yield f"{one_line(outcome.source)}: error: {one_line(str(outcome.error))}"
        return
    source, lines = one_line(outcome.article.source), Lines(outcome.article.text)
    for result in outcome.opinionated:
        line, column = lines.position(result.sentence.start)
        words = ", ".join(one_line(span.text) for span in result.spans if is_counted(outcome, span))
        finding = " ".join(filter(None, (f"opinionated {outcome.decisive(result):.2f}", words)))
        yield f'{source}:{line}:{column}: {finding} "{excerpt(result.sentence.text, _EXCERPT_WIDTH)}"'
    for warning in outcome.warnings:
        yield f"{source}: warning: {one_line(warning)}"
    yield f"{source}: {'; '.join(filter(None, (_score(outcome), percentile_line(outcome), summary_line(outcome))))}"


def _score(report: ArticleReport) -> str:
    if report.score is None:
        return "no score"
    interval = "" if report.interval is None else f" ({report.interval[0]:.1f} to {report.interval[1]:.1f})"
    return f"score {report.score:.1f}{interval}"
