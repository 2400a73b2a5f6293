"""What a word is, and which of the tokenizer's pieces begins it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

WORD = re.compile(r"\w+(?:[-'’]\w+)*")
"""A word: letters and digits, with inner hyphens and apostrophes ("Biden-Harris", "don't")."""


def first_pieces(text: str, offsets: Sequence[tuple[int, int]]) -> Iterator[tuple[re.Match[str], int]]:
    """Each word of the text with the index of its first piece; words that no piece begins (cut off) are left out.

    `offsets` are the pieces' half-open offsets in the text; special tokens have (0, 0).
    """
    begins: dict[int, int] = {}
    for piece, (start, end) in enumerate(offsets):
        if end > start:
            begins.setdefault(start, piece)
    for word in WORD.finditer(text):
        if word.start() in begins:
            yield word, begins[word.start()]
