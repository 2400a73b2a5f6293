"""What a linter reports of an article: each opinionated sentence, the loaded words in it, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bias.levels import Level, highest, reaches
from bias.reading import EXTRACTED
from bias.reporting.marking import Lines, excerpt, is_counted, one_line
from bias.reporting.wording import CATEGORY_NAMES, categories_line, sentence_case
from bias.tables import TABLE_SUFFIXES
from bias.types import ArticleReport, SentenceResult, Span

OPINIONATED = "opinionated_sentence"
LOADED = "loaded_word"
"""Rules beside the categories: for a sentence, and for a loaded word without a category."""

RULES: dict[str, str] = {
    OPINIONATED: "opinionated sentence",
    LOADED: "loaded word",
    **dict[str, str](CATEGORY_NAMES.items()),
}
"""Every rule that a finding can have, and its name."""

_EXCERPT_WIDTH = 100
_ROW = re.compile(rf"(.+(?:{'|'.join(map(re.escape, TABLE_SUFFIXES))})|<stdin>):(\d+)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a file: lines and columns from 1, columns in code points, the end exclusive."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """An opinionated sentence, or a loaded word in one.

    `start` and `end` are offsets into the article's text. They are no places in the file where the text was extracted
    from a page or is one row of a table: then `region` is None, and `place` says in words what the offsets count.
    `words` are the findings inside a sentence. `is_shown` says whether outputs for people and linters show it.
    """

    rule: str
    level: Level
    message: str
    probability: float
    start: int
    end: int
    text: str
    region: Region | None
    place: str
    is_shown: bool = True
    words: tuple[Finding, ...] = ()

    @property
    def key(self) -> tuple[str, int, int]:
        """What tells it from the other findings of its report: what it is, and its offsets."""
        return ("sentence" if self.rule == OPINIONATED else "word", self.start, self.end)

    @property
    def parts(self) -> tuple[Finding, ...]:
        """The sentence and its words."""
        return (self, *self.words)

    @property
    def shown_level(self) -> Level:
        """The highest level of what is shown of a sentence and its words."""
        return highest(part.level for part in self.parts if part.is_shown)


def file_of(source: str) -> tuple[str, int | None]:
    """The file that an article came from, and its row if the file is a table: ("a.jsonl", 2) for "a.jsonl:2"."""
    row = _ROW.fullmatch(source)
    return (row[1], int(row[2])) if row else (source, None)


def findings(report: ArticleReport) -> Iterator[Finding]:
    """The opinionated sentences in order, each with the loaded words that count: those of the outlet's own voice."""
    lines = Lines(report.article.text)
    for result in report.opinionated:
        counted = [span for span in result.spans if is_counted(report, span)]
        sentence = result.sentence
        found = Finding(
            rule=OPINIONATED,
            level=result.level,
            message=_sentence_message(report, result, none_loaded=not counted),
            probability=report.decisive(result),
            start=sentence.start,
            end=sentence.end,
            text=sentence.text,
            region=_region(report, lines, sentence.start, sentence.end),
            place=_place(report, sentence.start, sentence.end),
            words=tuple(_word(report, lines, span) for span in counted),
        )
        yield replace(found, is_shown=_is_shown(report, found))


def shown(report: ArticleReport) -> Iterator[Finding]:
    """The sentences of which something is shown, each with the words that are."""
    for finding in findings(report):
        if any(part.is_shown for part in finding.parts):
            yield replace(finding, words=tuple(word for word in finding.words if word.is_shown))


def reaching(report: ArticleReport, level: Level) -> tuple[Finding, ...]:
    """The sentences and words of a level or above that no baseline knows; what is displayed plays no part."""
    return tuple(
        part
        for finding in findings(report)
        for part in finding.parts
        if reaches(part.level, level) and part.key not in (report.known or ())
    )


def _is_shown(report: ArticleReport, finding: Finding) -> bool:
    return reaches(finding.level, report.min_level) and finding.key not in (report.known or ())


def _word(report: ArticleReport, lines: Lines, span: Span) -> Finding:
    rule = span.category or LOADED
    remarks = [sentence_case(f'"{one_line(span.text)}": {RULES[rule]} ({span.probability:.2f})')]
    if span.why:
        remarks.append(sentence_case(one_line(span.why)))
    if span.alternatives:
        remarks.append(f"Try {', '.join(map(one_line, span.alternatives))}.")
    found = Finding(
        rule=rule,
        level=span.level,
        message=" ".join(remarks),
        probability=span.probability,
        start=span.start,
        end=span.end,
        text=span.text,
        region=_region(report, lines, span.start, span.end),
        place=_place(report, span.start, span.end),
    )
    return replace(found, is_shown=_is_shown(report, found))


def _sentence_message(report: ArticleReport, result: SentenceResult, *, none_loaded: bool) -> str:
    """What the sentence is; its techniques too where no word shows them."""
    techniques = categories_line(result) if none_loaded else ""
    kind = f"Opinionated ({report.decisive(result):.2f}{techniques and f'; {techniques}'})"
    return f'{kind}: "{excerpt(result.sentence.text, _EXCERPT_WIDTH)}"'


def _region(report: ArticleReport, lines: Lines, start: int, end: int) -> Region | None:
    if _counted_in(report) is not None:
        return None
    return Region(*lines.position(start), *lines.position(end))


def _place(report: ArticleReport, start: int, end: int) -> str:
    counted_in = _counted_in(report)
    return f"characters {start} to {end} of {counted_in}" if counted_in else ""


def _counted_in(report: ArticleReport) -> str | None:
    """What the offsets count the characters of; None if it is the file."""
    if EXTRACTED in report.warnings or EXTRACTED in report.article.warnings:
        return "the text extracted from the page"
    _, row = file_of(report.article.source)
    return None if row is None else f"the text in row {row}"
