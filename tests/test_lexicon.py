from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.errors import DataError
from bias.lexicon import Entry, Lexicon, default_lexicon
from bias.lexicon.inflection import Inflection, inflect
from bias.types import CATEGORIES

LEXICON = default_lexicon()
BY_ID = {entry.id: entry for entry in LEXICON.entries}


def ids(text: str, lexicon: Lexicon = LEXICON) -> set[str]:
    return {hit.entry.id for hit in lexicon.find(text)}


def entry(term: str, *forms: str, **changes: object) -> Entry:
    base = Entry(
        id=term.lower().replace(" ", "-"),
        term=term,
        forms=(term, *forms),
        category="loaded_language",
        why="A reason.",
        alternatives=("plain",),
        source="own judgement",
        loaded=f"A {term} here.",
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # the fields are the tests' own


@pytest.mark.parametrize("id_", BY_ID)
def test_the_loaded_example_is_reported_and_the_plain_one_is_not(id_: str) -> None:
    entry = BY_ID[id_]
    assert id_ in ids(entry.loaded)
    assert entry.plain is None or id_ not in ids(entry.plain)


def test_every_exception_has_an_example() -> None:
    assert [e.id for e in LEXICON.entries if (e.unless or e.case_sensitive) and e.plain is None] == []


def test_a_plain_example_holds_the_words_of_its_term() -> None:
    bare = Lexicon(replace(e, unless=(), case_sensitive=False) for e in LEXICON.entries)
    assert [e.id for e in LEXICON.entries if e.plain is not None and e.id not in ids(e.plain, bare)] == []


def test_a_term_without_alternatives_says_to_leave_it_out() -> None:
    assert [e.id for e in LEXICON.entries if not e.alternatives and "leave it out" not in e.why.lower()] == []


def test_no_alternative_is_itself_reported() -> None:
    assert [(e.id, a) for e in LEXICON.entries for a in e.alternatives if ids(a)] == []


def test_both_political_sides_are_hit_alike() -> None:
    assert Counter(e.aimed for e in LEXICON.entries)["left"] == Counter(e.aimed for e in LEXICON.entries)["right"] > 0
    for e in LEXICON.entries:
        if e.aimed is not None:
            assert e.mirror is not None, e.id
            assert {e.aimed, BY_ID[e.mirror].aimed} == {"left", "right"}, e.id
            assert BY_ID[e.mirror].category == e.category, e.id


def test_every_category_is_covered() -> None:
    assert {e.category for e in LEXICON.entries} == set(CATEGORIES)
