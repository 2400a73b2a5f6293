"""The voice of a sentence: what is left of the outlet when the attributed quotations are taken out.

A sentence is *quoted* if nothing is left but a plain attribution. What may stand in one is a closed list, not a
count: names (capital letters), numbers, function words, verbs of attribution, and the words of `vocabulary.toml` for
roles, times and occasions. Any other word ("the disgraced senator said") is the outlet's, and makes the sentence
*mixed*. So does a partial quotation (said the plan was "reckless"), because its clause is the outlet's wording, and so
does a scare quote.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bias.quotation.frames import Frame, Token
from bias.quotation.vocabulary import PLAIN_WORDS, VERBS

_ADJECTIVE = re.compile(r"(?:ed|ly|ous|ful|less|ive|ible|able|ish)$")


def is_plain(frame: Frame, is_own_word: Callable[[int], bool]) -> bool:
    """Whether a frame is nothing but attribution; `is_own_word(pair)` says which quotations are the outlet's words."""
    return all(
        _is_plain_word(token, first=at == 0) if token.pair is None else not is_own_word(token.pair)
        for at, token in enumerate(frame)
    )


def _is_plain_word(token: Token, *, first: bool) -> bool:
    if not token.is_word:
        return True
    word = token.lower.removesuffix("'s").removesuffix("’s").rstrip("'’")
    if word in PLAIN_WORDS or word in VERBS:
        return True
    if token.is_name:
        return not (first and _ADJECTIVE.search(word))
    return all(part in PLAIN_WORDS or part.isdigit() for part in word.split("-")) if "-" in word else False
