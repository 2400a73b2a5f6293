"""Fitting what turns logits into probabilities, and choosing thresholds; on development data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve

Array = np.ndarray

WEAK = 1e3
"""Inverse strength of the ridge on Platt's slope: next to none."""

RIDGE = 10.0
"""Strength of the ridge on standardised weights: as if a few more sentences had no evidence either way."""

POINTS = 101


def fit_platt(logits: Array, labels: Array, share: float | None = None) -> dict[str, float]:
    """Platt's map (1999) by maximum likelihood: {"slope", "intercept"}.

    Args:
        logits: shape (n,).
        labels: shape (n,), 0 or 1.
        share: weight the two classes as if this share of the sentences were 1; None leaves them as they are.
    """
    weights = np.ones(len(labels))
    if share is not None:
        weights = np.where(labels == 1, share / labels.mean(), (1 - share) / (1 - labels.mean()))
    fitted = LogisticRegression(C=WEAK).fit(logits[:, None], labels, sample_weight=weights)
    return {"slope": float(fitted.coef_[0, 0]), "intercept": float(fitted.intercept_[0])}


def fit_intercept(logits: Array, labels: Array, slope: float) -> dict[str, float]:
    """Platt's map with a given slope, for sets with too few positives to fit both."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(slope * logits + middle).sum() < labels.sum() else (low, middle)
    return {"slope": slope, "intercept": (low + high) / 2}


def as_map(platt: dict[str, float]) -> dict[str, Any]:
    """Platt's map in the form of a map of features, as bias.json stores it."""
    return {"weights": {"sentence": platt["slope"]}, "intercept": platt["intercept"]}


def fit_logistic(rows: Sequence[Mapping[str, float]], labels: Array, names: Sequence[str]) -> dict[str, Any]:
    """A map of named features: logistic regression with a ridge on standardised values and no negative weight.

    Without the bound, features that say nearly the same get weights of opposite signs, and more loading could lower a
    probability.
    """
    values = np.array([[row[name] for name in names] for row in rows])
    centre, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
    design = np.hstack([(values - centre) / scale, np.ones((len(values), 1))])
    penalty = np.array([RIDGE] * len(names) + [0.0])

    def loss(weights: Array) -> tuple[float, Array]:
        log_odds = design @ weights
        value = np.logaddexp(0, log_odds).sum() - labels @ log_odds + 0.5 * penalty @ weights**2
        return float(value), design.T @ (expit(log_odds) - labels) + penalty * weights

    bounds = [(0.0, None)] * len(names) + [(None, None)]
    found = minimize(loss, np.zeros(len(names) + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = found[:-1] / scale
    kept = {name: round(float(weight), 5) for name, weight in zip(names, weights, strict=True) if weight > 0}
    return {"weights": kept, "intercept": float(found[-1] - weights @ centre)}


def log_odds_of(fitted: Mapping[str, Any], rows: Sequence[Mapping[str, float]]) -> Array:
    """Log odds of a map. Shape: (rows,)."""
    weights = fitted["weights"]
    return np.array([fitted["intercept"] + sum(w * row[name] for name, w in weights.items()) for row in rows])


def apply_platt(platt: dict[str, float], logits: Array) -> Array:
    """Probabilities. Shape: as the logits."""
    return np.asarray(expit(platt["slope"] * logits + platt["intercept"]))


def expected_f1_threshold(probabilities: Array) -> float:
    """The threshold with the highest expected F1 for calibrated probabilities (Lipton et al. 2014)."""
    p = np.sort(probabilities)[::-1]
    f1 = 2 * np.cumsum(p) / (np.arange(1, len(p) + 1) + p.sum())
    best = int(np.argmax(f1))
    following = p[best + 1] if best + 1 < len(p) else 0.0
    return float((p[best] + following) / 2)


def macro_f1_threshold(probabilities: Array, labels: Array) -> float:
    """The threshold with the highest macro-F1."""
    grid = np.unique(np.round(probabilities, 3))
    positive = labels == 1

    def macro_f1(threshold: float) -> float:
        flagged = probabilities >= threshold
        tp, fp = (flagged & positive).sum(), (flagged & ~positive).sum()
        fn, tn = (~flagged & positive).sum(), (~flagged & ~positive).sum()
        return float(tp / max(2 * tp + fp + fn, 1) + tn / max(2 * tn + fp + fn, 1))

    return float(max(grid, key=macro_f1))


def best_f1_threshold(probabilities: Array, labels: Array) -> float:
    """The threshold with the highest F1 of the positive class."""
    precision, recall, thresholds = precision_recall_curve(labels, probabilities)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[np.argmax(f1[:-1])])


def development_curve(log_odds: Array, labels: Array) -> dict[str, Any]:
    """True and false positive rates at `POINTS` thresholds, as bias.json stores them."""
    cuts = np.quantile(log_odds, np.linspace(0, 1, POINTS))
    rates = {
        name: [round(float((log_odds[labels == label] >= cut).mean()), 4) for cut in cuts]
        for name, label in (("true_positive_rate", 1), ("false_positive_rate", 0))
    }
    return {"log_odds": [round(float(cut), 4) for cut in cuts], **rates}
