"""The subject of a verb of attribution, as written: the name without titles, else the pronoun or noun phrase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from bias.quotation.frames import BREAKS, Frame, Token
from bias.quotation.vocabulary import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    FUNCTION_WORDS,
    JOB_TITLES,
    PARTICLES,
    PEOPLE,
    PREPOSITIONS,
    PRONOUNS,
    RELATIVES,
    SPEECH_NOUNS,
    TIME_WORDS,
    VERBS,
)

_NO_NAME = re.compile(r"lly$|['’](?:ve|re|ll|d|m|t)$")
_SPAN = 25  # tokens that a subject and its appositions may take
_COORDINATORS = frozenset({"and", "but", "so", "or", "yet"})
_SUBORDINATE = PREPOSITIONS | CONJUNCTIONS - _COORDINATORS
_INVERTING = frozenset({"said", "says", "added", "adds", "asked", "asks", "wrote", "writes"})
_STARTS_CLAUSE = CONJUNCTIONS | {"that", "what"}
_NOT_FIRST = CONJUNCTIONS | PREPOSITIONS | TIME_WORDS | {"this", "last", "next", "there", "here"}


def subject_of(tokens: Frame, verb: int) -> str | None:
    """The speaker for the verb at that place: before it, or after it where inverted (", said Smith")."""
    if verb == 0 or tokens[verb - 1].pair is not None or is_inverted(tokens, verb):
        return subject_after(tokens, verb)
    return _subject_before(tokens, verb)


def subject_after(tokens: Frame, verb: int) -> str | None:
    """The noun phrase that begins right after the verb (or after "according to")."""
    phrase: list[Token] = []
    for token in tokens[verb + 1 : verb + _SPAN]:
        word = token.lower
        if not token.is_word or word in RELATIVES or word in CONJUNCTIONS or (word in TIME_WORDS and phrase):
            break
        if word in PREPOSITIONS and not (word in {"of", "for"} and phrase and not phrase[-1].is_name):
            break
        if phrase and (word in {"this", "last", "next", "later", "earlier"} or (word in VERBS and not token.is_name)):
            break
        phrase.append(token)
    return name(phrase)


def leading_subject(tokens: Frame) -> str | None:
    """The subject that opens the sentence, for a participle or second verb further on."""
    for segment in _segments(tokens[:_SPAN]):
        if _is_aside(segment):
            continue
        phrase: list[Token] = []
        for token in segment:
            if token.lower in AUXILIARIES or (token.text in VERBS and token.lower not in PEOPLE):
                break
            phrase.append(token)
            if token.lower in PRONOUNS:
                break
        names = _leading_names(phrase)
        return name(names) if names else None
    return None


def _leading_names(phrase: Sequence[Token]) -> list[Token]:
    """The pronoun, or the words up to the end of the first name, that a phrase begins with."""
    found: list[Token] = []
    for token in phrase:
        if token.lower in PRONOUNS:
            return [*found, token]
        if found and _begins_name(found[-1]) and not (token.is_name or token.lower in PARTICLES):
            break
        found.append(token)
    return found if found and _begins_name(found[-1]) else []


def is_inverted(tokens: Frame, verb: int) -> bool:
    """Whether the verb stands between commas before its subject: But, said Shah, "..."."""
    if tokens[verb - 1].text != "," or tokens[verb].lower not in _INVERTING:
        return False
    rest = list(takewhile(lambda token: token.text != ",", tokens[verb + 1 : verb + 9]))
    return (
        bool(rest)
        and rest[0].lower not in TIME_WORDS
        and all(t.is_name or t.lower in PEOPLE | DETERMINERS for t in rest)
    )


def _subject_before(tokens: Frame, verb: int) -> str | None:
    at = verb - 1
    while at >= 0 and (tokens[at].text in AUXILIARIES or tokens[at].text.endswith("ly")):
        at -= 1
    if at < 0:
        return None
    participle = tokens[verb].lower.endswith("ing")
    if participle and tokens[at].lower in {"as", "by"}:
        at -= 1  # quoted Xi as saying
    elif participle and tokens[at].lower in SPEECH_NOUNS:
        return None  # a sign reading
    elif (participle and not tokens[at].is_name) or tokens[at].lower in {"and", "to", "then"}:
        return leading_subject(tokens)
    if at >= 1 and tokens[at].lower in RELATIVES:
        at -= 2 if tokens[at - 1].text in BREAKS else 1
    elif at >= 0 and tokens[at].text in BREAKS:
        return _before_appositions(tokens[max(0, at - _SPAN) : at])
    phrase: list[Token] = []
    for place in range(at, max(-1, at - 16), -1):
        token = tokens[place]
        is_noun = token.lower in PEOPLE or (place and tokens[place - 1].lower in DETERMINERS)  # the report
        if not token.is_word or token.lower in _STARTS_CLAUSE or (token.text in VERBS and not is_noun):
            break
        phrase.append(token)
    return name(phrase[::-1])


def _before_appositions(tokens: Frame) -> str | None:
    """The subject in "Jim Smith, a Republican from Ohio, (said)": the first part that can be one."""
    parts = _segments(tokens)
    if len(parts) > 1 and not parts[-2][-1].is_name and len(parts[-1]) > 1 and all(t.is_name for t in parts[-1]):
        return name(parts[-1])  # The top diplomat, Sergei Ryabkov, said
    return next((found for part in parts if not _is_aside(part) and (found := name(part))), None)


def _is_aside(segment: Sequence[Token]) -> bool:
    """Whether a segment is an adverbial before the subject: On Monday, / A week later, / After he won,"""
    opener = segment[0].lower
    return opener in _SUBORDINATE or any(token.lower in TIME_WORDS for token in segment[:3])


def _segments(tokens: Frame) -> list[list[Token]]:
    """The words between punctuation and quotations; those before a quotation are another clause's and left out."""
    segments: list[list[Token]] = [[]]
    for token in tokens:
        if token.pair is not None:
            segments = [[]]
        elif token.is_word:
            segments[-1].append(token)
        elif segments[-1]:
            segments.append([])
    return [segment for segment in segments if segment]


def name(phrase: Sequence[Token]) -> str | None:
    """The speaker that a noun phrase names.

    The name at the end of its head, without titles ("Russia's deputy foreign minister Sergei Ryabkov"); else the
    pronoun; else the phrase ("a spokesman for the company"), if it is short enough to be one.
    """
    while phrase and phrase[0].lower in _NOT_FIRST:
        phrase = phrase[1:]
    if not phrase:
        return None
    head = _head(phrase)
    if proper := _proper_name(head):
        return _written(proper)
    if head[-1].lower in PRONOUNS:
        return head[-1].text
    is_person = any(token.lower in PEOPLE for token in head) or head[0].lower in DETERMINERS
    return _written(phrase) if is_person and len(phrase) <= 10 else None


def _head(phrase: Sequence[Token]) -> Sequence[Token]:
    """The phrase up to its first preposition; "Secretary of State John Smith" stays whole."""
    for at, token in enumerate(phrase):
        if at and token.lower in PREPOSITIONS:
            joined = token.lower == "of" and phrase[at - 1].is_name and phrase[at - 1].lower in JOB_TITLES
            if not (joined and len(phrase) > at + 2 and phrase[-1].is_name):
                return phrase[:at]
    return phrase


def _proper_name(head: Sequence[Token]) -> list[Token]:
    """The run of capitalized words that ends the head, after its last title."""
    run: list[Token] = []
    for token in reversed(head):
        joins = bool(run) and (token.lower in PARTICLES or token.lower in {"of", "and"})
        if not (token.is_name or joins) or (run and token.text.endswith(("'s", "’s"))):
            break
        run.append(token)
    run.reverse()
    while run and (
        not run[0].is_name or run[0].lower in FUNCTION_WORDS or (run[0] is head[0] and run[0].lower.endswith("ly"))
    ):
        run = run[1:]
    last = max((at for at, token in enumerate(run[:-1]) if token.lower in JOB_TITLES), default=-1) + 1
    if last and run[last].lower == "of":
        last = last + 2 if len(run) > last + 2 else 0
    return run[last:]


def _begins_name(token: Token) -> bool:
    """Whether a capital is not just that of a sentence's first word: But, Finally."""
    return token.is_name and token.lower not in FUNCTION_WORDS and not _NO_NAME.search(token.lower)


def _written(tokens: Sequence[Token]) -> str:
    return " ".join(token.text for token in tokens)
