from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.quotation import attribute, find_quotes
from bias.quotation.vocabulary import LABELLING_VERBS, LOADED_VERBS, PLAIN_VERBS
from bias.segmentation import segment
from bias.types import Sentence

CASES: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "cases" / "quotation.json").read_text("utf-8")
)

PIECES = st.sampled_from(
    [
        "“",
        "”",
        '"',
        "‘",
        "’",
        "'",
        "«",
        "»",
        "``",
        "''",
        ",",
        ".",
        "?",
        ":",
        "—",
        "(",
        ")",
        "Smith",
        "told",
        "5'10\"",
        "don't",
        "\x00",
        "é",
        "🎉",
        "ranted",
        "said",
        "he",
        "called",
        " ",
        "\n",
        "\n\n",
        "\r\n",
        ", ",
        ". ",
        "according to ",
        "an ally ",
        "We win",
    ]
)
NOISE = st.lists(PIECES, max_size=60).map("".join)
ANY_TEXT = st.one_of(NOISE, st.text(max_size=200))


def alone(text: str) -> Sentence:
    """`text` as a row that was cut from its article."""
    (sentence,) = attribute(text, [Sentence(0, 0, 0, len(text), text)])
    return sentence


def check(case: dict[str, Any]) -> None:
    text = case["text"]
    found = [
        {
            "text": sentence.text,
            "voice": sentence.voice,
            "speaker": sentence.speaker,
            "withheld": [text[start:end] for start, end in sentence.withheld],
            "loaded_verb": sentence.loaded_verb,
        }
        for sentence in attribute(text, segment(text))
    ]
    assert found == case["sentences"]


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_golden(case: dict[str, Any]) -> None:
    check(case)


@pytest.mark.xfail(reason="known failure")
@pytest.mark.parametrize("case", CASES["known-failures"], ids=lambda case: case["name"])
def test_known_failures(case: dict[str, Any]) -> None:
    check(case)


def test_names_of_cases_are_unique() -> None:
    names = [case["name"] for kind in CASES.values() for case in kind]
    assert len(names) == len(set(names))


def test_every_case_of_one_side_has_its_mirror() -> None:
    names = {case["name"] for case in CASES["cases"]}
    assert {name.removesuffix(", left") for name in names if name.endswith(", left")} == {
        name.removesuffix(", right") for name in names if name.endswith(", right")
    }


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('Lund said, "We agree."', ["attributed"]),
        ('The "fair" deal collapsed.', ["scare"]),
        ('The film "The Long Winter" opened.', ["title"]),
        ('The film "The Long Winter" is "art," Lund said of the "hit."', ["title", "attributed", "attributed"]),
        ("Nothing is quoted here.", []),
    ],
)
def test_kinds(text: str, kinds: list[str]) -> None:
    assert [quote.kind for quote in find_quotes(text)] == kinds


def test_marks_lie_outside_the_content() -> None:
    text = 'Lund said, "We agree."'
    (quote,) = find_quotes(text)
    assert text[quote.start : quote.end] == '"We agree."'
    assert text[quote.inner_start : quote.inner_end] == "We agree."


def test_the_verb_counts_only_in_its_own_sentence() -> None:
    text = '"We won," Lund crowed. "It was easy."'
    first, second = attribute(text, segment(text))
    assert (first.verb, first.loaded_verb) == ("crowed", True)
    assert (second.speaker, second.verb, second.loaded_verb) == ("Lund", None, False)


def test_a_sentence_inside_a_quotation_leaves_no_word_of_the_outlet() -> None:
    text = "“We came. We saw. We left,” Lund said."
    sentences = attribute(text, segment(text))
    assert [sentence.has_outlet_words for sentence in sentences] == [False, False, True]
    assert sentences[2].outlet_text == "...” Lund said."


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ('"We agree," she said.', "quoted"),
        ('we agree," she said.', "quoted"),
        ('and so it ends." ', "quoted"),
        ('"And so it ends.', "quoted"),
        ('"', "outlet"),
        ("", "outlet"),
        ('Lund posted on X that she was "devastated.', "mixed"),
        ('The mayor was blunt. "We have no money."', "mixed"),
        ('Lund said no. The "deal" is dead.', "outlet"),
    ],
)
def test_rows_cut_from_their_article(text: str, voice: str) -> None:
    assert alone(text).voice == voice


def test_other_fields_are_kept() -> None:
    before = Sentence(7, 3, 0, 20, '"We agree," she said')
    (after,) = attribute(before.text, [before])
    assert (after.index, after.paragraph, after.start, after.end, after.text) == (7, 3, 0, 20, before.text)


def test_verbs_are_of_one_kind() -> None:
    assert not LOADED_VERBS & PLAIN_VERBS
    assert not LOADED_VERBS & LABELLING_VERBS
    assert not PLAIN_VERBS & LABELLING_VERBS


@pytest.mark.parametrize("party", ["Democrat", "Republican"])
def test_a_loaded_verb_is_loaded_whoever_speaks(party: str) -> None:
    for verb in (verb for verb in LOADED_VERBS if verb.endswith("ed")):
        assert alone(f'"We won," the {party} {verb}.').loaded_verb, verb


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT)
def test_quotes_are_ordered_and_bounded(text: str) -> None:
    quotes = find_quotes(text)
    at = 0
    for quote in quotes:
        assert at <= quote.start <= quote.inner_start < quote.inner_end <= quote.end <= len(text)
        at = quote.end


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT)
def test_withheld_ranges_are_ordered_and_inside_their_sentence(text: str) -> None:
    sentences = segment(text)
    voiced = attribute(text, sentences)
    assert [(s.index, s.start, s.end, s.text) for s in voiced] == [(s.index, s.start, s.end, s.text) for s in sentences]
    for sentence in voiced:
        at = sentence.start
        for start, end in sentence.withheld:
            assert at <= start < end <= sentence.end
            at = end
        assert (sentence.voice == "outlet") == (not sentence.withheld)


@settings(max_examples=100, deadline=None)
@given(NOISE)
def test_a_row_alone_never_fails(text: str) -> None:
    sentence = alone(text)
    assert sentence.outlet_text is not None
    if sentence.voice == "outlet":
        assert sentence.speaker is None


@pytest.mark.parametrize("party", ["Labour", "Conservative"])
def test_a_member_of_parliament_is_named_without_party(party: str) -> None:
    text = f"'It is a shambles,' said {party} MP Jane O'Neill."
    (sentence,) = attribute(text, segment(text))
    assert sentence.speaker == "Jane O'Neill"
