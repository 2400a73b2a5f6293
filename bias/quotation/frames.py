"""A sentence seen from outside its quotations: the words of the outlet, and one token for each quotation.

Everything that decides who speaks is a rule on such a frame; what stands inside the marks decides little.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from bias.quotation.marks import Pair

Frame = tuple["Token", ...]

_TOKEN = re.compile(
    r"(?P<word>(?:[A-Z]\.)+|(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Gen|Sen|Rep|Gov|Lt|Col|Capt|Sgt|Prof|Rev)\.|\w+(?:[-'’.&]\w+)*['’]?)"
    r"|(?P<mark>[,:;()\[\]–—]|--|(?<=\s)-(?=\s)|(?<=[a-z]{2})[.!?](?=\s+[A-Z]|\s*$))"
)
STOPS = frozenset({";", ".", "!", "?"})
BREAKS = STOPS | frozenset({",", ":", "(", ")", "–", "—", "--", "-", "[", "]"})
_PUNCTUATION = re.compile(r"[,.!?…;–—-]")


class Token(NamedTuple):
    """A word, a mark of punctuation, or a whole quotation."""

    text: str
    lower: str
    """The text in lower case, without the point of an abbreviation."""
    start: int
    end: int
    is_word: bool = False
    pair: int | None = None
    """The place in its paragraph's quotations, for a quotation."""

    @property
    def is_name(self) -> bool:
        """Whether it is written like a name, with a capital."""
        return self.is_word and self.text[0].isupper()


def frame(text: str, start: int, end: int, pairs: Sequence[Pair]) -> Frame:
    """The tokens of the sentence `text[start:end]`; quotations that reach out of it are clipped to it."""
    tokens: list[Token] = []
    at = start
    for number in range(bisect_right(pairs, start, key=lambda pair: pair.end), len(pairs)):
        pair = pairs[number]
        if pair.start >= end:
            break
        tokens += _tokens(text, at, max(start, pair.start))
        at = min(end, pair.end)
        tokens.append(Token('"', '"', max(start, pair.start), at, pair=number))
    return (*tokens, *_tokens(text, at, end))


def _tokens(text: str, start: int, end: int) -> list[Token]:
    return [
        Token(match[0], match[0].lower().removesuffix("."), match.start(), match.end(), match.lastgroup == "word")
        for match in _TOKEN.finditer(text, start, end)
    ]


def ends_open(text: str, pair: Pair) -> bool:
    """Whether a quotation ends in punctuation, so that the words after it are not part of its clause."""
    return bool(_PUNCTUATION.match(text, pair.inner_end - 1))
