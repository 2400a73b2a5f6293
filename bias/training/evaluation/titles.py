"""What figures and slices are called where people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bias.training.evaluation.measuring import Predictions

TITLES: Mapping[str, str] = {
    "macro_f1": "Macro-F1",
    "mcc": "MCC",
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "log_loss": "Log-loss",
    "calibration_error": "Calibration error",
    "precision": "Precision",
    "recall": "Recall",
    "false_alarms": "False alarms",
    "word_precision": "Words, precision",
    "word_recall": "Words, recall",
    "word_f1": "Words, F1",
    "exact_f1": "Whole spans, F1",
    "word_f1_opinionated": "Words, F1 (opinionated)",
    "word_f1_all": "Words, F1 (all sentences)",
}

MEANINGS: Mapping[str, str] = {
    "brier": "lower is better",
    "log_loss": "lower is better",
    "calibration_error": "lower is better",
    "false_alarms": "neutral sentences that were flagged",
}

PARTS: Mapping[str, str] = {"opinionated": "Opinionated sentences", "all": "All sentences"}

DIMENSIONS: Mapping[str, str] = {
    "outlet": "Outlet",
    "leaning": "Leaning of the outlet",
    "topic": "Topic",
    "length": "Length",
    "voice": "Who speaks",
}


def names_of(models: Sequence[Predictions]) -> list[str]:
    """A name for each model; models of one name are numbered."""
    names = [predictions.model.name for predictions in models]
    return [f"{name} ({i})" if names.count(name) > 1 else name for i, name in enumerate(names, 1)]
