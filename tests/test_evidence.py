from __future__ import annotations

import pytest

from bias.evidence import ALONE_EARLINESS, FAINTEST, FEATURES, contexts, evidence
from bias.scoring import find_terms
from bias.types import Prediction, Reading, Sentence, WordScore

TEXT = "The regime met, and the regime left."


def test_the_features_of_a_reading() -> None:
    sentence = Sentence(0, 0, 5, 5 + len(TEXT), TEXT)
    words = (WordScore(9, 15, 2.0), WordScore(16, 19, -20.0), WordScore(29, 35, 0.5))
    found = evidence(Reading(1.5, words, 0.7), find_terms(sentence))
    wording = {"sentence": 1.5, "opinion": 0.7, "word": 2.0, "second_word": 0.5, "terms": 2.0}
    assert found == {**wording, "length": 0.0, "earliness": ALONE_EARLINESS, "tone": 0.7}
    assert tuple(found) == FEATURES


def test_terms_that_the_reading_does_not_hold_do_not_count() -> None:
    sentence = Sentence(0, 0, 5, 5 + len(TEXT), TEXT)
    assert evidence(Reading(0.0, (WordScore(9, 15, 1.0),)), find_terms(sentence))["terms"] == 1.0


def test_few_words_are_faint() -> None:
    assert evidence(Reading(0.0), ())["word"] == FAINTEST
    assert evidence(Reading(0.0, (WordScore(0, 3, 1.0),)), ())["second_word"] == FAINTEST


def test_the_context_is_relative_to_the_articles_own_sentences() -> None:
    def prediction(words: int, opinion: float, *, own: bool = True) -> Prediction:
        sentence = Sentence(0, 0, 0, 1, "x", voice="outlet" if own else "quoted")
        reading = Reading(0.0, tuple(WordScore(i, i + 1, 0.0) for i in range(words)), opinion)
        return Prediction(sentence, reading, reading if own else None)

    found = contexts([prediction(9, 1.0), prediction(4, -2.0), prediction(99, 9.0, own=False)])
    assert found[0]["length"] == pytest.approx(-found[1]["length"])
    assert found[0]["length"] > 0
    assert found[2]["length"] > found[0]["length"]
    assert [context["tone"] for context in found] == [-0.5] * 3
    assert found[0]["earliness"] == 0 > found[1]["earliness"] > found[2]["earliness"] > ALONE_EARLINESS
    assert contexts([]) == []
    assert contexts([prediction(3, 2.0, own=False)])[0]["tone"] == 2.0
