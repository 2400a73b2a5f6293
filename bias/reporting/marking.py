"""Where things stand in an article (lines, paragraphs, loaded words, quoted speech), and text that is safe to show."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bias.levels import reaches
from bias.types import ArticleReport, SentenceResult, Span

_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANK_LINES = re.compile(r"(?>\r\n|\r|\n)(?:[^\S\r\n]*(?>\r\n|\r|\n))+[^\S\r\n]*")
_WHITESPACE = re.compile(r"\s+")

_BIDI_CONTROLS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Embeddings, overrides and isolates, which can show text in another order than it has (CVE-2021-42574)."""

_REPLACEMENTS: Mapping[int, int] = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n\r"},
    0x7F: 0x2421,
    **dict.fromkeys((*range(0x80, 0xA0), *_BIDI_CONTROLS, *range(0xD800, 0xE000)), 0xFFFD),
}


def visible(text: str) -> str:
    """The text with each character that would command a terminal or reorder a line replaced by one that shows.

    Control characters become their pictures (ESC is ␛); C1 controls, bidi embeddings, overrides and isolates, and lone
    surrogates (file names that are not UTF-8) become U+FFFD. One for one, so offsets hold. Tab, LF and CR stay.
    """
    return text.translate(_REPLACEMENTS)


def one_line(text: str) -> str:
    """`visible` text with each run of whitespace folded to one space."""
    return _WHITESPACE.sub(" ", visible(text))


def excerpt(text: str, width: int) -> str:
    """`one_line` text cut to at most `width` characters, at a word where one ends in the last third."""
    line = one_line(text).strip()
    if len(line) <= width:
        return line
    cut = line[: width - 3]
    space = cut.rfind(" ")
    return (cut[:space] if space > 2 * width // 3 else cut).rstrip() + "..."


class Lines:
    """Line and column of an offset, both from 1; columns count code points. LF, CRLF and CR end a line."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def position(self, offset: int) -> tuple[int, int]:
        """(line, column) of an offset into the text."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a sentence: inside or outside withheld speech, inside or outside one loaded span."""

    text: str
    quoted: bool
    span: Span | None


def pieces(report: ArticleReport, result: SentenceResult) -> tuple[Piece, ...]:
    """The sentence cut at the edges of its marked spans and of the speech it quotes; the texts join to the sentence.

    Where spans overlap, the first one wins. With quotes mode `include` nothing is withheld, so no piece is `quoted`.
    """
    sentence = result.sentence
    withheld = sentence.withheld if report.quotes == "separate" else ()
    edges = {edge for start, end in withheld for edge in (start, end)}
    spans = marked_spans(report, result)
    edges |= {edge for span in spans for edge in (span.start, span.end)}
    cuts = sorted({sentence.start, *(edge for edge in edges if sentence.start < edge < sentence.end), sentence.end})

    def within(start: int, end: int) -> list[int]:
        return cuts[bisect_left(cuts, start) : bisect_left(cuts, end)]

    quoted = {cut for start, end in withheld for cut in within(start, end)}
    marked: dict[int, Span] = {}
    for span in spans:
        for cut in within(span.start, span.end):
            marked.setdefault(cut, span)
    return tuple(
        Piece(report.article.text[start:end], start in quoted, marked.get(start)) for start, end in pairwise(cuts)
    )


def marked_spans(report: ArticleReport, result: SentenceResult) -> tuple[Span, ...]:
    """The loaded spans that are displayed: those of the report's least level or above."""
    return tuple(span for span in result.spans if reaches(span.level, report.min_level))


def all_marked_spans(report: ArticleReport) -> tuple[Span, ...]:
    """The loaded spans of the whole report that are displayed, in order."""
    return tuple(span for result in report.sentences for span in marked_spans(report, result))


def is_marked(report: ArticleReport, result: SentenceResult) -> bool:
    """Whether the sentence is displayed as opinionated: it is, and of the report's least level or above."""
    return result.label == "opinionated" and reaches(result.level, report.min_level)


def is_counted(report: ArticleReport, span: Span) -> bool:
    """Whether the span is the outlet's own, or quotes are included."""
    return span.voice == "outlet" or report.quotes == "include"


def is_aside(report: ArticleReport, result: SentenceResult) -> bool:
    """Whether the sentence is only quoted: outside the score, and neutral."""
    return report.quotes == "separate" and not result.sentence.counted and result.label == "neutral"


def strongest(report: ArticleReport, most: int = 3) -> list[SentenceResult]:
    """The opinionated sentences of the highest probability, in the article's order."""
    found = sorted(report.opinionated, key=lambda result: -report.decisive(result))[:most]
    return sorted(found, key=lambda result: result.sentence.index)


def terms_of(report: ArticleReport) -> list[str]:
    """The loaded words that count, each once and as first written, those of the highest probability first."""
    found = sorted((span for span in report.spans if is_counted(report, span)), key=lambda span: -span.probability)
    terms: dict[str, str] = {}
    for span in found:
        terms.setdefault(span.text.casefold(), span.text)
    return list(terms.values())


def paragraphs(report: ArticleReport) -> tuple[tuple[SentenceResult | str, ...], ...]:
    """The article by paragraphs: sentences, and the text between them as it stands there (white space, or ignored).

    The blank lines between two paragraphs end the first of them. All texts together are the article's.
    """
    found: list[list[SentenceResult | str]] = [[]]
    text, at, number = report.article.text, 0, None
    separator = _BLANK_LINES if _BLANK_LINES.search(text) else _LINE_END
    for result in report.sentences:
        sentence = result.sentence
        open_ended = _add(found, text[at : sentence.start], separator)
        if sentence.paragraph != number and not open_ended and _has_words(found[-1]):
            found.append([])
        found[-1].append(result)
        at, number = sentence.end, sentence.paragraph
    _add(found, text[at:], separator)
    return tuple(tuple(runs) for runs in found if runs)


def _add(found: list[list[SentenceResult | str]], between: str, separator: re.Pattern[str]) -> bool:
    """Add text between two sentences, each paragraph of it anew; whether the last of them goes on with the second."""
    ends = [match.end() for match in separator.finditer(between)] if between.strip() else []
    begins_later = False
    for start, end in pairwise(dict.fromkeys((0, *ends, len(between)))):
        if begins_later and _has_words(found[-1]):
            found.append([])
        found[-1].append(between[start:end])
        begins_later = True
    return bool(between.strip()) and ends[-1:] != [len(between)]


def _has_words(runs: Sequence[SentenceResult | str]) -> bool:
    return any(not isinstance(run, str) or run.strip() for run in runs)
