"""The voice of a sentence: what is left of the outlet when the attributed quotations are taken out.

A sentence is *quoted* if nothing is left but a plain attribution. What may stand in one is a closed list, not a
count: names (capital letters), numbers, function words, verbs of attribution, and the words of `vocabulary.toml` for
roles, times and occasions. Any other word ("the disgraced senator said") is the outlet's, and makes the sentence
*mixed*. So does a partial quotation (said the plan was "reckless"), because its clause is the outlet's wording, and so
does a scare quote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container

from bias.quotation.frames import Frame, Token
from bias.quotation.vocabulary import PARTICLES, PLAIN_VERBS, PLAIN_WORDS

_ADJECTIVE = re.compile(r"(?:ed|ly|ous|ful|less|ive|ible|able|ish)$")


def is_plain(frame: Frame, verbs: Container[int | None], is_own: Callable[[int], bool]) -> bool:
    """Whether a frame is nothing but attribution.

    `verbs` holds the offsets of the verbs that attribute, which may be any; `is_own(pair)` says which quotations are
    words of the outlet's own.
    """
    return all(
        not is_own(token.pair)
        if token.pair is not None
        else not token.is_word or token.start in verbs or _is_plain_word(token, first=at == 0)
        for at, token in enumerate(frame)
    )


def _is_plain_word(token: Token, *, first: bool) -> bool:
    word = token.lower.removesuffix("'s").removesuffix("’s").rstrip("'’")
    if word in PLAIN_WORDS or word in PLAIN_VERBS or word in PARTICLES or word[:1].isdigit():
        return True
    if token.is_name:
        return not (first and _ADJECTIVE.search(word))
    return "-" in word and all(part in PLAIN_WORDS or part.isdigit() for part in word.split("-"))
