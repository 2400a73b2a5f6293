"""Sentences made of others: a word put in that changes the label or does not, and names that change nothing.

Minimal pairs teach what a label hangs on (Kaushik et al. 2020, "Learning the difference that makes a difference with
counterfactually-augmented data"); swapped names teach what it does not hang on (Zhao et al. 2018, "Gender bias in
coreference resolution").
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from bias.training.data.examples import Example, Offsets

_DETERMINERS = r"(?:[Tt]he|[Aa]n?|[Hh]is|[Hh]er|[Tt]heir|[Ii]ts|[Tt]his|[Tt]hat|[Tt]hese|[Tt]hose|[Oo]ur|\w+['’]s)"
_VOWEL = re.compile(r"(?!eu|one\b|uni(?!n|m)|us[aeiu]|ut[ei])[aeiou]|hono|hour|heir", re.IGNORECASE)
_OBJECT_HER = re.compile(
    r"(?:[.,;:!?)\"”’—]|$|\s+(?:to|and|in|on|at|for|with|as|by|that|from|about|a|an|the|of|into|over|out|or|but|when|if|his|her|their|this|it)\b)"
)
"""What follows "her" where it stands for "him" and not for "his"."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where words of a kind can be put: `find` gives the offset before the noun or verb."""

    find: re.Pattern[str]
    barred: frozenset[str]
    loaded: tuple[str, ...]
    ordinary: tuple[str, ...]


def augmented(examples: Sequence[Example], insertions: float, swaps: float, seed: int) -> list[Example]:
    """New examples made of some of the others, as shares of their number; fewer where there are not so many fit ones.

    An insertion gives two: one with a loaded word, opinionated, and one with an ordinary word in the same place.
    """
    generator = random.Random(seed)
    made: list[Example] = []
    for share, make in ((insertions, inserted), (swaps, _swapped_once)):
        if share:
            made += _some(examples, round(share * len(examples)), make, generator)
    return made


def _some(
    examples: Sequence[Example],
    count: int,
    make: Callable[[Example, random.Random], Sequence[Example]],
    generator: random.Random,
) -> list[Example]:
    made: list[Example] = []
    for example in generator.sample(list(examples), len(examples)):
        if len(made) >= count:
            break
        made += make(example, generator)
    return made


def inserted(example: Example, generator: random.Random) -> tuple[Example, ...]:
    """A neutral example with a loaded word put in, and with an ordinary one; nothing where no place is fit."""
    if example.label is None or example.label > 0 or example.techniques or example.opinion:
        return ()
    places = [(place, match) for place in _places() for match in _matches(place, example.text)]
    if not places:
        return ()
    place, match = generator.choice(places)
    loaded, ordinary = generator.choice(place.loaded), generator.choice(place.ordinary)
    return (_put(example, match, loaded, loaded=True), _put(example, match, ordinary, loaded=False))


def _put(example: Example, match: re.Match[str], word: str, *, loaded: bool) -> Example:
    before, after = example.text[: match.start("at")], example.text[match.start("at") :]
    article = re.search(r"\b([Aa])n? $", before)
    if article:
        before = before[: article.start()] + article[1] + ("n " if _VOWEL.match(word) else " ")
    return replace(
        example,
        text=f"{before}{word} {after}",
        label=float(loaded),
        outlet_label=float(loaded),
        spans=((len(before), len(before) + len(word)),) if loaded else (),
        marks=None,
        opinion=None,
        votes=None,
    )


def _matches(place: _Place, text: str) -> Iterator[re.Match[str]]:
    """The places in a text outside quotation marks."""
    for match in place.find.finditer(text):
        quoted = re.search(r"[\"“”]", text[: match.start()])
        if not quoted and match["left"].lower() not in place.barred:
            yield match


def swapped(example: Example, generator: random.Random, name: str | None = None) -> Example | None:
    """The example with the names of one kind (`name`, or any that it has) replaced; None where it has none."""
    fit = [group for group in _sets() if name in (None, group.name) and group.find.search(example.text)]
    return generator.choice(fit).swap(example, generator) if fit else None


def _swapped_once(example: Example, generator: random.Random) -> tuple[Example, ...]:
    other = swapped(example, generator)
    return () if other is None else (other,)


@dataclass(frozen=True, slots=True)
class _Set:
    """Series of names that can stand for one another, and the pattern of all their forms."""

    name: str
    series: tuple[tuple[str, ...], ...]
    find: re.Pattern[str]

    def swap(self, example: Example, generator: random.Random) -> Example:
        """Every series in the text becomes another one, two of them never the same."""
        text = example.text
        present = list(dict.fromkeys(self._series_of(match[0]) for match in self.find.finditer(text)))
        others = [i for i in range(len(self.series)) if i not in present]
        generator.shuffle(others)
        if len(self.series) == 2:
            new = {i: 1 - i for i in present}
        else:
            rotated = present[1:] + present[:1] if len(present) > 1 and generator.random() < 0.5 else []
            new = dict(zip(present, rotated or [*others, *present][: len(present)], strict=True))
        edits = [
            (match.start(), match.end(), self._form(match, self.series[new[self._series_of(match[0])]], text))
            for match in self.find.finditer(text)
        ]
        return _edited(example, edits)

    def _series_of(self, form: str) -> int:
        return next(i for i, forms in enumerate(self.series) if form in forms)

    def _form(self, match: re.Match[str], other: Sequence[str], text: str) -> str:
        forms = self.series[self._series_of(match[0])]
        at = forms.index(match[0])
        if match[0] == "her" and not _OBJECT_HER.match(text, match.end()):
            at = forms.index("her", at + 1)
        # "Republican" is both a person and a quality; before a capital or a plain noun it is the quality.
        if forms.count(match[0]) == 2 and match[0] != "her" and re.match(r"\s+[\w-]", text[match.end() :]):
            at = forms.index(match[0], at + 1)
        return other[at]


def _edited(example: Example, edits: Sequence[tuple[int, int, str]]) -> Example:
    """The example with parts of its text replaced, offsets moved along."""
    pieces, last = [], 0
    for start, end, new in edits:
        pieces += [example.text[last:start], new]
        last = end
    text = "".join([*pieces, example.text[last:]])

    def moved(offset: int, *, is_end: bool) -> int:
        shift = 0
        for start, end, new in edits:
            if end <= offset:
                shift += len(new) - (end - start)
            elif start < offset:  # within a name: to its edge
                return start + shift + (len(new) if is_end else 0)
        return offset + shift

    def span(start: int, end: int) -> tuple[int, int]:
        return moved(start, is_end=False), moved(end, is_end=True)

    spans: Offsets | None = example.spans and tuple(span(a, b) for a, b in example.spans)
    marks = example.marks and tuple((*span(a, b), share) for a, b, share in example.marks)
    return replace(example, text=text, spans=spans, marks=marks)


@cache
def _places() -> tuple[_Place, ...]:
    return tuple(_place(values) for values in _read("insertions.toml")["place"])


def _place(values: Mapping[str, Any]) -> _Place:
    barred = frozenset(values.get("not_after", ()))
    left = r"[\w’'-]+" if barred else _DETERMINERS
    words = "|".join(map(re.escape, values["before"]))
    find = re.compile(rf"(?<![\w’'-])(?P<left>{left}) (?P<at>(?:{words}))(?![\w-])")
    return _Place(find, barred, tuple(values["loaded"]), tuple(values["ordinary"]))


@cache
def _sets() -> tuple[_Set, ...]:
    return tuple(_set(values) for values in _read("swaps.toml")["set"])


def _set(values: Mapping[str, Any]) -> _Set:
    series = tuple(map(tuple, values["series"]))
    forms = sorted({form for forms in series for form in forms}, key=len, reverse=True)
    return _Set(values["name"], series, re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, forms))})(?![\w-])"))


def _read(file: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("bias.training.data") / file).read_text("utf-8"))
