"""Blind reading: whoever a sentence is about reads the same, and every word is told of where it stands."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bias.blinding import BlindEncoder, blind, name_sets, names_in, renamed
from bias.encoder import Encoded
from bias.training.checklist.capabilities import Template, read_checklist
from bias.training.data.examples import Example, blinded
from bias.training.data.sources import read_own
from bias.training.shipped.wayfigures import swapped
from bias.words import WORD

SETS = {name_set.name: name_set for name_set in name_sets()}
TEXTS = [example.text for example in read_own()]
FORMS = [form for name_set in SETS.values() for series in name_set.series for form in series]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Democrats voted for the plan.", "Republicans voted for the plan."),
        ("Democrats told Republicans to wait.", "Republicans told Democrats to wait."),
        ("The Democratic leader met a Republican.", "The Republican leader met a Democrat."),
        ("He said that his wife had left him.", "She said that her husband had left her."),
        ("Mr. Trump went to Iran.", "Mr. Obama went to China."),
        ("The Muslim charity has a mosque in Texas.", "The Jewish charity has a synagogue in Ohio."),
        ("TRUMP MOCKS FRANCE.", "BIDEN MOCKS JAPAN."),
        ("Nancy Pelosi of California told the New York Times.", "Ted Cruz of Texas told the Wall Street Journal."),
        ("The pro-Trump Canadians sang.", "The pro-Biden Germans sang."),
    ],
)
def test_names_make_no_difference(one: str, other: str) -> None:
    assert blind(one).text == blind(other).text


@pytest.mark.parametrize(
    "text",
    ["Nothing is named here.", "The green door is open.", "Trumpian tariffs are un-American.", "Turkeys gobble.", ""],
)
def test_other_words_stay(text: str) -> None:
    assert blind(text).text == text


def test_two_of_a_set_stay_two() -> None:
    read = blind("Iran accused Israel; Iran denied it.").text
    first, second = SETS["countries"].series[0][0], SETS["countries"].series[1][0]
    assert read == f"{first} accused {second}; {first} denied it."


@given(
    st.sampled_from(TEXTS), st.sampled_from([name for name, found in SETS.items() if not found.one]), st.integers(0, 99)
)
def test_a_swapped_sentence_reads_as_the_sentence(text: str, kind: str, seed: int) -> None:
    other = swapped(text, kind, random.Random(seed))
    if other is None:
        return
    # A swapped-in name may itself begin another set's, or stand where the other form of a party is asked for.
    if [n.of.name for n in names_in(other)] == [n.of.name for n in names_in(text)]:
        assert blind(other).text.casefold() == blind(text).text.casefold() or kind in ("parties", "countries", "faiths")


@given(st.lists(st.sampled_from([*FORMS, "the", "vile plan", "-", "’s", "“", "é", "\n"]), max_size=12).map(" ".join))
def test_every_word_is_told_of_where_it_stands(text: str) -> None:
    class Counting:
        def encode(self, texts: Iterable[str]) -> Iterator[Encoded]:
            for read in texts:
                words = tuple((m.start(), m.end(), float(i)) for i, m in enumerate(WORD.finditer(read)))
                yield Encoded(0.0, 0.0, (0.0,) * 6, words)

    (found,) = BlindEncoder(Counting()).encode([text])
    told = [(start, end) for start, end, _ in found.words]
    assert told == [match.span() for match in WORD.finditer(text)]


@given(st.sampled_from(TEXTS))
def test_offsets_go_there_and_back(text: str) -> None:
    read = blind(text)
    for match in WORD.finditer(text):
        start, end = read.original(*read.blinded(*match.span()))
        assert start <= match.start() < match.end() <= end


def test_spans_move_along() -> None:
    text = "Nikki Haley told the vile Iranian envoy."
    (made,) = blinded([Example(text, "t", label=1.0, spans=((21, 25),), marks=((21, 25, 0.6),))])
    assert made.spans is not None
    assert made.marks is not None
    assert [made.text[a:b] for a, b in made.spans] == ["vile"]
    assert made.text[made.marks[0][0] : made.marks[0][1]] == "vile"
    assert "Haley" not in made.text


def test_sets_hold_no_name_twice_and_first_series_are_whole() -> None:
    seen: dict[str, str] = {}
    for name_set in SETS.values():
        longest = max(map(len, name_set.series))
        assert len(name_set.series[0]) == longest
        for series in name_set.series:
            for form in set(series):
                assert seen.setdefault(form, name_set.name) == name_set.name, form


def test_most_swaps_of_the_checklist_read_the_same() -> None:
    templates = [
        case
        for capability in read_checklist()
        if capability.name in ("parties", "places", "genders", "faiths", "politicians")
        for case in capability.cases
        if isinstance(case, Template)
    ]
    alike = [len({blind(text).text for text in case.filled}) <= 2 for case in templates]
    assert sum(alike) / len(alike) > 0.6


def test_renaming_keeps_case() -> None:
    names = names_in("SPAIN and Spain")
    assert renamed("SPAIN and Spain", names, {"countries": {names[0].series: 0}}).text == "GERMANY and Germany"
