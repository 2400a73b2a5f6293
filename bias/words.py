"""What a word is, and which of the tokenizer's pieces begins it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_LETTERS = r"\w[\w\u0300-\u036f]*"
"""Accents may stand behind their letters (Unicode's decomposed form, as PDF files and macOS have it)."""

WORD = re.compile(rf"{_LETTERS}(?:[-'’]{_LETTERS})*")
"""A word: letters and digits, with inner hyphens and apostrophes ("Biden-Harris", "don't")."""

_BEGINNING = re.compile(rf"(?<![\w\u0300-\u036f])(?<![\w\u0300-\u036f][-'’]){WORD.pattern}")
"""A word, but not the rest of one."""


def first_pieces(text: str, offsets: Sequence[tuple[int, int]]) -> Iterator[tuple[re.Match[str], int]]:
    """Each word of the text with the index of its first piece; words that no piece begins (cut off) are left out.

    `offsets` are the pieces' half-open offsets in the text, in order; special tokens have (0, 0). Linear in the pieces,
    for a text can have thousands of windows.
    """
    begins: dict[int, int] = {}
    for piece, (start, end) in enumerate(offsets):
        if end > start:
            begins.setdefault(start, piece)
    if not begins:
        return
    last = next(reversed(begins))
    for word in _BEGINNING.finditer(text, next(iter(begins))):
        if word.start() > last:
            return
        if word.start() in begins:
            yield word, begins[word.start()]
