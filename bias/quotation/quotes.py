"""What a quotation is: speech that someone is said to have uttered, a scare quote, or a title."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bias.quotation import attribution
from bias.quotation.attribution import Attribution
from bias.quotation.frames import STOPS, Frame, ends_open
from bias.quotation.marks import Pair
from bias.quotation.vocabulary import LABELLING_VERBS, LOADED_VERBS, PEOPLE, TITLED_NOUNS, VERBS

Kind = Literal["attributed", "scare", "title"]

SCARE_WORDS = 4
"""A quotation of more words without a speaker is taken for speech: scare quotes are a word or two."""

_WORD = re.compile(r"\w+(?:[-'’.]\w+)*")
_SELF = re.compile(r"\b(?:I|[Ww]e|[Oo]ur|[Mm]y|me|us|[Yy]our?)\b")
_NAMING = frozenset({"called", "dubbed", "named", "titled", "entitled", "known", "nicknamed", "headlined", "codenamed"})
_POSSESSIVE = ("'s", "’s", "s'", "s’")
_TAKES_TITLE = frozenset({"told", "tells", "wrote", "writes", "read", "sang", "sings"})
_SENTENCE_INSIDE = re.compile(r"…|[.,;:] ")
_TITLE_PREPOSITIONS = frozenset({"on", "in", "of", "for", "to", "via", "from", "with"})


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch between quotation marks, with half-open offsets outside and inside its marks.

    `attributed`: someone is said to have said it. `scare`: a word or two that nobody is said to have said. `title`: a
    title, name or nickname. `whole` says that it is a clause of its own, not a part of the outlet's clause.
    """

    start: int
    end: int
    inner_start: int
    inner_end: int
    kind: Kind
    speaker: str | None = None
    verb: str | None = None
    loaded_verb: bool = False
    verb_start: int | None = None
    whole: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether it is speech inside a clause of the outlet's: said the plan was "reckless"."""
        return self.kind == "attributed" and not self.whole


def classify(text: str, pair: Pair, before: Frame, after: Frame) -> Quote:
    """The quotation between the words of its sentence `before` it and `after` it (of the last, if it spans several)."""
    inner = text[pair.inner_start : pair.inner_end]
    set_off = ends_open(text, pair)
    governor = _governor(before, after, set_off=set_off)
    whole = _is_whole(before, after, governor, set_off=set_off)
    if _is_title(inner, before, after, governor, whole=whole):
        return Quote(*pair, kind="title")
    if governor is None and not _is_speech(inner, before, whole=whole):
        return Quote(*pair, kind="scare")
    if governor is None:
        return Quote(*pair, kind="attributed", whole=whole)
    verb = governor.verb
    loaded = verb is not None and verb.lower() in LOADED_VERBS
    return Quote(*pair, "attributed", governor.speaker, verb, loaded, governor.start, whole)


def _governor(before: Frame, after: Frame, *, set_off: bool) -> Attribution | None:
    """The nearer attribution; the words after a quotation that is set off come first, unless a comma leads to it."""
    if before and before[-1].lower in {"so-called", "called"} and not _is_active(before):
        return None
    ahead = attribution.before(before)
    if ahead and (ahead.distance <= 1 or before[-1].text in {",", ":"}):
        return ahead
    return attribution.after(after, set_off=set_off) or ahead


def _is_active(before: Frame) -> bool:
    """Whether "called" has a subject: what critics called "..."."""
    subject = before[-2].lower if len(before) > 1 else ""
    return before[-1].lower == "called" and (
        subject in {"he", "she", "they", "have", "has", "had", "been", "was", "were", "also", "i", "we", "so"}
        or subject in PEOPLE
        or (len(before) > 1 and before[-2].is_name)
    )


def _is_whole(before: Frame, after: Frame, governor: Attribution | None, *, set_off: bool) -> bool:
    follows_freely = set_off or not after or not after[0].is_word or after[0].text in VERBS
    if not before:
        return follows_freely
    last = before[-1]
    leads = not last.is_word or (
        governor is not None
        and governor.distance <= 1
        and (last.lower == "that" or last.text in VERBS - LABELLING_VERBS)
    )
    return leads and follows_freely


def _is_speech(inner: str, before: Frame, *, whole: bool) -> bool:
    """Whether words that no one is said to have said are someone's speech all the same."""
    words = len(_WORD.findall(inner))
    if words > SCARE_WORDS or (words > 1 and before and before[-1].text == ":"):
        return True
    if whole and (not before or before[-1].text in STOPS) and inner.rstrip()[-1:] in ".!?,…":
        return True
    return words > 2 and bool(_SELF.search(inner))


def _is_title(inner: str, before: Frame, after: Frame, governor: Attribution | None, *, whole: bool) -> bool:
    """Whether it names something: a film, a programme, a nickname."""
    words = _WORD.findall(inner)
    last = before[-1] if before else None
    follows = after[0] if after else None
    if last and last.is_name and follows and follows.is_name and len(words) <= 3 and not inner.endswith((",", ".")):
        return last.text.lower() not in VERBS  # Dwayne "The Rock" Johnson
    if not _is_title_case(inner, words):
        return False
    cue = next((token for token in reversed(before[-2:]) if token.is_word), None)
    if (cue and cue.lower in TITLED_NOUNS) or (follows and follows.lower in TITLED_NOUNS):
        return True
    if last and last.lower in _NAMING and not _is_active(before):
        return True
    named = last is not None and (
        last.lower in _TITLE_PREPOSITIONS or last.text.endswith(_POSSESSIVE) or (last.is_name and not whole)
    )
    if governor is None:
        return named or (not inner.endswith(".") and (len(words) > 1 or not before))
    verb = governor.verb.lower() if governor.verb else ""
    if verb in LABELLING_VERBS:
        return False
    if last and last.lower in _TAKES_TITLE:
        return follows is not None and follows.is_word if verb in {"told", "tells"} else len(words) > 1
    return named or (len(words) > 1 and not whole and governor.distance > 1)


def _is_title_case(inner: str, words: list[str]) -> bool:
    if not words or len(words) > 10 or _SENTENCE_INSIDE.search(inner) or (len(words) > 1 and inner.isupper()):
        return False
    return words[0][0].isupper() and all(word[0].isupper() or word[0].isdigit() for word in words if len(word) > 3)
