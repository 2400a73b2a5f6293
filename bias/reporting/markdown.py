"""A report for a wiki page or a comment on a pull request, in GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bias.reporting.findings import Finding, shown
from bias.reporting.marking import Lines, one_line, pieces
from bias.reporting.records import Outcome
from bias.reporting.wording import (
    CATEGORY_NAMES,
    NOT_MEANT,
    categories_line,
    percentile_line,
    score_line,
    summary_line,
)
from bias.types import ArticleReport, SentenceResult, Span

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>&|~$!:#]")
_REFERENCE = re.compile(r"[@#](?=\w)|(?<=\bwww)\.|(?<=\bGH)-", re.IGNORECASE)


def escaped(text: str) -> str:
    """Article text as inline Markdown that shows it and does nothing else.

    Backslashes take the meaning from Markdown's own signs, and from the colon of an address. An empty comment parts
    the sign of a mention or issue ("@name", "#12") from its name, so that nobody is notified.
    """
    return _REFERENCE.sub(r"\g<0><!-- -->", _SPECIAL.sub(r"\\\g<0>", one_line(text)))


def render_markdown(outcomes: Sequence[Outcome]) -> str:
    """A section for each article: score, what it means, a table of its opinionated sentences. A failure is one line."""
    return "".join(f"{line}\n" for outcome in outcomes for line in _lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    if not isinstance(outcome, ArticleReport):
        yield from (f"**Not read:** {escaped(outcome.source)}: {escaped(str(outcome.error))}", "")
        return
    article = outcome.article
    yield f"## {escaped(article.title or article.source)}"
    yield ""
    yield f"**{'No score' if outcome.score is None else f'Score {outcome.score:.0f}'}** for {escaped(article.source)}"
    yield ""
    reference = f" ({outcome.reference})" if outcome.reference else ""
    ranks = percentile_line(outcome)
    for line in (score_line(outcome), ranks and ranks + reference, summary_line(outcome)):
        if line:
            yield f"- {escaped(line)}"
    yield from (f"- **Warning:** {escaped(warning)}" for warning in outcome.warnings)
    yield ""
    found = {finding.start: finding for finding in shown(outcome)}
    if found:
        yield "| Line | Probability | Level | Sentence | Loaded words |"
        yield "| ---: | ---: | --- | --- | --- |"
        lines = Lines(article.text)
        results = [result for result in outcome.opinionated if result.sentence.start in found]
        yield from (_row(outcome, result, found[result.sentence.start], lines) for result in results)
        yield ""
    yield f"_{escaped(NOT_MEANT)}_"
    yield ""


def _row(report: ArticleReport, result: SentenceResult, finding: Finding, lines: Lines) -> str:
    line, _ = lines.position(finding.start)
    starts = {word.start for word in finding.words}
    listed = "<br>".join(_word(span) for span in result.spans if span.start in starts) or escaped(
        categories_line(result)
    )
    said = f"{finding.probability:.2f} | {finding.shown_level} | {_marked(report, result, starts)}"
    return f"| {line} | {said} | {listed} |"


def _word(span: Span) -> str:
    notes = [CATEGORY_NAMES[span.category]] if span.category else []
    if span.alternatives:
        notes.append(f"try {', '.join(span.alternatives)}")
    return f"**{escaped(span.text)}**" + (f" ({escaped('; '.join(notes))})" if notes else "")


def _marked(report: ArticleReport, result: SentenceResult, starts: set[int]) -> str:
    """The sentence with the words that begin at these offsets in bold."""
    return "".join(
        f"**{escaped(piece.text)}**" if piece.span and piece.span.start in starts else escaped(piece.text)
        for piece in pieces(report, result)
    )
