"""The terms that a newsroom allows: words and phrases as they are written, and entries of the lexicon by their ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bias.errors import UsageError
from bias.lexicon.matching import JOINT, words_of


class Allowed:
    """An allow list.

    A term that is an entry's id stands for all forms of that entry; as a word or phrase it stands for itself, in upper
    or lower case, with straight or curly apostrophes, with hyphens or blanks, and for its possessive.

    Raises:
        UsageError: a term has no word.
    """

    __slots__ = ("_pattern", "ids")

    def __init__(self, terms: Sequence[str]) -> None:
        self.ids = frozenset(terms)
        phrases = [words_of(term) for term in terms]
        for term, words in zip(terms, phrases, strict=True):
            if not words:
                raise UsageError(f"an allowed term is a word, a phrase or an entry's id, not {term!r}")
        joint = f"(?:{JOINT.pattern})"
        written = sorted({joint.join(map(re.escape, words)) for words in phrases}, key=len, reverse=True)
        # Ahead of its text, so that phrases may overlap.
        self._pattern = (
            re.compile(rf"(?<!\w)(?=((?:{'|'.join(written)})(?:['’]s)?)(?!\w))", re.IGNORECASE) if written else None
        )

    def within(self, text: str, start: int) -> Callable[[int, int], bool]:
        """Whether a stretch of the article lies in an allowed phrase of its sentence, which begins at `start`."""
        found = [match.span(1) for match in self._pattern.finditer(text)] if self._pattern else []
        return lambda first, last: any(left <= first - start and last - start <= right for left, right in found)
