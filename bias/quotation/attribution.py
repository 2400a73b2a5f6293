"""Who is said to have said a quotation: the verb that governs it, and that verb's subject.

There is no parser here. A quotation stands in a frame (`frames.py`), and English news attributes in few ways:

    before   Smith said, "..." / said the plan was "..." / called him a "..." / his claim that "..." / according to
    after    "..." Smith, a Republican, told reporters / "..." said Smith / ... "..." for Ohio, Smith said.
"""

from __future__ import annotations

from typing import NamedTuple

from bias.quotation.frames import BREAKS, STOPS, Frame
from bias.quotation.speakers import is_inverted, leading_subject, name, subject_after, subject_of
from bias.quotation.vocabulary import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    LOADED_VERBS,
    NOUN_LIKE_VERBS,
    PEOPLE,
    PRONOUNS,
    RELATIVES,
    SPEECH_NOUNS,
    VERBS,
    WEAK_VERBS,
)

_REACH = 40  # tokens, and other quotations, between a quotation and its verb: bounds the work on odd texts
_QUOTATIONS = 6

_BEFORE_VERB = PRONOUNS | RELATIVES | AUXILIARIES | {"to", "and"}
_POSSESSIVES = frozenset({"his", "her", "their", "its"})
_NEW_CLAUSE = frozenset({"but", "while", "whereas", "although", "though"})


class Attribution(NamedTuple):
    """What governs a quotation: its verb and speaker as written, where known."""

    verb: str | None
    speaker: str | None
    start: int
    """Offset of the verb or noun."""
    distance: int
    """Tokens between it and the quotation."""


def before(tokens: Frame) -> Attribution | None:
    """The attribution in the words before a quotation (`tokens`, back to the start of its sentence)."""
    passed = 0
    for at in range(len(tokens) - 1, max(-1, len(tokens) - _REACH), -1):
        token = tokens[at]
        passed += token.pair is not None
        if passed > _QUOTATIONS:
            return None
        if token.text in STOPS or (token.lower in _NEW_CLAUSE and at and tokens[at - 1].text == ","):
            return None
        distance = len(tokens) - 1 - at
        if is_according(tokens, at):
            return Attribution("according to", subject_after(tokens, at + 1), token.start, distance)
        if _is_verb(tokens, at):
            if (token.lower in WEAK_VERBS | LOADED_VERBS and not _introduces(tokens, at)) or _is_closed_off(tokens, at):
                continue
            return Attribution(token.text, subject_of(tokens, at), token.start, distance)
        if _is_speech_noun(tokens, at):
            return Attribution(None, _possessor(tokens, at), token.start, distance)
    return None


def after(tokens: Frame, *, set_off: bool) -> Attribution | None:
    """The attribution in the words after a quotation (`tokens`, up to the end of its sentence).

    `set_off` says that punctuation parts the quotation from them, so that a subject can begin at once.
    """
    first = boundary = 0 if set_off else None
    passed = 0
    for at, token in enumerate(tokens[:_REACH]):
        if is_according(tokens, at):
            return Attribution("according to", subject_after(tokens, at + 1), token.start, at)
        if token.text in STOPS or token.text == ":":
            return None
        if token.text in BREAKS:
            boundary = at + 1
            first = boundary if first is None or at == 0 else first
        elif token.pair is not None:
            boundary = first = at + 1
            passed += 1
            if passed > _QUOTATIONS:
                return None
        elif first is not None and boundary is not None and _is_verb(tokens, at):
            if token.lower.endswith("ing") or (at and tokens[at - 1].lower == "to"):
                continue
            if token.lower in WEAK_VERBS and not set_off:
                continue
            found = _clause(tokens, first, boundary, at, set_off)
            if found:
                return found
    return None


def _clause(tokens: Frame, first: int, boundary: int, verb: int, set_off: bool) -> Attribution | None:
    """The attribution by `tokens[verb]`, if the words since `boundary` (or `first`) are its subject."""
    subject = tokens[boundary:verb]
    word, start = tokens[verb].text, tokens[verb].start
    if not subject and (verb == 0 or not set_off or boundary == first or is_inverted(tokens, verb)):
        return Attribution(word, subject_after(tokens, verb), start, verb)
    if not subject:
        subject = tokens[first:verb]
    opener = subject[0].lower
    if opener == "as" and len(subject) <= 5:
        return Attribution(word, name(subject[1:]), start, verb)
    if opener in CONJUNCTIONS or opener in RELATIVES or subject[-1].lower in RELATIVES:
        return None
    return Attribution(word, subject_of(tokens[first:], verb - first), start, verb)


def is_according(tokens: Frame, at: int) -> bool:
    """Whether "according to" stands there."""
    return tokens[at].lower == "according" and at + 1 < len(tokens) and tokens[at + 1].lower == "to"


def _is_verb(tokens: Frame, at: int) -> bool:
    """Whether the token is a verb of attribution in use: no imperative at the start, no noun or participle."""
    token = tokens[at]
    word = token.lower if at == 0 else token.text
    if word not in VERBS or not token.is_word:
        return False
    if at == 0:
        return word.endswith(("ed", "ing")) or word in {"said", "says"}
    previous = tokens[at - 1]
    if previous.lower in DETERMINERS or previous.lower.endswith(("'s", "’s")):
        return False
    if word in {"put", "puts"}:
        return at + 1 < len(tokens) and tokens[at + 1].lower == "it"
    if word in {"state", "states"}:
        return previous.lower in _BEFORE_VERB or _introduces(tokens, at)
    if word in NOUN_LIKE_VERBS:
        return previous.lower in _BEFORE_VERB | PEOPLE or previous.is_name or previous.text == ","
    return True


def _introduces(tokens: Frame, at: int) -> bool:
    """Whether the verb stands right before the quotation, or leads to it by "that" or "as"."""
    rest = tokens[at + 1 :]
    if not rest or rest[-1].text in {":", ","} or rest[-1].lower == "that":
        return True
    return any(token.lower == "as" for token in rest[-3:]) or any(token.lower == "that" for token in rest[:5])


def _is_closed_off(tokens: Frame, verb: int) -> bool:
    """Whether a comma ends the subordinate clause of the verb before the quotation begins."""
    rest = tokens[verb + 1 : -1] if tokens[-1].text == "," else tokens[verb + 1 :]
    if not any(token.text in {",", ")"} for token in rest):
        return False
    relative = verb >= 1 and tokens[verb - 1].lower in RELATIVES and tokens[max(0, verb - 2)].text in {",", "("}
    opening = tokens[0].lower in CONJUNCTIONS - {"and", "but", "so", "or", "yet"}
    return relative or (opening and not any(token.text == "," for token in tokens[:verb]))


def _is_speech_noun(tokens: Frame, at: int) -> bool:
    """Whether a noun of speech leads to the quotation: a promise to "...", its slogan, "..."."""
    if tokens[at].lower not in SPEECH_NOUNS:
        return False
    rest = tokens[at + 1 :]
    if len(rest) > 8:
        return False
    return not rest or rest[0].lower in {"that", "to", "of", "for", "about", "reading", ":", ",", "as"}


def _possessor(tokens: Frame, noun: int) -> str | None:
    for token in reversed(tokens[max(0, noun - 4) : noun]):
        if token.text.endswith(("'s", "’s")) and token.is_name:
            return token.text[:-2]
    return leading_subject(tokens) if noun and tokens[noun - 1].lower in _POSSESSIVES else None
