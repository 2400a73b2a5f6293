"""Text into paragraphs and sentences, with exact offsets.

Sentence boundaries are found by nupunkt (the Punkt algorithm with a trained list of abbreviations). What is added here
is the layout of a page (paragraphs, wrapped lines, headings, list items) and what news needs beyond Punkt: a closing
quotation mark belongs to the sentence it closes, and a question or exclamation inside quotation marks does not end the
sentence of the person who is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

import nupunkt

from bias.types import Sentence

Range = tuple[int, int]
"""Half-open offsets into the text."""

_HEADING = re.compile(r"#{1,6}\s")
_LIST_ITEM = re.compile(r"(?:[-*+•‣▪◦·]|\(?\d{1,3}[.)])\s+\S")
_UNFINISHED = re.compile(r"[\w)\]%]$")
_WRAP_WIDTH = 80

_CLOSERS = "\"'”’»)]"
_NEVER_FIRST = frozenset("”’»),;:!?]")
_UNBROKEN = re.compile(r"\S{100,}")  # nupunkt 0.8 takes time quadratic in the marks between two blanks
_ENDS = 40  # characters of such a stretch that it is shown at either end
_TITLE_END = re.compile(
    r"\b(?:adm|atty|brig|capt|cmdr|col|cpl|det|dr|fr|gen|govs?|hon|insp|lt|maj|messrs|mrs?|ms|pres|prof|pvt|reps?|rev|"
    r"sens?|sgt|supt)\.$",
    re.IGNORECASE,
)
_OPEN_ENDED = re.compile(rf"(?:[!?…{re.escape(_CLOSERS)}]|\.\.\.|\b[A-Z]\.)$")
_QUESTION_CLOSED = re.compile(r"[!?][\"”’»']$")
_SPEAKS = re.compile(
    r"(?:(?:the|a|an|one)\s+)?(?:[A-Z][\w.'’-]*\s+){0,4}[A-Z][\w.'’-]*(?:,[^,.]{1,60},)?\s+"
    r"(?:said|says|asked|asks|told|tells|added|adds|replied|replies|continued|recalled|wrote|writes|tweeted|responded|"
    r"responds|shouted|yelled|exclaimed|joked|wondered|demanded|declared)\b"
)
_LOWER_START = re.compile(r"[a-zà-öø-ÿ]+(?![A-Z])")
_MISSED = re.compile(
    r"(?:(?<=[a-z0-9\])][.!?])[\"”’']"  # a closing mark hid the end: said "no." She
    # nupunkt takes short words for abbreviations: part of the story. A sample
    r"|(?<![\w.'’-])(?!etc|approx|dept|est|inc|corp)(?:[a-z]{3,}|so|me|do|go|us|it|up|on|in|is|be|at|by|to)\.)"
    r"(?=\s+[\"“‘'(\[]?[A-Z])"
    r"|(?<=[a-z]{3}[.!?])(?=(?!Com\b|Org\b|Net\b)[A-Z][a-z]*[\s,'’])"  # a lost space: the vote.The bill
)


def segment(text: str) -> tuple[Sentence, ...]:
    """Split `text` into sentences, numbered in order, each with the number of its paragraph.

    Blank lines separate paragraphs. A text without any is taken to have one paragraph a line, unless most of its lines
    go on in lower case. `sentence.text == text[sentence.start:sentence.end]`, without white space at its ends; every
    other character of the text is in exactly one sentence, and no sentence crosses a paragraph. Linear in the text.
    """
    sentences: list[Sentence] = []
    width = max((len(line.rstrip()) for line in text.splitlines()), default=0)
    for number, lines in enumerate(_paragraphs(text)):
        for start, end in _blocks(text, lines, width):
            for first, last in _sentences(text, start, end):
                sentences.append(Sentence(len(sentences), number, first, last, text[first:last]))
    return tuple(sentences)


def _paragraphs(text: str) -> Iterator[list[Range]]:
    """The non-blank lines of each paragraph, without the white space around them."""
    groups: list[list[Range]] = [[]]
    at = 0
    for line in text.splitlines(keepends=True):
        stripped = _trim(text, at, at + len(line))
        if stripped:
            groups[-1].append(stripped)
        elif groups[-1]:
            groups.append([])
        at += len(line)
    groups = [group for group in groups if group]
    if len(groups) == 1 and not _wrapped(text, groups[0]):
        groups = [[line] for line in groups[0]]
    yield from groups


def _wrapped(text: str, lines: list[Range]) -> bool:
    """Whether most line breaks fall inside a sentence: the next line goes on in lower case."""
    return 2 * sum(text[start].islower() for start, _ in lines[1:]) > len(lines) - 1


def _blocks(text: str, lines: list[Range], width: int) -> Iterator[Range]:
    """Join the wrapped lines of a paragraph, but leave headings, list items and short unfinished lines apart."""
    start = lines[0][0]
    for before, line in pairwise(lines):
        if _breaks(text[slice(*before)], text[slice(*line)], width):
            yield start, before[1]
            start = line[0]
    yield start, lines[-1][1]


def _breaks(before: str, line: str, width: int) -> bool:
    """Whether `line` starts anew rather than going on with the line before it.

    An unfinished line before a capital letter was broken on purpose if the next word had had room on it: the text is
    wrapped at `width` at most, and three quarters of that are certainly room.
    """
    if _LIST_ITEM.match(line) or _HEADING.match(line) or _HEADING.match(before):
        return True
    word = line.split(maxsplit=1)[0]
    has_room = len(before) + 1 + len(word) <= 0.75 * min(width, _WRAP_WIDTH)
    return has_room and not word[0].islower() and bool(_UNFINISHED.search(before[-1:]))


def _sentences(text: str, start: int, end: int) -> Iterator[Range]:
    """Sentences of one block: nupunkt's, with its misses split and its false ends joined."""
    block = _UNBROKEN.sub(_abridged, text[start:end])
    spans = nupunkt.sent_spans(block)
    yield from _join(text, (piece for first, last in spans for piece in _split(text, start + first, start + last)))


def _abridged(stretch: re.Match[str]) -> str:
    """A stretch without white space as long as before, of which no end of a sentence is left but at its own ends."""
    whole = stretch[0]
    return whole[:_ENDS] + "-" * (len(whole) - 2 * _ENDS) + whole[-_ENDS:]


def _split(text: str, start: int, end: int) -> Iterator[Range]:
    """Split at the ends of sentences that nupunkt misses."""
    for match in _MISSED.finditer(text, start, end):
        if piece := _trim(text, start, match.end()):
            yield piece
        start = match.end()
    if piece := _trim(text, start, end):
        yield piece


def _join(text: str, pieces: Iterable[Range]) -> Iterator[Range]:
    """Join pieces that go on with the sentence before them."""
    held: Range | None = None
    for piece in pieces:
        if held is None:
            held = piece
        elif _continues(text, held, piece):
            held = held[0], piece[1]
        else:
            yield held
            held = piece
    if held is not None:
        yield held


def _continues(text: str, before: Range, piece: Range) -> bool:
    tail = text[max(before[0], before[1] - 24) : before[1]]
    if text[piece[0]] in _NEVER_FIRST or not any(char.isalnum() for char in text[slice(*piece)]):
        return True
    if _TITLE_END.search(tail) or (_QUESTION_CLOSED.search(tail) and _SPEAKS.match(text, *piece)):
        return True
    return bool(_LOWER_START.match(text, *piece) and _OPEN_ENDED.search(tail))


def _trim(text: str, start: int, end: int) -> Range | None:
    """The range without white space at its ends; None if nothing is left."""
    body = text[start:end]
    left = len(body) - len(body.lstrip())
    body = body.strip()
    return (start + left, start + left + len(body)) if body else None
