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

SLOPE_RIDGE = 1.0
"""Strength of the pull of a slope to 1, the logits at face value: nothing beside some dozens of sentences."""

POINTS = 101


def fit_platt(logits: Array, labels: Array, share: float | None = None) -> dict[str, float]:
    """Platt's map (1999) by maximum likelihood: {"slope", "intercept"}.

    Args:
        logits: shape (n,).
        labels: shape (n,), 0 or 1.
        share: weight the two classes as if this share of the sentences were 1; None leaves them as they are.
    """
    fitted = LogisticRegression(C=WEAK).fit(logits[:, None], labels, sample_weight=_class_weights(labels, share))
    return {"slope": float(fitted.coef_[0, 0]), "intercept": float(fitted.intercept_[0])}


def _class_weights(labels: Array, share: float | None) -> Array:
    if share is None:
        return np.ones(len(labels))
    mass: Array = np.where(labels == 1, share / labels.mean(), (1 - share) / (1 - labels.mean()))
    return mass


def fit_scaling(logits: Array, labels: Array, share: float | None = None, intercept: bool = True) -> dict[str, float]:
    """Platt's map for a set of any size: {"slope", "intercept"}; without an intercept, temperature scaling.

    Temperature scaling (Guo et al. 2017) divides the logits by one number: the slope is its inverse. Where a few
    sentences are parted without fault the likelihood rises with the slope for ever. So the targets are smoothed as
    Platt (1999) has it, which bounds the probabilities, and a Gaussian prior draws the slope to 1, which bounds it
    where the logits hardly differ. It is never negative: at 0 the model tells nothing.

    Args:
        logits: shape (n,).
        labels: shape (n,), from 0 to 1; one of 0.7 counts as 0.7 positive and 0.3 negative sentences. Some of each.
        share: weight the two classes as if this share of the sentences were positive; None leaves them as they are.
        intercept: fit one, or hold it at 0.
    """
    positives, negatives = labels.sum(), (1 - labels).sum()
    weights = (1.0, 1.0)
    if share is not None:
        weights = (share * len(labels) / positives, (1 - share) * len(labels) / negatives)
    of_positive, of_negative = weights[0] * labels, weights[1] * (1 - labels)
    target = of_positive * (positives + 1) / (positives + 2) + of_negative / (negatives + 2)
    mass = of_positive + of_negative

    def loss(found: Array) -> tuple[float, Array]:
        slope, constant = found
        log_odds = slope * logits + constant
        value = mass @ np.logaddexp(0, log_odds) - target @ log_odds + 0.5 * SLOPE_RIDGE * (slope - 1) ** 2
        error = mass * expit(log_odds) - target
        return float(value), np.array([error @ logits + SLOPE_RIDGE * (slope - 1), error.sum()])

    bounds = [(0.0, None), (None, None) if intercept else (0.0, 0.0)]
    slope, constant = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=bounds, method="L-BFGS-B").x
    return {"slope": float(slope), "intercept": float(constant)}


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


def fit_logistic(
    rows: Sequence[Mapping[str, float]],
    labels: Array,
    names: Sequence[str],
    share: float | None = None,
    least: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """A map of named features: logistic regression with a ridge on standardised values and no negative weight.

    Without the bound, features that say nearly the same get weights of opposite signs, and more loading could lower a
    probability.

    Args:
        labels: shape (rows,), 0 or 1.
        share: weight the two classes as if this share of the rows were 1; None leaves them as they are.
        least: what the weights of these features are at least.
    """
    mass = _class_weights(labels, share)
    values = np.array([[row[name] for name in names] for row in rows])
    centre, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
    design = np.hstack([(values - centre) / scale, np.ones((len(values), 1))])
    penalty = np.array([RIDGE] * len(names) + [0.0])

    def loss(weights: Array) -> tuple[float, Array]:
        log_odds = design @ weights
        value = mass @ np.logaddexp(0, log_odds) - (mass * labels) @ log_odds + 0.5 * penalty @ weights**2
        return float(value), design.T @ (mass * (expit(log_odds) - labels)) + penalty * weights

    lowest = np.array([(least or {}).get(name, 0.0) for name in names]) * scale
    bounds = [*((low, None) for low in lowest), (None, None)]
    found = minimize(loss, np.append(lowest, 0.0), jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = found[:-1] / scale
    kept = {name: round(float(weight), 5) for name, weight in zip(names, weights, strict=True) if weight > 0}
    return {"weights": kept, "intercept": float(found[-1] - weights @ centre)}


def with_own_intercept(fitted: Mapping[str, Any], rows: Sequence[Mapping[str, float]], labels: Array) -> dict[str, Any]:
    """The map with the intercept that other rows ask for, where they are too few to fit its weights."""
    log_odds = log_odds_of({**fitted, "intercept": 0.0}, rows)
    return {**fitted, "intercept": fit_intercept(log_odds, labels, slope=1.0)["intercept"]}


def log_odds_of(fitted: Mapping[str, Any], rows: Sequence[Mapping[str, float]]) -> Array:
    """Log odds of a map. Shape: (rows,)."""
    weights = fitted["weights"]
    return np.array([fitted["intercept"] + sum(w * row[name] for name, w in weights.items()) for row in rows])


def apply_platt(platt: dict[str, float], logits: Array) -> Array:
    """Probabilities. Shape: as the logits."""
    return np.asarray(expit(platt["slope"] * logits + platt["intercept"]))


def expected_f1_threshold(probabilities: Array, within: float = 0.0) -> float:
    """The threshold with the highest expected F1 for calibrated probabilities (Lipton et al. 2014).

    The curve is flat about its top. Of all thresholds that come `within` such a part of the highest it is the lowest.
    """
    p = np.sort(probabilities)[::-1]
    f1 = 2 * np.cumsum(p) / (np.arange(1, len(p) + 1) + p.sum())
    last = int(np.flatnonzero(f1 >= (1 - within) * f1.max())[-1])
    following = p[last + 1] if last + 1 < len(p) else 0.0
    return float((p[last] + following) / 2)


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
    """True and false positive rates at `POINTS` thresholds, as bias.json stores them. Labels run from 0 to 1."""
    cuts = np.quantile(log_odds, np.linspace(0, 1, POINTS))
    rates = {
        name: [round(float(mass[log_odds >= cut].sum() / mass.sum()), 4) for cut in cuts]
        for name, mass in (("true_positive_rate", labels), ("false_positive_rate", 1 - labels))
    }
    return {"log_odds": [round(float(cut), 4) for cut in cuts], **rates}
