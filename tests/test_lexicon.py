from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.errors import DataError
from bias.lexicon import Entry, Lexicon, default_lexicon
from bias.lexicon.checking import check_files
from bias.lexicon.entries import SHIPPED
from bias.lexicon.inflection import Inflection, inflect
from bias.lexicon.matching import NEAR
from bias.types import CATEGORIES

LEXICON = default_lexicon()
BY_ID = {entry.id: entry for entry in LEXICON.entries}

VALID = """
category = "loaded_language"
source = "own judgement"

[slam]
term = "slam"
inflect = "verb"
why = "Makes a disagreement a blow."
alternatives = ["criticise"]
loaded = "The governor slammed the court."
"""


def ids(text: str, lexicon: Lexicon = LEXICON) -> list[str]:
    return [hit.entry.id for hit in lexicon.find(text)]


def found(text: str, lexicon: Lexicon) -> list[str]:
    return [text[hit.start : hit.end] for hit in lexicon.find(text)]


def term(base: str, *forms: str, unless: tuple[str, ...] = (), case_sensitive: bool = False) -> Entry:
    return Entry(
        id=base.lower().replace(" ", "-"),
        term=base,
        forms=(base, *forms),
        category="loaded_language",
        why="A reason.",
        alternatives=(),
        source="own judgement",
        loaded=base,
        unless=unless,
        case_sensitive=case_sensitive,
    )


# The entries


def test_every_loaded_example_is_reported() -> None:
    assert [e.id for e in LEXICON.entries if e.id not in ids(e.loaded)] == []


def test_no_plain_example_is_reported() -> None:
    assert [e.id for e in LEXICON.entries if e.plain is not None and e.id in ids(e.plain)] == []


def test_every_exception_has_an_example() -> None:
    assert [e.id for e in LEXICON.entries if (e.unless or e.case_sensitive) and e.plain is None] == []


def test_a_plain_example_holds_the_words_of_its_term() -> None:
    bare = Lexicon(replace(e, unless=(), case_sensitive=False) for e in LEXICON.entries)
    assert [e.id for e in LEXICON.entries if e.plain is not None and e.id not in ids(e.plain, bare)] == []


def test_a_term_without_alternatives_says_to_leave_it_out() -> None:
    assert [e.id for e in LEXICON.entries if not e.alternatives and "leave" not in e.why.lower()] == []


def test_no_alternative_is_itself_reported() -> None:
    assert [(e.id, a) for e in LEXICON.entries for a in e.alternatives if ids(a)] == []


def test_both_political_sides_are_hit_alike() -> None:
    aims = Counter(e.aimed for e in LEXICON.entries)
    assert aims["left"] == aims["right"] > 0
    forms = {side: sum(len(e.forms) for e in LEXICON.entries if e.aimed == side) for side in ("left", "right")}
    assert 0.9 < forms["left"] / forms["right"] < 1.1
    for e in LEXICON.entries:
        if e.aimed is not None:
            assert e.mirror is not None, e.id
            assert {e.aimed, BY_ID[e.mirror].aimed} == {"left", "right"}, e.id
            assert BY_ID[e.mirror].category == e.category, e.id


def test_every_category_is_covered() -> None:
    assert len(LEXICON.entries) >= 320
    assert {e.category for e in LEXICON.entries} == set(CATEGORIES)


@pytest.mark.parametrize(
    "sentence",
    [
        "Two people were killed when a car bomb exploded outside the ministry.",
        "The court convicted the general of war crimes and genocide.",
        "The terrorist attack left nine dead, police said.",
        "The senator was charged with fraud and denied the charge.",
        "The massacre of 1995 is remembered every July.",
        "The central bank raised its rate by a quarter of a point, as forecast.",
    ],
)
def test_strong_but_factual_words_are_not_reported(sentence: str) -> None:
    assert ids(sentence) == []


# Finding


def test_the_longest_of_the_terms_that_begin_together_wins() -> None:
    lexicon = Lexicon([term("radical"), term("radical left"), term("left")])
    assert found("The radical left won.", lexicon) == ["radical left"]
    assert found("The radical, left alone, won.", lexicon) == ["radical", "left"]


def test_a_context_that_spares_the_long_term_leaves_the_short_one() -> None:
    lexicon = Lexicon([term("radical"), term("radical left", unless=("~ party",))])
    assert found("the radical left party", lexicon) == ["radical"]


@pytest.mark.parametrize(
    "text", ["so-called", "So-Called", "SO CALLED", "so\u2011called", "so\ncalled", "so\r\n called", "so  called"]
)
def test_case_hyphens_and_line_breaks_do_not_matter(text: str) -> None:
    assert found(f"A {text} ally.", Lexicon([term("so-called")])) == [text]


@pytest.mark.parametrize("text", ["so, called", "so\n\ncalled", "so -- called", "so", "socalled", "so. Called"])
def test_other_things_between_the_words_of_a_term_do(text: str) -> None:
    assert found(f"A {text}", Lexicon([term("so-called")])) == []


def test_straight_and_curly_apostrophes_are_alike() -> None:
    lexicon = Lexicon([term("let's be honest"), term("Lyin' Ted")])
    assert found("Let’s be honest, Lyin’ Ted left.", lexicon) == ["Let’s be honest", "Lyin’ Ted"]


@pytest.mark.parametrize("text", ["regimen", "preregime", "pro-regime", "regime-backed", "regime\u0301", "regime_1"])
def test_parts_of_words_and_compounds_are_no_hits(text: str) -> None:
    assert found(f"A {text} newspaper", Lexicon([term("regime")])) == []


@pytest.mark.parametrize(
    "text", ["regime's", "regime’s", '"regime"', "(regime)", "regime--the", "regime—the", "regime"]
)
def test_possessives_quotes_and_dashes_end_a_word(text: str) -> None:
    assert found(f"The {text} end", Lexicon([term("regime")])) == ["regime"]


def test_a_case_sensitive_term_is_found_as_written_only() -> None:
    lexicon = Lexicon([term("RINO", case_sensitive=True)])
    assert found("A RINO, a Rino and a rino", lexicon) == ["RINO"]
    assert lexicon.lookup("Rino") is None


def test_the_words_around_a_term_can_make_it_plain() -> None:
    lexicon = Lexicon([term("slam", "slammed", unless=("~ * door", "grand ~"))])
    assert found("He slammed the door after a Grand Slam.", lexicon) == []
    assert found("He slammed the back door. A grand plan. Slam it.", lexicon) == ["slammed", "Slam"]
    assert found("The plan was grand. Slam it.", lexicon) == ["Slam"]


@pytest.mark.parametrize(("gap", "hits"), [(NEAR - 1, []), (NEAR, ["witch hunt"])])
def test_a_word_nearby_can_make_a_term_plain(gap: int, hits: list[str]) -> None:
    lexicon = Lexicon([term("witch hunt", unless=("old Salem",))])
    filler = " x" * (gap - 1)
    assert found(f"Old Salem{filler} witch hunt", lexicon) == hits
    assert found(f"witch hunt{filler} old Salem", lexicon) == hits


def test_lookup_knows_every_form_and_no_part() -> None:
    assert LEXICON.lookup("Regimes") is BY_ID["regime"]
    assert LEXICON.lookup("so called") is BY_ID["so-called"]
    assert LEXICON.lookup("the regime") is None
    assert LEXICON.lookup("") is None


WORDS = st.sampled_from(
    [f for e in LEXICON.entries[::7] for f in e.forms]
    + ["the", "door", "U.S.", "é\u0301", "\U0001f600", "'", "-", "\n"]
)
TEXTS = st.one_of(st.text(), st.lists(st.tuples(WORDS, st.sampled_from([" ", "  ", "-", ", ", "\n\n", ""]))).map(
    lambda parts: "".join(word + gap for word, gap in parts)
))  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_hits_are_whole_words_in_order_without_overlap(text: str) -> None:
    at = 0
    for hit in LEXICON.find(text):
        assert at <= hit.start < hit.end <= len(text)
        assert LEXICON.lookup(text[hit.start : hit.end]) is hit.entry
        assert not (text[hit.start - 1 : hit.start] + text[hit.start]).isalnum() or hit.start == 0
        assert not (text[hit.end - 1] + text[hit.end : hit.end + 1]).isalnum() or hit.end == len(text)
        at = hit.end


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.sampled_from(["\U0001f600. ", "Ünïcödé\n\n", "x " * (NEAR + 5)]))
def test_text_in_front_only_shifts_the_hits(text: str, front: str) -> None:
    plain = Lexicon(replace(e, unless=()) for e in LEXICON.entries[::7])
    text = " " + text
    shifted = [(h.start - len(front), h.end - len(front), h.entry.id) for h in plain.find(front + text)]
    assert shifted == [(h.start, h.end, h.entry.id) for h in plain.find(text)]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([(f, e) for e in LEXICON.entries if not e.case_sensitive for f in e.forms]), st.data())
def test_every_form_is_looked_up_however_it_is_written(pair: tuple[str, Entry], data: st.DataObject) -> None:
    form, entry = pair
    write = data.draw(st.sampled_from([str.upper, str.lower, str.title]))
    variant = write(form).replace("'", data.draw(st.sampled_from("'’"))).replace("-", data.draw(st.sampled_from("- ")))
    assert LEXICON.lookup(variant) is entry


@pytest.mark.parametrize("unit", ["so ", "so" + " " * 500 + ",", "the radical ", "a-", "slammed the door "])
def test_time_is_linear_in_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.process_time()
        LEXICON.find(text)
        return time.process_time() - start

    seconds(10_000)
    assert seconds(100_000) < 40 * max(min(seconds(10_000) for _ in range(3)), 0.001)


# Loading


def test_loading_is_quick() -> None:
    start = time.process_time()
    Lexicon.load()
    assert time.process_time() - start < 0.5


def test_a_folder_of_ones_own_replaces_the_terms(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(VALID, encoding="utf-8")
    lexicon = Lexicon.load(tmp_path)
    assert [e.id for e in lexicon.entries] == ["slam"]
    assert lexicon.entries[0].forms == ("slam", "slams", "slammed", "slamming")
    assert lexicon.entries[0].source == "own judgement"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[slam]", "[Slam!]"), "not valid TOML"),
        (("[slam]", "[Slam]"), r"mine.toml: \[Slam\]: an id is"),
        (('why = "Makes a disagreement a blow."\n', ""), r"\[slam\]: why is missing"),
        (('"Makes a disagreement a blow."', '" "'), r"\[slam\]: why must be text"),
        (('["criticise"]', '"criticise"'), r"\[slam\]: alternatives must be a list of texts"),
        (('["criticise"]', "[1]"), r"\[slam\]: alternatives must be a list of texts"),
        (('"loaded_language"', '"rude"'), r"\[slam\]: category must be one of .*, not 'rude'"),
        (('inflect = "verb"', 'inflect = "adverb"'), r"\[slam\]: inflect must be one of"),
        (('inflect = "verb"', 'aimed = "centre"'), r"\[slam\]: aimed must be one of left, right"),
        (('inflect = "verb"', "case_sensitive = 1"), r"\[slam\]: case_sensitive must be true or false"),
        (('inflect = "verb"', 'colour = "red"'), r"\[slam\]: unknown key 'colour'"),
        (('inflect = "verb"', 'mirror = "slam"'), r"\[slam\]: mirror must name another entry"),
        (('inflect = "verb"', 'mirror = "praise"'), r"\[slam\]: mirror must name another entry"),
        (('term = "slam"', 'term = "!"'), r"\[slam\]: the form '!' has no word"),
        (('source = "own', 'origin = "own'), "mine.toml: unknown default 'origin'"),
    ],
)
def test_a_fault_in_a_file_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in VALID
    (tmp_path / "mine.toml").write_text(VALID.replace(*change), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        Lexicon.load(tmp_path)


def test_two_entries_share_neither_an_id_nor_a_form(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(VALID, encoding="utf-8")
    (tmp_path / "b.toml").write_text(VALID, encoding="utf-8")
    with pytest.raises(DataError, match=r"b.toml: \[slam\]: another entry has this id"):
        Lexicon.load(tmp_path)
    (tmp_path / "b.toml").write_text(VALID.replace("[slam]", "[slam-two]"), encoding="utf-8")
    with pytest.raises(DataError, match=r"\[slam-two\]: 'slam' is a form of \[slam\] too"):
        Lexicon.load(tmp_path)


def test_an_empty_folder_and_bad_bytes_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no lexicon here"):
        Lexicon.load(tmp_path)
    (tmp_path / "mine.toml").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"mine\.toml: not valid TOML"):
        Lexicon.load(tmp_path)


@pytest.mark.parametrize(
    ("word", "kind", "forms"),
    [
        ("slam", "verb", "slam slams slammed slamming"),
        ("blast", "verb", "blast blasts blasted blasting"),
        ("eviscerate", "verb", "eviscerate eviscerates eviscerated eviscerating"),
        ("vilify", "verb", "vilify vilifies vilified vilifying"),
        ("bash", "verb", "bash bashes bashed bashing"),
        ("spew", "verb", "spew spews spewed spewing"),
        ("skewer", "verb", "skewer skewers skewered skewering"),
        ("parrot", "verb", "parrot parrots parroted parroting"),
        ("ram through", "verb", "ram through|rams through|rammed through|ramming through"),
        ("crony", "noun", "crony cronies"),
        ("witch hunt", "noun", "witch hunt|witch hunts"),
        ("flunkey", "noun", "flunkey flunkeys"),
        ("brazen", "adj", "brazen brazenly"),
        ("laughable", "adj", "laughable laughably"),
        ("greedy", "adj", "greedy greedily"),
        ("idiotic", "adj", "idiotic idiotically"),
        ("smug", "none", "smug"),
    ],
)
def test_regular_inflection(word: str, kind: Inflection, forms: str) -> None:
    assert inflect(word, kind) == tuple(forms.split("|" if "|" in forms or " " in word else " "))


# Checking and searching


def faults(folder: Path, **files: str) -> list[tuple[str | None, str]]:
    paths = []
    for name, content in files.items():
        paths.append(folder / f"{name}.toml")
        paths[-1].write_text(content, encoding="utf-8")
    return [(fault.entry, fault.message) for fault in check_files(paths).faults]


def test_the_check_finds_ids_and_forms_given_twice_across_files(tmp_path: Path) -> None:
    other = VALID.replace("[slam]", "[slam-two]").replace('"slam"', '"slammed"').replace('inflect = "verb"', "")
    assert faults(tmp_path, a=VALID, b=VALID) == [("slam", "another entry has this id, in a.toml")]
    assert faults(tmp_path, a=VALID, b=other) == [("slam-two", "'slammed' is a form of [slam] too")]


def test_the_check_finds_mirrors_that_are_none_and_blames_no_entry_for_another(tmp_path: Path) -> None:
    mirrored = VALID.replace('inflect = "verb"', 'inflect = "verb"\nmirror = "praise"')
    message = "mirror must name another entry that names this one as its own"
    assert faults(tmp_path, a=mirrored) == [("slam", message)]
    praise = VALID.replace("slam", "praise").replace('inflect = "verb"', 'forms = ["praiseed"]\nmirror = "slam"')
    praise = praise.replace("praisemed", "praiseed")
    assert faults(tmp_path, a=mirrored, b=praise) == []
    assert faults(tmp_path, a=mirrored, b=praise.replace("source", "origin", 1)) == [
        ("slam", message),
        (None, "unknown default 'origin', only category and source have one"),
    ]
    assert faults(tmp_path, a=mirrored, b=praise.replace('why = "M', 'reason = "M')) == [
        ("praise", "why is missing"),
        ("praise", "unknown key 'reason'"),
    ]


def test_the_check_tries_the_plain_example_for_the_words_of_its_term(tmp_path: Path) -> None:
    plain = VALID.replace('loaded = "', 'plain = "The court sat."\nloaded = "')
    assert faults(tmp_path, a=plain) == [("slam", "plain: the term does not stand in 'The court sat.'")]


@pytest.mark.parametrize("change", [('term = "slam"', 'term = "!"'), ("[slam]", "[Slam]"), ("why = ", "whys = ")])
def test_what_does_not_load_is_no_sound_lexicon(tmp_path: Path, change: tuple[str, str]) -> None:
    assert faults(tmp_path, a=VALID.replace(*change))
    with pytest.raises(DataError):
        Lexicon.load(tmp_path)


def test_the_shipped_terms_pass_their_check() -> None:
    checked = check_files(sorted(SHIPPED.glob("*.toml")))
    assert checked.entries == len(LEXICON.entries)
    assert checked.faults == ()


def test_a_search_puts_terms_before_reasons_and_takes_no_part_of_a_word() -> None:
    entries = [term("absurd"), replace(term("mob"), why="Not absurd."), term("surd")]
    assert [e.id for e in Lexicon(reversed(entries)).search("ABSUR")] == ["absurd", "mob"]
    assert [e.id for e in Lexicon(entries).search("surd")] == ["surd"]
    assert Lexicon(entries).search("(") == ()
