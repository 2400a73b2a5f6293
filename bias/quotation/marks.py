"""Which quotation marks belong together.

Apostrophes, feet and inches use the same characters. Double marks are paired first, then single ones outside them, so
that a nested quotation never splits the one around it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Range = tuple[int, int]


class Pair(NamedTuple):
    """A quotation with its marks: half-open offsets, outside and inside the marks (equal where a mark was lost)."""

    start: int
    end: int
    inner_start: int
    inner_end: int


class _Mark(NamedTuple):
    start: int
    end: int
    role: str  # "open", "close" or "either"


_DOUBLE = re.compile(r"[\"“”„‟«»＂]|``|''")
_SINGLE = re.compile(r"[‘’‚'`]")
_ELISION = re.compile(
    r"(?:em|tis|twas|til|till|cause|bout|round|n|neath|cept|ere|nuff)\b|\d0s\b|\d\ds?\b", re.IGNORECASE
)
_BEFORE_OPEN = frozenset("([{-–—/\"“«‘'…>*_:")
_AFTER_CLOSE = frozenset(".,;:!?)]}-–—/\"”»’'…<*_")
_INCHES = re.compile(r"\d['’′]\d{1,2}$")
_INTRODUCED = re.compile(r"(?:[,:]|\bthat)\s*$")
_SAID = "said|says|told|added|asked|wrote"
_LOST_CLOSE = re.compile(
    rf"[,.!?](?=\s+(?:(?:{_SAID})\s|(?:he|she|they|the(?:\s\w+){{1,3}}?|[A-Z][\w.'’-]+(?:\s[A-Z][\w.'’-]+){{0,3}})\s+(?:{_SAID})\b))"
)


def pairs(text: str, sentences: Iterable[Range]) -> tuple[Pair, ...]:
    """The outermost quotations of one paragraph, in order, without overlap; `sentences` are its ranges.

    A mark whose partner was lost is given the likeliest end: see `_lone`. Pairs without a word between are left out.
    """
    ranges = list(sentences)
    doubles = _outermost(_doubles(text, ranges))
    singles = _singles(text, ranges, doubles)
    return tuple(
        pair
        for pair in _outermost([*doubles, *singles])
        if any(char.isalnum() for char in text[pair.inner_start : pair.inner_end])
    )


def _outermost(found: Iterable[Pair]) -> list[Pair]:
    kept: list[Pair] = []
    for pair in sorted(found, key=lambda pair: (pair.start, -pair.end)):
        if not kept or pair.start >= kept[-1].end:
            kept.append(pair)
    return kept


def _doubles(text: str, sentences: list[Range]) -> list[Pair]:
    found: list[Pair] = []
    open_marks: list[_Mark] = []
    lone_closers: list[_Mark] = []
    for mark in _double_marks(text, sentences[0][0], sentences[-1][1]):
        if mark.role == "open" or (mark.role == "either" and not open_marks):
            open_marks.append(mark)
        elif open_marks:
            opener = open_marks.pop()
            found.append(Pair(opener.start, mark.end, opener.end, mark.start))
        else:
            lone_closers.append(mark)
    found = _outermost(found)
    return _outermost(found + _lone(text, sentences, found, open_marks, lone_closers))


def _double_marks(text: str, start: int, end: int) -> Iterator[_Mark]:
    for match in _DOUBLE.finditer(text, start, end):
        if match[0] == '"' and _INCHES.search(text, max(start, match.start() - 5), match.start()):
            continue
        yield _Mark(match.start(), match.end(), _role(text, match, start, end))


def _role(text: str, match: re.Match[str], start: int, end: int) -> str:
    """Whether a mark opens or closes, by its shape and by the characters beside it."""
    if match[0] in ("“", "„", "«", "``"):
        return "open"
    if match[0] in ("”", "»", "''"):
        return "close"
    before = text[match.start() - 1] if match.start() > start else " "
    after = text[match.end()] if match.end() < end else " "
    free_before = before.isspace() or before in _BEFORE_OPEN
    free_after = after.isspace() or after in _AFTER_CLOSE
    if free_before == free_after:
        return "either"
    return "open" if free_before else "close"


def _lone(
    text: str, sentences: list[Range], found: list[Pair], openers: list[_Mark], closers: list[_Mark]
) -> list[Pair]:
    """Quotations of which one mark was lost.

    An opening mark at the start of a sentence, in a row of one sentence, or after a comma, a colon or "that", opens a
    quotation up to the words that attribute it ("..., he said"), the next quotation or the end of the paragraph. A
    closing mark after punctuation closes one from the start of its sentence. Any other lone mark is ignored.
    """
    lone: list[Pair] = []
    begin, finish = sentences[0][0], sentences[-1][1]
    first = {start for start, _ in sentences}
    limits = sorted({*(pair.start for pair in found), *(mark.start for mark in openers), finish})
    for mark in openers:
        if (
            mark.start in first
            or (len(sentences) == 1 and mark.role == "open")
            or _INTRODUCED.search(text, max(begin, mark.start - 8), mark.start)
        ):
            limit = limits[bisect_left(limits, mark.end)] if mark.end < finish else finish
            lost = _LOST_CLOSE.search(text, mark.end, limit)
            stop = lost.end() if lost else limit
            lone.append(Pair(mark.start, stop, mark.end, stop))
    starts = sorted(
        {*(start for start, _ in sentences), *(pair.end for pair in found), *(mark.end for mark in closers)}
    )
    for mark in closers:
        if mark.start > begin and text[mark.start - 1] in ",.!?…":
            start = starts[bisect_left(starts, mark.end) - 1]
            lone.append(Pair(start, mark.end, start, mark.start))
    return lone


def _singles(text: str, sentences: list[Range], doubles: list[Pair]) -> list[Pair]:
    """Pairs of single marks outside the double ones; an unpaired one is an apostrophe."""
    start, end = sentences[0][0], sentences[-1][1]
    marks = [mark for mark in _single_marks(text, start, end) if not _inside(mark, doubles)]
    found: list[Pair] = []
    opener: _Mark | None = None
    for number, mark in enumerate(marks):
        if mark.role == "open":
            opener = opener or mark
        elif opener is not None:
            following = marks[number + 1].role if number + 1 < len(marks) else "open"
            if following == "close" and _possessive(text, mark):
                continue
            found.append(Pair(opener.start, mark.end, opener.end, mark.start))
            opener = None
    return found


def _single_marks(text: str, start: int, end: int) -> Iterator[_Mark]:
    for match in _SINGLE.finditer(text, start, end):
        at = match.start()
        before = text[at - 1] if at > start else " "
        after = text[at + 1] if at + 1 < end else " "
        if (before.isspace() or before in _BEFORE_OPEN) and not after.isspace():
            if match[0] != "’" and not _ELISION.match(text, at + 1):
                yield _Mark(at, at + 1, "open")
        elif not (after.isalnum() or before.isspace() or match[0] in "‘‚`"):
            yield _Mark(at, at + 1, "close")


def _possessive(text: str, mark: _Mark) -> bool:
    """Whether a closing mark may be the apostrophe of a plural: the workers' rights."""
    return text[mark.start - 1] in "sS" and bool(re.match(r"\s+[a-z]", text[mark.end : mark.end + 4]))


def _inside(mark: _Mark, pairs: list[Pair]) -> bool:
    at = bisect_right(pairs, mark.start, key=lambda pair: pair.start) - 1
    return at >= 0 and mark.start < pairs[at].end
