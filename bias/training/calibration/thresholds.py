"""From which probability on a sentence is called opinionated: rules that a user can state, on development data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bias.errors import DataError, UsageError

Array = np.ndarray

RULES = "macro-f1, f1, precision=P, recall=R, or a probability such as 0.5"


@dataclass(frozen=True, slots=True)
class Rule:
    """How a threshold is chosen. `value` is the precision or recall to reach, or the threshold itself (`fixed`)."""

    name: Literal["macro-f1", "f1", "precision", "recall", "fixed"]
    value: float = 0.0

    def __str__(self) -> str:
        if self.name == "fixed":
            return f"{self.value:g}"
        return f"{self.name}={self.value:g}" if self.name in ("precision", "recall") else self.name


def parse_rule(text: str) -> Rule:
    """The rule that a text states: "macro-f1", "f1", "precision=0.9", "recall=0.8" or "0.5".

    Raises:
        UsageError: it states none.
    """
    match text.partition("="):
        case ("macro-f1" | "f1" as name, "", ""):
            return Rule(name)
        case ("precision" | "recall" as name, "=", number):
            return Rule(name, _inside(number, text))
    return Rule("fixed", _inside(text, text))


def _inside(number: str, text: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0.0 < value < 1.0:
        raise UsageError(f"a threshold rule is {RULES} (all above 0 and below 1), not {text!r}")
    return value


def choose_threshold(probabilities: Array, labels: Array, rule: Rule) -> float:
    """The threshold by a rule; between two neighbouring probabilities it lies in their middle.

    `macro-f1` and `f1` take the best there is (of equals the highest), `precision` the lowest threshold that reaches
    it, `recall` the highest.

    Args:
        probabilities: shape (n,).
        labels: shape (n,), from 0 to 1; one of 0.7 counts as 0.7 opinionated and 0.3 neutral sentences.

    Raises:
        DataError: no threshold reaches the precision.
    """
    if rule.name == "fixed":
        return rule.value
    values, member = np.unique(probabilities, return_inverse=True)
    values = values[::-1]
    member = len(values) - 1 - member
    # Row k: what is flagged if the k + 1 highest values are.
    tp = np.bincount(member, labels).cumsum()
    fp = np.bincount(member, 1 - labels).cumsum()
    fn, tn = tp[-1] - tp, fp[-1] - fp
    precision, recall = tp / (tp + fp), tp / tp[-1]
    if rule.name == "precision":
        reached = np.flatnonzero(precision >= rule.value - 1e-12)
        if not len(reached):
            raise DataError(
                f"no threshold reaches a precision of {rule.value:g} on these {len(labels)} sentences: "
                f"the highest is {precision.max():.3f}"
            )
        best = int(reached[-1])
    elif rule.name == "recall":
        best = int(np.flatnonzero(recall >= rule.value - 1e-12)[0])
    else:
        f1 = 2 * tp / (2 * tp + fp + fn)
        if rule.name == "macro-f1":
            f1 = f1 + 2 * tn / np.maximum(2 * tn + fp + fn, 1e-12)
        best = int(np.argmax(np.round(f1, 12)))
    return _between(values, best)


def _between(values: Array, last: int) -> float:
    """A threshold that the values up to `last` reach and the next one does not. `values` fall."""
    following = float(values[last + 1]) if last + 1 < len(values) else 0.0
    middle = (float(values[last]) + following) / 2
    return middle if middle > following else float(values[last])
