from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bias.detector import Detector
from bias.errors import UsageError
from bias.lexicon import Allowed
from bias.types import ArticleReport


def covered(terms: list[str], text: str, word: str) -> bool:
    at = text.index(word)
    return Allowed(terms).within(text, 100)(100 + at, 100 + at + len(word))


@pytest.mark.parametrize(
    ("term", "text", "word", "expected"),
    [
        ("regime", "The Regime fell.", "Regime", True),
        ("regime", "The regimes fell.", "regimes", False),
        ("regime", "The regime's men fell.", "regime's", True),
        ("regime", "A pro-regime mob fell.", "pro-regime", False),
        ("rammed through", "They rammed\nthrough a bill.", "rammed\nthrough", True),
        ("rammed through", "They rammed through a bill.", "rammed", True),
        ("rammed", "They rammed through a bill.", "rammed through", False),
        ("pro-regime", "A pro regime mob.", "pro regime", True),
        ("union thugs", "The union thugs left.", "thugs", True),
        ("union thugs", "The thugs left.", "thugs", False),
        ("nation’s shame", "The nation's shame.", "nation's shame", True),
        ("café", "A CAFÉ fell.", "CAFÉ", True),
    ],
)
def test_a_phrase_covers_what_is_written_so(term: str, text: str, word: str, expected: bool) -> None:
    assert covered([term], text, word) is expected
    assert covered(["other words", term, "x"], text, word) is expected


def test_the_longest_of_overlapping_phrases_counts() -> None:
    terms = ["a sham", "sham vote of shame", "sham"]
    assert covered(terms, "It was a sham vote of shame.", "sham vote of shame")
    assert covered(terms, "It was a sham vote of shame.", "a sham")


@pytest.mark.parametrize("term", ["", "  ", "--"])
def test_a_term_without_a_word_is_refused(term: str) -> None:
    with pytest.raises(UsageError, match="an allowed term is"):
        Allowed(["regime", term])


@given(st.lists(st.text(alphabet="ab-' .*(", min_size=1, max_size=6).filter(lambda t: "a" in t), max_size=4), st.text())
def test_any_terms_work_on_any_text(terms: list[str], text: str) -> None:
    within = Allowed(terms).within(text, 0)
    assert not within(0, len(text) + 1)
    assert not Allowed(()).within(text, 0)(0, 0)


TEXT = "The regime fell. The shameless mayor's cronies rammed through the bill, and the thugs cheered. It rained."


@pytest.fixture(scope="module")
def shipped() -> Detector:
    return Detector()


@pytest.fixture(scope="module")
def plain(shipped: Detector) -> ArticleReport:
    return shipped.score(TEXT, prior="balanced")


@pytest.mark.parametrize("terms", [["crony"], ["cronies"], ["Cronies", "nothing-else"]])
def test_an_allowed_term_gives_no_span_and_changes_nothing_else(
    shipped: Detector, plain: ArticleReport, terms: list[str]
) -> None:
    assert "cronies" in {span.text for span in plain.spans}
    report = shipped.score(TEXT, prior="balanced", allow=terms)
    assert [span.text for r in report.sentences for span in r.allowed] == ["cronies"]
    assert report.summary["allowed"] == 1
    assert report.spans == tuple(span for span in plain.spans if span.text != "cronies")
    same = [replace(r, spans=(), allowed=()) for r in report.sentences]
    assert same == [replace(r, spans=(), allowed=()) for r in plain.sentences]
    assert (report.score, report.interval) == (plain.score, plain.interval)


def test_a_sentence_with_no_other_loaded_word_is_still_labelled_by_its_probability(
    shipped: Detector, plain: ArticleReport
) -> None:
    every = [span.text for span in plain.spans]
    report = shipped.score(TEXT, prior="balanced", allow=every)
    assert every
    assert report.spans == ()
    assert report.summary["allowed"] == len(every)
    assert report.opinionated
    assert [r.label for r in report.sentences] == [r.label for r in plain.sentences]


def test_a_word_leaves_the_run_that_it_stood_in(tiny_detector: Detector) -> None:
    text = "Zorn blax vremp quill."
    (run,) = tiny_detector.score(text).sentences
    joined = next((span for span in run.spans if " " in span.text), None)
    assert joined is not None, "the tiny model joins loaded neighbours"
    first, *rest = joined.text.split()
    report = tiny_detector.score(text, allow=[first])
    assert first in [span.text for span in report.sentences[0].allowed]
    assert " ".join(rest) in [span.text for span in report.spans]
