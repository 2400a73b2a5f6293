"""Sentences made of others are grammatical and labelled as meant, spans where the words stand."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import replace
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bias.training.checklist.capabilities import read_checklist
from bias.training.data.augmentation import inserted, with_insertions
from bias.training.data.examples import Example
from bias.training.data.sources import read_own

OWN = read_own()
PLAIN = Example("A judge read the letter on Monday.", "own", label=0.0, outlet_label=0.0, spans=())


def words(name: str) -> set[str]:
    values = tomllib.loads((resources.files("bias.training.data") / "insertions.toml").read_text("utf-8"))
    return {word.lower() for place in values["place"] for word in place[name]}


def test_no_word_of_the_checklist_is_put_in() -> None:
    spans = {case.span.lower() for c in read_checklist() if c.kind == "direction" for case in c.cases}
    assert spans
    assert not spans & (words("loaded") | words("ordinary"))


def test_no_word_is_both_loaded_and_ordinary() -> None:
    assert not words("loaded") & words("ordinary")


@given(st.sampled_from(OWN), st.integers(0, 2**20))
def test_a_word_put_in_is_the_span_and_nothing_else_changes(example: Example, seed: int) -> None:
    made = inserted(example, random.Random(seed))
    if example.label != 0:
        assert made == ()
    if not made:
        return
    loaded, ordinary = made
    assert (loaded.label, loaded.outlet_label, ordinary.label, ordinary.spans) == (1.0, 1.0, 0.0, ())
    ((start, end),) = loaded.spans or ()
    assert loaded.text[start:end].lower() in words("loaded")
    without = loaded.text[:start] + loaded.text[end + 1 :]
    assert re.sub(r"\b([Aa])n\b", r"\1", without) == re.sub(r"\b([Aa])n\b", r"\1", example.text)
    assert "  " not in loaded.text + ordinary.text


@pytest.mark.parametrize("seed", range(40))
def test_the_article_fits_the_word_put_in(seed: int) -> None:
    for made in inserted(replace(PLAIN, text="The mayor sent an answer."), random.Random(seed)):
        found = re.search(r"\b(an?) (\w)", made.text)
        if found and not made.text.startswith("The answer"):
            silent = found[2].lower() in "aeiou" and not re.search(r"\ba (?:us|uni|one|un\w*versal)", made.text)
            assert (found[1] == "an") == silent


def test_nothing_is_put_into_quotes_or_opinionated_sentences() -> None:
    for text in ('"The plan is ready," he said.', "Nothing to see here."):
        assert inserted(replace(PLAIN, text=text), random.Random(0)) == ()
    assert inserted(replace(PLAIN, label=1.0), random.Random(0)) == ()
    assert inserted(replace(PLAIN, label=None), random.Random(0)) == ()


def test_share_and_seed_decide() -> None:
    made = with_insertions(OWN, 0.1, seed=1)
    assert made == with_insertions(OWN, 0.1, seed=1)
    assert made != with_insertions(OWN, 0.1, seed=2)
    assert len(made) == pytest.approx(0.1 * len(OWN), abs=2)
    assert with_insertions(OWN, 0, seed=1) == []
    assert {example.label for example in made} == {0.0, 1.0}
