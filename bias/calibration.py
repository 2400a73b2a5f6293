"""From raw logits to probabilities under a prior: what the model folder stores and scoring applies.

A map is logistic: probability = sigmoid(intercept + sum of weight * feature). With the sentence's logit as its only
feature it is Platt's (1999), as `balanced` is, fitted on a set where half of the sentences are opinionated; another
share of opinionated sentences shifts its log odds (Saerens et al. 2002). `news` is fitted on whole articles and weighs
the words as well, because annotators of whole articles mark other sentences than those of balanced sets. Two maps a
prior: one for sentences read as written, one for sentences read with their attributed quotes withheld.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bias.errors import UsageError
from bias.types import QuotesMode

PRIORS = ("news", "balanced")


@dataclass(frozen=True, slots=True)
class LogisticMap:
    """A logistic map of named features (`bias.evidence.FEATURES`); a feature without a weight has no influence."""

    weights: Mapping[str, float]
    intercept: float = 0.0

    def __call__(self, features: Mapping[str, float]) -> float:
        """Calibrated probability."""
        return sigmoid(self.intercept + sum(weight * features[name] for name, weight in self.weights.items()))

    def shifted(self, prior: float) -> LogisticMap:
        """The map for another share of positives than one half."""
        return LogisticMap(self.weights, self.intercept + math.log(prior / (1 - prior)))


@dataclass(frozen=True, slots=True)
class Platt:
    """A logistic map of one logit (Platt 1999)."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, logit: float) -> float:
        """Calibrated probability."""
        return sigmoid(self.slope * logit + self.intercept)


@dataclass(frozen=True, slots=True)
class PriorMap:
    """The maps of one prior, and its thresholds by quotes mode. `withheld` is for text whose quotes are withheld."""

    written: LogisticMap
    withheld: LogisticMap
    thresholds: Mapping[QuotesMode, float]


@dataclass(frozen=True, slots=True)
class Curve:
    """True and false positive rates over balanced log odds, from development data, in rising order of log odds."""

    log_odds: Sequence[float]
    true_positive_rate: Sequence[float]
    false_positive_rate: Sequence[float]

    def best_threshold(self, prior: float) -> float:
        """The probability, under that prior, at which expected F1 is highest."""

        def f1(i: int) -> float:
            hits = prior * self.true_positive_rate[i]
            return 2 * hits / (hits + (1 - prior) * self.false_positive_rate[i] + prior)

        best = max(range(len(self.log_odds)), key=f1)
        return sigmoid(self.log_odds[best] + math.log(prior / (1 - prior)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """All maps of a model.

    `token` is for any word; `term` for a term of the lexicon, from the logits of its most loaded word and its sentence.
    """

    news: PriorMap
    balanced: PriorMap
    token: Platt
    span_threshold: float
    term: LogisticMap
    curve: Curve
    technique: Platt = field(default_factory=Platt)

    def prior(self, name: str) -> PriorMap:
        """The maps for `news`, `balanced`, or a number between 0 and 1 written as text.

        Raises:
            UsageError: none of these.
        """
        if name == "news":
            return self.news
        if name == "balanced":
            return self.balanced
        share = parse_share(name)
        threshold = self.curve.best_threshold(share)
        return PriorMap(
            self.balanced.written.shifted(share),
            self.balanced.withheld.shifted(share),
            {"separate": threshold, "include": threshold},
        )


def parse_share(text: str) -> float:
    """A share of opinionated sentences, above 0 and below 1.

    Raises:
        UsageError: it is something else.
    """
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0.0 < share < 1.0:
        raise UsageError(f"--prior is news, balanced, or a number above 0 and below 1, not {text!r}")
    return share


def sigmoid(x: float) -> float:
    """The logistic function, without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
