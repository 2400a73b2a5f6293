"""Regular English inflection, enough for the terms of a lexicon; what is irregular stands in the data."""

from __future__ import annotations

import re
from typing import Literal

Inflection = Literal["verb", "noun", "adj", "none"]

_SIBILANT = re.compile(r"(?:s|x|z|ch|sh)$")
_CONSONANT_Y = re.compile(r"[^aeiou]y$")
_SHORT_SYLLABLE = re.compile(r"^[^aeiou]*[aeiou][^aeiouwxy]$")


def inflect(term: str, kind: Inflection) -> tuple[str, ...]:
    """All regular forms of a term, the term itself first.

    A verb inflects in its first word ("ram through", "rammed through"), a noun in its last ("witch hunts"). An
    adjective gets its adverb in -ly ("brazen", "brazenly"): the two judge alike.
    """
    match kind:
        case "verb":
            head, space, rest = term.partition(" ")
            return tuple(form + space + rest for form in _verb(head))
        case "noun":
            return (term, _with_s(term))
        case "adj":
            return (term, _adverb(term))
        case "none":
            return (term,)


def _verb(base: str) -> tuple[str, ...]:
    if base.endswith("e"):
        stem = base[:-1] if not base.endswith("ee") else base
        return (base, base + "s", base + "d", stem + "ing")
    if _CONSONANT_Y.search(base):
        return (base, _with_s(base), base[:-1] + "ied", base + "ing")
    stem = base + base[-1] if _SHORT_SYLLABLE.search(base) else base
    return (base, _with_s(base), stem + "ed", stem + "ing")


def _with_s(word: str) -> str:
    if _SIBILANT.search(word):
        return word + "es"
    if _CONSONANT_Y.search(word):
        return word[:-1] + "ies"
    return word + "s"


def _adverb(adjective: str) -> str:
    if adjective.endswith("ic"):
        return adjective + "ally"
    if adjective.endswith("le"):
        return adjective[:-1] + "y"
    if _CONSONANT_Y.search(adjective):
        return adjective[:-1] + "ily"
    return adjective + "ly"
