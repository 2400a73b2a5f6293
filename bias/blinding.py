"""Blind reading: the model gets a sentence with stand-ins for the names of parties, people, faiths and places.

Whoever a sentence is about, it is read as the same sentence, so no name can make a difference: the invariance that
swapped names test (Prabhakaran et al. 2019, "Perturbation sensitivity analysis to detect unintended model biases")
holds by construction, for the names of `blinding.toml`. Offsets are those of the text as written throughout.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from itertools import accumulate, tee
from typing import Any

import tomli

from bias.encoder import Encoded, Encoder
from bias.words import WORD

_TOKEN = re.compile(r"(?<!\w)(?<!un-)\w+")
_NEXT_WORD = re.compile(r"\s+[\w-]")
_OBJECT = re.compile(
    r"[.,;:!?)\"”’—]|$|\s+(?:to|and|in|on|at|for|with|as|by|that|from|about|an?|the|of|into|over|out|or|but|when|if|this)\b"
)
"""What follows "her" where it stands for "him" and not for "his"."""


@dataclass(frozen=True)
class Blinded:
    """A text as the model reads it. `edits` holds (start, end, stand-in) of each name, at offsets of the original."""

    text: str
    edits: tuple[tuple[int, int, str], ...]

    def blinded(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the blinded text of a stretch of the original; within a name, those of the whole stand-in."""
        return self._moved(start, False), self._moved(end, True)

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original of a stretch of the blinded text; within a stand-in, those of the whole name."""
        return self._inverse.blinded(start, end)

    @cached_property
    def stand_ins(self) -> tuple[tuple[int, int, int], ...]:
        """(start, end, how much longer the name is) of each stand-in, at offsets of the blinded text."""
        return tuple(
            (start + shift, start + shift + len(new), end - start - len(new))
            for (start, end, new), shift in zip(self.edits, self._shifts, strict=False)
        )

    @cached_property
    def _inverse(self) -> Blinded:
        return Blinded("", tuple((start, end, " " * (end - start + longer)) for start, end, longer in self.stand_ins))

    @cached_property
    def _ends(self) -> list[int]:
        return [end for _, end, _ in self.edits]

    @cached_property
    def _shifts(self) -> list[int]:
        """How far the text is moved before each edit, and after the last."""
        return list(accumulate((len(new) - (end - start) for start, end, new in self.edits), initial=0))

    def _moved(self, offset: int, is_end: bool) -> int:
        at = bisect_right(self._ends, offset)
        shift = self._shifts[at]
        if at < len(self.edits) and self.edits[at][0] < offset:
            start, _, new = self.edits[at]
            return start + shift + (len(new) if is_end else 0)
        return offset + shift


@dataclass(frozen=True, slots=True)
class NameSet:
    """Series of names that can stand for one another; if `one`, all are read as the first."""

    name: str
    one: bool
    series: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A name found in a text: its set, the number of its series, and which form it is (the first such form)."""

    start: int
    end: int
    of: NameSet
    series: int
    form: int
    upper: bool

    def read_as(self, series: int, text: str) -> str:
        """The same form of another series, in the same case."""
        forms, target = self.of.series[self.series], self.of.series[series]
        form = self.form
        # Forms that are alike in their own series and not in the other: "her" is his or him, "Republican" is also an
        # adjective.
        if forms.count(forms[form]) > 1 and len(target) > form + 1:
            rest = text[self.end : self.end + 12]
            if self.of.name == "genders" and forms[form] == "her":
                form += bool(_OBJECT.match(rest))
            elif self.of.name == "parties" and form == 1:
                form += bool(_NEXT_WORD.match(rest))
        if form >= len(target):
            return text[self.start : self.end]
        new = target[form]
        if self.upper:
            return new.upper()
        return new[0].upper() + new[1:] if text[self.start].isupper() else new


def names_in(text: str) -> list[Name]:
    """The names of `blinding.toml` in a text, in order, the longest where several begin at one place."""
    found: list[Name] = []
    at = 0
    for token in _TOKEN.finditer(text):
        if token.start() < at:
            continue
        for form, name_set, series, number, upper in _forms().get(token[0], ()):
            end = token.start() + len(form)
            if text.startswith(form, token.start()) and not (form[-1].isalnum() and text[end : end + 1].isalnum()):
                if name_set is not None:
                    found.append(Name(token.start(), end, name_set, series, number, upper))
                at = end
                break
    return found


def renamed(text: str, names: Sequence[Name], series: Mapping[str, Mapping[int, int]]) -> Blinded:
    """The text with each name read as that of another series: by set, from number to number."""
    edits = tuple((name.start, name.end, name.read_as(series[name.of.name][name.series], text)) for name in names)
    pieces, last = [], 0
    for start, end, new in edits:
        pieces += [text[last:start], new]
        last = end
    return Blinded("".join([*pieces, text[last:]]), edits)


def blind(text: str) -> Blinded:
    """The text as the model reads it: the first series of a set in it as the set's first, the second as its second."""
    names = names_in(text)
    series: dict[str, dict[int, int]] = {}
    for name in names:
        known = series.setdefault(name.of.name, {})
        known.setdefault(name.series, 0 if name.of.one else len(known))
    return renamed(text, names, series)


class BlindEncoder:
    """An engine that reads blind; the words it tells of are those of the text as written."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def encode(self, texts: Iterable[str]) -> Iterator[Encoded]:
        """One result a text, in order."""
        kept, read = tee(texts)
        blinded, sent = tee(map(blind, read))
        for text, as_read, encoded in zip(kept, blinded, self._encoder.encode(b.text for b in sent), strict=True):
            yield replace(encoded, words=tuple(_restored(text, as_read, encoded.words))) if as_read.edits else encoded


def _restored(text: str, blinded: Blinded, words: Sequence[tuple[int, int, float]]) -> Iterator[tuple[int, int, float]]:
    """The words of the text as written, each with the logit of what stands there in the blinded one."""
    own = [match.span() for match in WORD.finditer(text)]
    starts = [start for start, _ in own]
    stand_ins = iter((*blinded.stand_ins, (sys.maxsize, sys.maxsize, 0)))
    first, last, longer = next(stand_ins)
    shift = 0
    logits: dict[tuple[int, int], float] = {}
    for start, end, logit in words:
        while last <= start:
            shift += longer
            first, last, longer = next(stand_ins)
        if end <= first:
            logits[start + shift, end + shift] = logit
        else:  # a name or more in it, each perhaps of several words
            a, b = blinded.original(start, end)
            for word in own[max(0, bisect_right(starts, a) - 1) : bisect_right(starts, b - 1)]:
                if word[1] > a:
                    logits[word] = max(logit, logits.get(word, logit))
    return ((start, end, logit) for (start, end), logit in sorted(logits.items()))


@cache
def _table() -> dict[str, Any]:
    return tomli.loads((resources.files("bias") / "blinding.toml").read_text("utf-8"))


@cache
def name_sets() -> tuple[NameSet, ...]:
    """The sets of `blinding.toml`."""
    return tuple(NameSet(v["name"], v.get("one", False), tuple(map(tuple, v["series"]))) for v in _table()["set"])


_Form = tuple[str, NameSet | None, int, int, bool]
"""A form, its set (None for what holds a name and is none), its series and its number there, and if in capitals."""


@cache
def _forms() -> Mapping[str, Sequence[_Form]]:
    """The forms by their first word, the longest first."""
    forms: dict[str, _Form] = {kept: (kept, None, 0, 0, False) for kept in _table()["keep"]}
    for name_set in name_sets():
        for series, names in enumerate(name_set.series):
            for number, form in enumerate(names):
                variants = [(form, False)]
                variants += [(form[0].upper() + form[1:], False)] if form[0].islower() else []
                variants += [(form.upper(), True)] if len(form) > 3 and form != form.upper() else []
                for written, upper in variants:
                    forms.setdefault(written, (written, name_set, series, number, upper))
    by_first: dict[str, list[_Form]] = {}
    for form in sorted(forms, key=len, reverse=True):
        first = _TOKEN.match(form)
        if first:
            by_first.setdefault(first[0], []).append(forms[form])
    return by_first
