"""The maps of loaded words and of the lexicon's terms, fitted where annotators marked words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import expit

from bias.lexicon import default_lexicon
from bias.training.calibration.fitting import (
    apply_platt,
    best_f1_threshold,
    fit_logistic,
    fit_platt,
    fit_scaling,
    log_odds_of,
)
from bias.training.data.examples import Example

Array = np.ndarray

FEWEST_WORDS = 100
"""Marked words, and as many unmarked ones, that maps of their own ask for."""

FEWEST_TERMS = 20
"""Marked terms of the lexicon, and as many unmarked ones, that a map of their own asks for."""


class Read(Protocol):
    """An example with what a model that was not trained on it says of it: logits, and (start, end, logit) a word."""

    @property
    def example(self) -> Example:
        """The example."""

    @property
    def logit(self) -> float:
        """Of the sentence as written."""

    @property
    def outlet_logit(self) -> float | None:
        """Of the sentence with its quotes withheld; None where that is not read."""

    @property
    def words(self) -> tuple[tuple[int, int, float], ...]:
        """Of each word of the sentence as written."""


@dataclass(frozen=True, slots=True)
class MarkedWord:
    """A word's logit, whether annotators marked it, and the evidence for its term where the lexicon knows one."""

    logit: float
    marked: bool
    term: Mapping[str, float] | None


def marked_words(row: Read) -> Iterator[MarkedWord]:
    """The words of a sentence whose annotators' words are known."""
    spans = row.example.spans
    if spans is None:
        return
    hits = default_lexicon().find(row.example.text)
    for start, end, logit in row.words:
        hit = next((hit for hit in hits if hit.start < end and start < hit.end), None)
        term = None
        if hit is not None:
            strongest = max(value for a, b, value in row.words if hit.start < b and a < hit.end)
            term = {"word": strongest, "sentence": row.logit}
        yield MarkedWord(logit, any(a < end and start < b for a, b in spans), term)


def word_probabilities(maps: Mapping[str, Any], words: Sequence[MarkedWord]) -> Array:
    """The probability that a word is loaded, as scoring has it. Shape: (words,)."""
    result = apply_platt(maps["token"], np.array([word.logit for word in words]))
    known = [i for i, word in enumerate(words) if word.term is not None]
    if known:
        terms = [word.term for word in words if word.term is not None]
        result[known] = expit(log_odds_of(maps["term"], terms))
    return result


def fit_spans(rows: Iterable[Read]) -> dict[str, Any]:
    """The maps of words and of the lexicon's terms, and the threshold with the best F1 of words."""
    return _fit([word for row in rows for word in marked_words(row)], fit_platt)


def fit_spans_if_known(rows: Iterable[Read]) -> tuple[dict[str, Any] | None, int]:
    """The same for a set of any size, and the number of marked words; None where there are too few.

    Where only the lexicon's terms are too few, they are judged like any other word.
    """
    words = [word for row in rows for word in marked_words(row)]
    marked = sum(word.marked for word in words)
    if min(marked, len(words) - marked) < FEWEST_WORDS:
        return None, marked
    return _fit(words, fit_scaling), marked


def _fit(words: Sequence[MarkedWord], fit: Callable[[Array, Array], dict[str, float]]) -> dict[str, Any]:
    marked = np.array([word.marked for word in words])
    known = marked[[word.term is not None for word in words]]
    token = fit(np.array([word.logit for word in words]), marked.astype(float))
    if fit is not fit_platt and min(known.sum(), (~known).sum()) < FEWEST_TERMS:
        term: dict[str, Any] = {"weights": {"word": token["slope"]}, "intercept": token["intercept"]}
    else:
        terms = [word.term for word in words if word.term is not None]
        term = fit_logistic(terms, known.astype(float), ("word", "sentence"))
    maps = {"token": token, "term": term}
    threshold = best_f1_threshold(word_probabilities(maps, words), marked)
    return {**maps, "technique": {"slope": 1.0, "intercept": 0.0}, "span_threshold": threshold}
