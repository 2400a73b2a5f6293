"""Figures of a classifier with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn import metrics

Array = np.ndarray
Measure = Callable[[Array, Array, Array], float]
"""(labels, probabilities, flags), each of shape (n,) -> a figure."""

BINS = 10
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def calibration_error(labels: Array, probabilities: Array, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass (Nguyen and O'Connor 2015)."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(part) * abs(labels[part].mean() - probabilities[part].mean()) for part in parts]
    return float(sum(gaps) / len(labels))


def precision_at_recall(labels: Array, probabilities: Array, recall: float = 0.4) -> float:
    """The highest precision at that recall or more."""
    precision, reached, _ = metrics.precision_recall_curve(labels, probabilities)
    return float(precision[reached >= recall].max())


MEASURES: Mapping[str, Measure] = {
    "macro_f1": lambda y, p, f: float(metrics.f1_score(y, f, average="macro", zero_division=0)),
    "mcc": lambda y, p, f: float(metrics.matthews_corrcoef(y, f)),
    "auroc": lambda y, p, f: float(metrics.roc_auc_score(y, p)),
    "average_precision": lambda y, p, f: float(metrics.average_precision_score(y, p)),
    "brier": lambda y, p, f: float(metrics.brier_score_loss(y, p)),
    "log_loss": lambda y, p, f: float(metrics.log_loss(y, p, labels=[0, 1])),
    "calibration_error": lambda y, p, f: calibration_error(y, p),
    "precision_at_recall_0.40": lambda y, p, f: precision_at_recall(y, p),
    "precision": lambda y, p, f: float(metrics.precision_score(y, f, zero_division=0)),
    "recall": lambda y, p, f: float(metrics.recall_score(y, f, zero_division=0)),
}


def evaluate(
    labels: Array,
    probabilities: Array,
    threshold: float | Array,
    groups: Sequence[str],
    measures: Sequence[str] = tuple(MEASURES),
) -> dict[str, Figure]:
    """Each measure with a percentile bootstrap interval, clustered by group (article).

    Args:
        labels, probabilities: shape (n,).
        threshold: one for all, or shape (n,), one a sentence.
        groups: n keys; sentences of one key are drawn together.
    """
    flags = (probabilities >= threshold).astype(int)

    def figures(rows: Array) -> list[float]:
        y, p, f = labels[rows], probabilities[rows], flags[rows]
        return [MEASURES[name](y, p, f) for name in measures]

    everything = figures(np.arange(len(labels)))
    draws = np.array([figures(rows) for rows in cluster_draws(groups, DRAWS) if 0 < labels[rows].sum() < len(rows)])
    bounds = np.percentile(draws, [2.5, 97.5], axis=0)
    return {
        name: Figure(value, float(low), float(high))
        for name, value, low, high in zip(measures, everything, *bounds, strict=True)
    }


def cluster_draws(groups: Sequence[str], draws: int, seed: int = 0) -> list[Array]:
    """Row indices of bootstrap samples of whole groups."""
    keys, member = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(member, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(member))[:-1])
    generator = np.random.default_rng(seed)
    return [np.concatenate([rows[k] for k in generator.integers(len(keys), size=len(keys))]) for _ in range(draws)]


def bootstrap(statistic: Callable[[Array], float], groups: Sequence[str], draws: int = DRAWS) -> Figure:
    """A statistic of row indices, with its clustered percentile interval."""
    values = [statistic(rows) for rows in cluster_draws(groups, draws)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Figure(statistic(np.arange(len(groups))), float(low), float(high))


def word_counts(predicted: Sequence[bool], marked: Sequence[bool]) -> tuple[int, int, int]:
    """True positives, false positives and false negatives among the words of a sentence."""
    pairs = list(zip(predicted, marked, strict=True))
    return (
        sum(p and m for p, m in pairs),
        sum(p and not m for p, m in pairs),
        sum(m and not p for p, m in pairs),
    )


def f1_of_counts(counts: Array) -> float:
    """F1 from rows of (true positives, false positives, false negatives). Shape: (n, 3)."""
    tp, fp, fn = counts.sum(axis=0)
    return float(2 * tp / max(2 * tp + fp + fn, 1))
