"""How the loaded words that a model marks meet those that annotators marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bias.training.data.examples import Offsets, as_sentence
from bias.training.evaluation.measures import span_figures, word_counts
from bias.training.evaluation.resampling import Array, Figure, Resampling
from bias.words import WORD

if TYPE_CHECKING:
    from bias.training.evaluation.measuring import Predictions


def span_counts(predictions: Predictions) -> tuple[Array, Array, Array]:
    """How the model's loaded words and spans meet the annotators', for the sentences that those marked.

    With `quotes` "separate" words inside attributed quotes take no part.

    Returns:
        The rows of these sentences, shape (m,), and for each the true positives, false positives and false negatives
        of its words and of its exact spans, shape (m, 3) each.
    """
    rows = [row for row, found in enumerate(predictions.spans) if found is not None]
    words, exact = np.zeros((len(rows), 3)), np.zeros((len(rows), 3))
    for i, row in enumerate(rows):
        example, found = predictions.examples[row], set(predictions.spans[row] or ())
        aside = as_sentence(example.text).withheld if predictions.quotes == "separate" else ()
        marked = {span for span in example.spans or () if not within(span, aside)}
        places = [word.span() for word in WORD.finditer(example.text) if not within(word.span(), aside)]
        words[i] = word_counts(_covered(places, found), _covered(places, marked))
        exact[i] = len(found & marked), len(found - marked), len(marked - found)
    return np.array(rows, dtype=int), words, exact


def span_measures(
    predictions: Predictions, draws: int, seed: int
) -> tuple[dict[str, dict[str, Figure]], tuple[str, ...]]:
    """Precision, recall and F1 of words, and F1 of exact spans, on opinionated sentences and on all.

    Returns:
        The figures by part ("opinionated", "all") and name, empty where no words are marked; and notes on what is not
        measured.
    """
    rows, words, exact = span_counts(predictions)
    if not any(predictions.examples[row].spans for row in rows):
        return {}, ("no loaded words are marked in the data: no figures of spans",)
    groups, opinionated = np.asarray(predictions.groups)[rows], predictions.labels[rows] == 1
    result = {}
    for part, chosen in (("opinionated", opinionated), ("all", np.full(len(rows), True))):
        if chosen.any():
            counts = np.hstack([words, exact])[chosen]

            def values(weights: Array, counts: Array = counts) -> dict[str, Array]:
                totals = weights @ counts
                of_words, of_spans = span_figures(totals[:, :3]), span_figures(totals[:, 3:])
                return {**{f"word_{name}": value for name, value in of_words.items()}, "exact_f1": of_spans["f1"]}

            result[part] = Resampling.of(groups[chosen].tolist(), draws, seed).figures(values)
    missing = len(predictions) - len(rows)
    return result, (f"{missing:,} sentences whose words nobody marked take no part in the figures of spans",) * bool(
        missing
    )


def _covered(places: Sequence[tuple[int, int]], spans: Iterable[tuple[int, int]]) -> list[bool]:
    return [any(a < end and start < b for a, b in spans) for start, end in places]


def within(span: tuple[int, int], ranges: Offsets) -> bool:
    """Whether the span lies in one of the ranges."""
    return any(start <= span[0] and span[1] <= end for start, end in ranges)
