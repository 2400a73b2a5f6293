"""Ignore comments, `<!-- bias: off -->` to `<!-- bias: on -->`: the stretches of a text that are not to be judged.

A stretch runs from the beginning of the `off` to the end of the `on`, or of the text. What follows the word in a
comment is a reason, for people. An `off` inside a stretch changes nothing, an `on` outside of one is told as a warning.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

Stretch = tuple[int, int]
"""Half-open offsets into the text."""

_MARK = r"<!--\s{0,99}bias:(?P<said>[^<]{0,300}?)-->"  # bounded, so that hostile text takes linear time
_COMMENT = re.compile(_MARK, re.IGNORECASE)
# A comment in a code block or code span of Markdown is an example of one.
_FENCED = r"^ {0,3}(?P<fence>`{3,}|~{3,}).*?(?:^ {0,3}(?P=fence)|\Z)"
_MARKDOWN = re.compile(rf"{_FENCED}|`[^`\n]*`|{_MARK}", re.DOTALL | re.IGNORECASE | re.MULTILINE)
_VISIBLE = re.compile(r"[^\r\n]")


class Comment(NamedTuple):
    """An ignore comment: where it stands, and its word (`off` or `on`, if it is a right one)."""

    start: int
    end: int
    word: str


def find_comments(text: str, *, markdown: bool) -> Iterator[Comment]:
    """The ignore comments in the source of a page, or in Markdown outside of its code."""
    for match in (_MARKDOWN if markdown else _COMMENT).finditer(text):
        if match["said"] is not None:
            word, *_ = match["said"].split() or [""]
            yield Comment(*match.span(), word.lower())


def warnings_of(text: str, comments: Iterable[Comment]) -> Iterator[str]:
    """What is wrong with comments of a text: words that are none, and an `on` without an `off`."""
    off, line, at = False, 1, 0
    for start, _, word in comments:
        line, at = line + text.count("\n", at, start), start
        if word not in ("off", "on"):
            yield f"line {line}: the comment 'bias: {word}' is neither off nor on, and does nothing"
        elif word == "on" and not off:
            yield f"line {line}: the comment 'bias: on' has no 'bias: off' before it, and does nothing"
        else:
            off = word == "off"


def stretches(comments: Iterable[Comment], length: int) -> tuple[Stretch, ...]:
    """The stretches of a text of so many code points that are not judged, in order and without overlap.

    A comment that does nothing is one by itself, so that it is not read as a sentence.
    """
    found: list[Stretch] = []
    begun: int | None = None
    for start, end, word in comments:
        if word == "off" and begun is None:
            begun = start
        elif word == "on" and begun is not None:
            found.append((begun, end))
            begun = None
        elif begun is None:
            found.append((start, end))
    return (*found, (begun, length)) if begun is not None else tuple(found)


def without_comments(text: str, ignored: Iterable[Stretch]) -> str:
    """The text with the ignore comments in its ignored stretches blanked out, so that every offset holds."""
    parts, at = [], 0
    for start, end in ignored:
        parts += [text[at:start], _COMMENT.sub(lambda match: _VISIBLE.sub(" ", match[0]), text[start:end])]
        at = end
    return "".join(parts) + text[at:]


def touches(start: int, end: int, ignored: Sequence[Stretch]) -> bool:
    """Whether any character from `start` up to `end` lies in one of the ignored stretches, which are in order."""
    at = bisect_right(ignored, start, key=lambda stretch: stretch[1])
    return at < len(ignored) and ignored[at][0] < end
