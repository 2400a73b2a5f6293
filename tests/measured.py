"""Predictions made up for the tests of figures, comparisons and plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bias.training.data.examples import Example, Offsets
from bias.training.evaluation.measuring import Predictions
from bias.types import ModelInfo

TOPICS = ("tax", "port", "school", "river", "budget")


def example(number: int, **values: Any) -> Example:
    """A labelled sentence of its own article."""
    topic = TOPICS[number % len(TOPICS)]
    text = f"Clause {number} of the {topic} plan was put to the vote."
    return Example(**{"text": text, "source": "t", "label": 0.0, "group": f"article {number}", **values})


def given_predictions(
    labels: Sequence[int] | np.ndarray,
    probabilities: Sequence[float] | np.ndarray,
    *,
    examples: Sequence[Example] | None = None,
    spans: Sequence[Offsets | None] | None = None,
    name: str = "tiny",
    threshold: float = 0.5,
) -> Predictions:
    """What a model might say of so many sentences."""
    rows = [example(i) for i in range(len(labels))] if examples is None else examples
    return Predictions(
        model=ModelInfo(name, "1", "0" * 64),
        prior="balanced",
        quotes="include",
        threshold=threshold,
        examples=tuple(rows),
        labels=np.array(labels),
        probabilities=np.array(probabilities, dtype=float),
        voices=("outlet",) * len(rows),
        spans=tuple(spans) if spans is not None else (None,) * len(rows),
        groups=tuple(row.group or str(i) for i, row in enumerate(rows)),
    )


def sample(n: int = 200, seed: int = 0, skill: float = 0.35, **values: Any) -> Predictions:
    """Predictions that are right about as often as `skill` (0 to 1) makes them."""
    labels = np.random.default_rng(99).integers(0, 2, n)
    generator = np.random.default_rng(seed)
    return given_predictions(labels, np.clip(skill * labels + (1 - skill) * generator.random(n), 0, 1), **values)
