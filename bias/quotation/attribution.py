"""Who is said to have said a quotation: the verb that governs it, and that verb's subject.

There is no parser here. A quotation stands in a frame (`frames.py`), and English news attributes in few ways:

    before   Smith said, "..." / said the plan was "..." / called him a "..." / his claim that "..." / according to
    after    "..." Smith, a Republican, told reporters / "..." said Smith / ... "..." for Ohio, Smith said.
"""

from __future__ import annotations

from typing import NamedTuple

from bias.quotation.frames import Frame, Token
from bias.quotation.vocabulary import (
    AMBIGUOUS_VERBS,
    JOB_TITLES,
    LABELLING_VERBS,
    PEOPLE,
    SPEECH_NOUNS,
    TIME_WORDS,
    VERBS,
    WEAK_VERBS,
)


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


_REACH = 40  # tokens; bounds the work on a sentence of a thousand quotations

_DETERMINERS = _words("a an the this these those his her its their my our your no any each every some such")
_AUXILIARIES = _words(
    "has had have having is was were are be been being did do does would will could can may might must should also later "
    "then not never once again only just often even still first and repeatedly reportedly"
)
_SUBJECTS = _words("i you he she it we they who which that to and also critics") | _AUXILIARIES
_PRONOUNS = _words("i you he she it we they one")
_RELATIVES = frozenset({"who", "which", "that", "whom", "whose"})
_CONJUNCTIONS = _words(
    "and but or so because while whereas although though if when where as yet nor than after before since"
)
_NEW_CLAUSE = frozenset({"but", "while", "whereas", "although", "though"})
_OPENING_CLAUSE = _words("after when while although though because since before if once despite as")
_PREPOSITIONS = _words("for of in at from with on to by about during through via under over against into")
_PARTICLES = _words("de la le van von der den bin ibn al el da di du dos y and")
_BREAKS = frozenset({",", ":", ";", "(", ")", "–", "—", "--", "-", "[", "]"})
_DASHES = frozenset({"–", "—", "--", "-"})


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
    for at in range(len(tokens) - 1, max(-1, len(tokens) - _REACH), -1):
        token = tokens[at]
        if token.text == ";" or (token.lower in _NEW_CLAUSE and at and tokens[at - 1].text == ","):
            return None
        distance = len(tokens) - 1 - at
        if is_according(tokens, at):
            return Attribution("according to", _subject_after(tokens, at + 1), token.start, distance)
        if _is_verb(tokens, at):
            if (token.lower in WEAK_VERBS and not _introduces(tokens, at)) or _is_closed_off(tokens, at):
                continue
            return Attribution(token.text, _speaker(tokens, at), token.start, distance)
        if _is_speech_noun(tokens, at):
            return Attribution(None, _possessor(tokens, at), token.start, distance)
    return None


def after(tokens: Frame, *, set_off: bool) -> Attribution | None:
    """The attribution in the words after a quotation (`tokens`, up to the end of its sentence).

    `set_off` says that punctuation parts the quotation from them, so that a subject can begin at once.
    """
    first = boundary = 0 if set_off else None
    for at, token in enumerate(tokens[:_REACH]):
        if is_according(tokens, at):
            return Attribution("according to", _subject_after(tokens, at + 1), token.start, at)
        if token.text in {";", ":"}:
            return None
        if token.text in _BREAKS:
            boundary = at + 1
            first = boundary if first is None or at == 0 else first
        elif token.pair is not None:
            boundary = first = at + 1
        elif first is not None and boundary is not None and _is_verb(tokens, at) and not token.lower.endswith("ing"):
            found = _clause(tokens, first, boundary, at, set_off)
            if found:
                return found
    return None


def _clause(tokens: Frame, first: int, boundary: int, verb: int, set_off: bool) -> Attribution | None:
    """The attribution by `tokens[verb]`, if the words since `boundary` (or `first`) are its subject."""
    subject = tokens[boundary:verb]
    word, start = tokens[verb].text, tokens[verb].start
    if not subject and (verb == 0 or not set_off or boundary == first):
        return Attribution(word, _subject_after(tokens, verb), start, verb)
    if not subject:
        subject = tokens[first:verb]
    opener = subject[0].lower
    if opener == "as" and len(subject) <= 5:
        return Attribution(word, _name(subject[1:]), start, verb)
    if opener in _CONJUNCTIONS or opener in _RELATIVES or subject[-1].lower in _RELATIVES:
        return None
    return Attribution(word, _subject_before(tokens[first:], verb - first), start, verb)


def is_according(tokens: Frame, at: int) -> bool:
    """Whether "according to" stands there."""
    return tokens[at].lower == "according" and at + 1 < len(tokens) and tokens[at + 1].lower == "to"


def _is_verb(tokens: Frame, at: int) -> bool:
    token = tokens[at]
    word = token.text.lower() if at == 0 else token.text
    if word not in VERBS or not token.is_word:
        return False
    previous = tokens[at - 1] if at else None
    if word in ("put", "puts"):
        return at + 1 < len(tokens) and tokens[at + 1].lower == "it"
    if previous is None:
        return word.endswith(("ed", "ing", "s", "said"))  # not an imperative: Recall that ...
    if previous.lower in _DETERMINERS or previous.lower.endswith(("'s", "’s")):
        return False
    if word in AMBIGUOUS_VERBS:
        return previous.lower in _SUBJECTS or previous.lower in PEOPLE or previous.is_name or previous.text == ","
    return True


def _introduces(tokens: Frame, at: int) -> bool:
    """Whether the verb stands right before the quotation, or before it as in "dismissed it as"."""
    rest = tokens[at + 1 :]
    return not rest or rest[-1].text in {":", ","} or (rest[-1].lower in {"that", "as"} and len(rest) <= 12)


def _is_closed_off(tokens: Frame, verb: int) -> bool:
    """Whether a comma ends the subordinate clause of the verb before the quotation begins."""
    rest = tokens[verb + 1 : -1] if tokens[-1].text == "," else tokens[verb + 1 :]
    if not any(token.text in {",", ")"} for token in rest):
        return False
    relative = verb >= 1 and tokens[verb - 1].lower in _RELATIVES and tokens[max(0, verb - 2)].text in {",", "("}
    return relative or (tokens[0].lower in _OPENING_CLAUSE and not any(t.text == "," for t in tokens[:verb]))


def _is_speech_noun(tokens: Frame, at: int) -> bool:
    """Whether a noun of speech leads to the quotation: a promise to "...", its slogan, "..."."""
    rest = tokens[at + 1 :]
    if tokens[at].lower not in SPEECH_NOUNS or len(rest) > 8:
        return False
    return not rest or rest[0].lower in {"that", "to", "of", "for", "about", "reading", ":", ",", "as"}


def _possessor(tokens: Frame, noun: int) -> str | None:
    for token in reversed(tokens[max(0, noun - 4) : noun]):
        if token.text.endswith(("'s", "’s")) and token.is_name:
            return token.text[:-2]
    return None


def _speaker(tokens: Frame, verb: int) -> str | None:
    """The subject of the verb: before it, or after it when inverted (", said Smith, ...")."""
    if verb == 0 or tokens[verb - 1].pair is not None:
        return _subject_after(tokens, verb)
    return _subject_before(tokens, verb)


def _subject_after(tokens: Frame, verb: int) -> str | None:
    region: list[Token] = []
    for token in tokens[verb + 1 : verb + 16]:
        if not token.is_word or token.lower in _RELATIVES or token.lower in TIME_WORDS or token.lower in _CONJUNCTIONS:
            break
        if token.lower in _PREPOSITIONS and not (token.lower == "of" and region and not region[-1].is_name):
            break
        region.append(token)
    return _name(tuple(region))


def _subject_before(tokens: Frame, verb: int) -> str | None:
    at = verb - 1
    while at >= 0 and (tokens[at].lower in _AUXILIARIES or tokens[at].lower.endswith("ly")):
        at -= 1
    if at >= 0 and tokens[at].lower in {"as", "by"} and tokens[verb].lower.endswith("ing"):
        at -= 1  # quoted Xi as saying
    if at >= 1 and tokens[at].lower in _RELATIVES:
        at -= 2 if tokens[at - 1].text == "," else 1
    elif at >= 0 and tokens[at].text in {",", ")", "–", "—", "--"}:
        at = _before_apposition(tokens, at)
    if at < 0 or tokens[at].lower == "to":
        return _leading_subject(tokens)
    region: list[Token] = []
    for token in reversed(tokens[max(0, at - 15) : at + 1]):
        if not token.is_word or token.lower in {"that", "when", "if", "because", "but", "while", "after", "as", "what"}:
            break
        if token.text in VERBS and token.lower not in PEOPLE:
            break
        region.append(token)
    return _name(tuple(reversed(region))) or _leading_subject(tokens)


def _before_apposition(tokens: Frame, close: int) -> int:
    """The place before what stands between commas (or brackets) and ends at `close`; -1 if nothing does."""
    for at in range(close - 1, max(-1, close - 25), -1):
        if tokens[at].text in _BREAKS:
            segment = tokens[at + 1 : close]
            apposed = segment and not (segment[0].is_name and at + 1 < close - 1 and segment[0].text[1:].islower())
            if apposed or tokens[at].text == "(":
                return at - 1
    return -1


def _leading_subject(tokens: Frame) -> str | None:
    """The subject that opens the sentence, for a participle or infinitive further on."""
    region: list[Token] = []
    for token in tokens[:8]:
        if token.is_name or token.lower in _PRONOUNS or (not region and token.lower in _DETERMINERS):
            region.append(token)
            if token.lower in _PRONOUNS:
                break
        else:
            break
    return _name(tuple(region))


def _name(region: Frame) -> str | None:
    """The speaker in a noun phrase: the name it ends in without titles, else a pronoun, else the phrase."""
    while region and (region[0].lower in _CONJUNCTIONS or (region[0].lower in _PREPOSITIONS | TIME_WORDS)):
        region = region[1:]
    if not region:
        return None
    head = region
    for at, token in enumerate(region):
        if at and token.lower in _PREPOSITIONS and not (token.lower == "of" and region[at - 1].is_name):
            head = region[:at]
            break
    run: list[Token] = []
    for token in reversed(head):
        joins = token.lower in _PARTICLES | {"of"} and run
        if not (token.is_name or joins) or (run and token.text.endswith(("'s", "’s"))):
            break
        run.append(token)
    run.reverse()
    while run and not run[0].is_name:
        run = run[1:]
    titles = [at for at, token in enumerate(run[:-1]) if token.lower in JOB_TITLES]
    if titles:
        last = titles[-1] + 1
        last += 2 if run[last].lower == "of" and len(run) > last + 2 else 0
        run = run[last:]
    if run and run[0].lower in _DETERMINERS:
        run = run[1:]
    if run:
        return _written(run)
    if head[-1].lower in _PRONOUNS:
        return head[-1].text
    return _written(list(region)) if len(region) <= 10 else None


def _written(tokens: list[Token]) -> str:
    return " ".join(token.text for token in tokens)


def is_label(verb: str | None) -> bool:
    """Whether the verb names someone or something rather than introducing speech."""
    return verb is not None and verb.lower() in LABELLING_VERBS
