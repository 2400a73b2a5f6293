from __future__ import annotations

from bias.evidence import FAINTEST, FEATURES, evidence
from bias.scoring import find_terms
from bias.types import Reading, Sentence, WordScore

TEXT = "The regime met, and the regime left."


def test_the_features_of_a_reading() -> None:
    sentence = Sentence(0, 0, 5, 5 + len(TEXT), TEXT)
    words = (WordScore(9, 15, 2.0), WordScore(16, 19, -20.0), WordScore(29, 35, 0.5))
    found = evidence(Reading(1.5, words, 0.7), find_terms(sentence))
    assert found == {"sentence": 1.5, "opinion": 0.7, "word": 2.0, "second_word": 0.5, "terms": 2.0}
    assert set(found) == set(FEATURES)


def test_terms_that_the_reading_does_not_hold_do_not_count() -> None:
    sentence = Sentence(0, 0, 5, 5 + len(TEXT), TEXT)
    assert evidence(Reading(0.0, (WordScore(9, 15, 1.0),)), find_terms(sentence))["terms"] == 1.0


def test_few_words_are_faint() -> None:
    assert evidence(Reading(0.0), ())["word"] == FAINTEST
    assert evidence(Reading(0.0, (WordScore(0, 3, 1.0),)), ())["second_word"] == FAINTEST
