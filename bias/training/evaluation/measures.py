"""Figures of a classifier with their intervals.

Every figure is written once, over weighted sentences: weights of one give its value, and how often a bootstrap sample
holds each sentence gives the value of that sample, for many samples at once. The tests compare all of them with
scikit-learn's. A figure that is not defined (an average over two labels where there is one) is NaN here, and null in
what is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn import metrics

from bias.training.evaluation.resampling import DRAWS, Array, Figure, Resampling, Values, bootstrap, cluster_draws

__all__ = [
    "BINS",
    "DRAWS",
    "MEASURES",
    "Array",
    "Figure",
    "bootstrap",
    "calibration_error",
    "cluster_draws",
    "count_figures",
    "evaluate",
    "f1_of_counts",
    "outcomes",
    "precision_at_recall",
    "span_figures",
    "weighted_figures",
    "word_counts",
]

Measure = Callable[[Array, Array, Array], float]
"""(labels, probabilities, flags), each of shape (n,) -> a figure."""

BINS = 10

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
"""One figure of one sample, as scikit-learn has it."""


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
    figures = Resampling.of(groups).figures(lambda weights: weighted_figures(labels, probabilities, flags, weights))
    return {name: figures[name] for name in measures}


# Figures of weighted sentences


def weighted_figures(labels: Array, probabilities: Array, flags: Array, weights: Array) -> Values:
    """All measures for each row of weights.

    Args:
        labels, probabilities, flags: shape (n,); labels and flags are 0 or 1.
        weights: shape (draws, n), whole numbers.
    """
    decided = count_figures(weights @ outcomes(labels, flags))
    return {
        **{name: decided[name] for name in ("macro_f1", "mcc")},
        **_ranked_figures(labels, probabilities, weights),
        **_loss_figures(labels, probabilities, weights),
        **{name: decided[name] for name in ("precision", "recall")},
    }


def outcomes(labels: Array, flags: Array) -> Array:
    """One of true negative, false positive, false negative and true positive a sentence. Shape: (n, 4)."""
    cells: Array = np.eye(4)[2 * np.asarray(labels, dtype=int) + np.asarray(flags, dtype=int)]
    return cells


def count_figures(counts: Array) -> Values:
    """Figures of decisions.

    `false_alarms` is the share of neutral sentences that were flagged. Without flags there is no precision; without
    sentences of both labels neither macro-F1 nor Matthews's coefficient (1975), which is 0 where one decision fell on
    all, as in scikit-learn.

    Args:
        counts: true negatives, false positives, false negatives, true positives. Shape: (draws, 4).
    """
    tn, fp, fn, tp = counts.T
    both = (tn + fp > 0) & (fn + tp > 0)
    product = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    f1 = (_ratio(2 * tp, 2 * tp + fp + fn) + _ratio(2 * tn, 2 * tn + fp + fn)) / 2
    return {
        "macro_f1": np.where(both, f1, np.nan),
        "mcc": np.where(both, _ratio(tp * tn - fp * fn, product, otherwise=0.0), np.nan),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "false_alarms": _ratio(fp, fp + tn),
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
    }


def _ranked_figures(labels: Array, probabilities: Array, weights: Array) -> Values:
    """What rests on the order of the probabilities; equal ones count as one step, as in scikit-learn."""
    order = np.argsort(-probabilities, kind="stable")
    steps = np.flatnonzero(np.diff(probabilities[order], prepend=np.inf))
    ranked = weights[:, order]
    positive = np.add.reduceat(ranked * labels[order], steps, axis=1)
    negative = np.add.reduceat(ranked * (1 - labels[order]), steps, axis=1)
    hits, alarms = positive.cumsum(axis=1), negative.cumsum(axis=1)
    positives, negatives = hits[:, -1], alarms[:, -1]
    precision = _ratio(hits, hits + alarms, otherwise=0.0)
    enough = hits >= 0.4 * positives[:, None]
    below = negatives[:, None] - alarms + negative / 2
    return {
        "auroc": _ratio((positive * below).sum(axis=1), positives * negatives),
        "average_precision": _ratio((positive * precision).sum(axis=1), positives),
        "precision_at_recall_0.40": np.where(positives > 0, np.where(enough, precision, 0).max(axis=1), np.nan),
    }


def _loss_figures(labels: Array, probabilities: Array, weights: Array) -> Values:
    """What tells how far the probabilities are from the labels; log-loss is in nats, and bounded as scikit-learn's."""
    tiny = np.finfo(float).eps
    sure = np.clip(np.where(labels == 1, probabilities, 1 - probabilities), tiny, 1 - tiny)
    losses = weights @ np.stack([(labels - probabilities) ** 2, -np.log(sure)], axis=1)
    total = weights.sum(axis=1)
    return {
        "brier": _ratio(losses[:, 0], total),
        "log_loss": _ratio(losses[:, 1], total),
        "calibration_error": _weighted_calibration_error(labels, probabilities, weights),
    }


def _weighted_calibration_error(labels: Array, probabilities: Array, weights: Array) -> Array:
    """`calibration_error` of each sample: a sentence that is drawn twice may stand on both sides of a bin's edge.

    Not defined for samples of fewer sentences than bins.
    """
    order = np.argsort(probabilities, kind="stable")
    ranked = weights[:, order]
    ends = ranked.cumsum(axis=1)
    excess = (ranked * (labels - probabilities)[order]).cumsum(axis=1)
    errors = np.full(len(weights), np.nan)
    for draw, (end, sums) in enumerate(zip(ends, excess, strict=True)):
        size = int(end[-1])
        if size >= BINS:
            each, more = divmod(size, BINS)  # as np.array_split parts
            edges = np.append(0, np.cumsum(np.full(BINS, each) + (np.arange(BINS) < more)))
            at_edges = np.interp(edges, np.append(0, end), np.append(0, sums))
            errors[draw] = np.abs(np.diff(at_edges)).sum() / size
    return errors


def _ratio(top: Array, bottom: Array, otherwise: float = math.nan) -> Array:
    """The quotient, and `otherwise` where the divisor is 0."""
    result: Array = np.divide(top, bottom, out=np.full(np.shape(bottom), otherwise), where=bottom > 0)
    return result


# Figures of words


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


def span_figures(counts: Array) -> Values:
    """Precision, recall and F1 of words or spans.

    Args:
        counts: true positives, false positives, false negatives. Shape: (draws, 3).
    """
    tp, fp, fn = counts.T
    return {
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
    }
