"""Sentences made of others: a word put in that changes the label, or an ordinary one that does not.

Minimal pairs teach what a label hangs on (Kaushik et al. 2020, "Learning the difference that makes a difference with
counterfactually-augmented data").
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import tomli

from bias.training.data.examples import Example

NEUTRAL = 0.1
"""Soft labels up to which a sentence counts as neutral, and free of opinion and techniques."""

_DETERMINERS = r"(?:[Tt]he|[Aa]n?|[Hh]is|[Hh]er|[Tt]heir|[Ii]ts|[Tt]his|[Tt]hat|[Tt]hese|[Tt]hose|[Oo]ur|\w+['’]s)"
_VOWEL = re.compile(r"(?!eu|one\b|uni(?!n|m)|us[aeiu]|ut[ei])[aeiou]|hono|hour|heir", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where words of a kind can be put: `find` gives the offset before the noun or verb."""

    find: re.Pattern[str]
    barred: frozenset[str]
    loaded: tuple[str, ...]
    ordinary: tuple[str, ...]


def with_insertions(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """New examples made of some of the neutral ones, as a share of all; fewer where there are not so many fit ones.

    Each gives two: one with a loaded word, opinionated, and one with an ordinary word in the same place.
    """
    generator, wanted = random.Random(seed), round(share * len(examples))
    made: list[Example] = []
    if wanted:
        for example in generator.sample(list(examples), len(examples)):
            if len(made) >= wanted:
                break
            made += inserted(example, generator)
    return made


def inserted(example: Example, generator: random.Random) -> tuple[Example, ...]:
    """A neutral example with a loaded word put in, and with an ordinary one; nothing where no place is fit."""
    said = (example.label, example.opinion or 0.0, *(value for _, value in example.techniques))
    if any(value is None or value > NEUTRAL for value in said):
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
        techniques=(),
        votes=None,
    )


def _matches(place: _Place, text: str) -> Iterator[re.Match[str]]:
    """The places in a text outside quotation marks."""
    for match in place.find.finditer(text):
        quoted = re.search(r"[\"“”]", text[: match.start()])
        if not quoted and match["left"].lower() not in place.barred:
            yield match


@cache
def _places() -> tuple[_Place, ...]:
    return tuple(_place(values) for values in _read("insertions.toml")["place"])


def _place(values: Mapping[str, Any]) -> _Place:
    barred = frozenset(values.get("not_after", ()))
    left = r"[\w’'-]+" if barred else _DETERMINERS
    words = "|".join(map(re.escape, values["before"]))
    find = re.compile(rf"(?<![\w’'-])(?P<left>{left}) (?P<at>(?:{words}))(?![\w-])")
    return _Place(find, barred, tuple(values["loaded"]), tuple(values["ordinary"]))


def _read(file: str) -> dict[str, Any]:
    return tomli.loads((resources.files("bias.training.data") / file).read_text("utf-8"))
