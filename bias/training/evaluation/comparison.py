"""Two models on the same sentences: which is better, by how much, and where they part.

comparison = compare(predict(mine, examples), predict(shipped, examples))
print(comparison.sentence)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import binomtest

from bias.errors import DataError
from bias.training.evaluation.measures import span_figures, weighted_figures
from bias.training.evaluation.measuring import FIGURES, Measurement, Predictions, measure
from bias.training.evaluation.resampling import DRAWS, Array, Figure, Resampling
from bias.training.evaluation.spans import span_counts
from bias.training.evaluation.titles import names_of
from bias.types import label_of

Verdict = Literal["better", "worse", "no difference"]

LOWER_IS_BETTER = ("brier", "log_loss", "calibration_error")

SPAN_FIGURES = ("word_f1_opinionated", "word_f1_all")


@dataclass(frozen=True, slots=True)
class McNemar:
    """McNemar's test (1947) of whether two models err equally often, exact on the sentences that one alone gets right.

    `p_value` is two-sided; 1.0 where the models never part. Sentences are taken as independent of each other, which
    sentences of one article are not quite: the intervals of the differences do without that.
    """

    first_alone: int
    second_alone: int
    p_value: float

    @classmethod
    def of(cls, first: Array, second: Array) -> McNemar:
        """The test for two models that are right (True) or not on each sentence. Shape: (n,) each."""
        one, other = int((first & ~second).sum()), int((second & ~first).sum())
        return cls(one, other, float(binomtest(one, one + other).pvalue) if one + other else 1.0)


@dataclass(frozen=True, slots=True)
class Change:
    """A sentence that the two models call differently: its row, what it is labelled, and both probabilities."""

    row: int
    text: str
    label: int
    first: float
    second: float
    to_opinionated: bool

    @property
    def gained(self) -> bool:
        """Whether the first model is the one that is right."""
        return self.to_opinionated == bool(self.label)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """What the first model does better or worse than the second, at the threshold of each.

    `differences` are first less second, each with the 95 % interval of a paired bootstrap over groups (articles);
    below 0 is better for `LOWER_IS_BETTER`. `changes` are the sentences on which the two part, widest apart first.
    """

    first: Measurement
    second: Measurement
    differences: Mapping[str, Figure]
    mcnemar: McNemar
    changes: tuple[Change, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether the first is better, by the interval of the difference of macro-F1."""
        figure = self.differences["macro_f1"]
        if figure.bounded and figure.low > 0:
            return "better"
        return "worse" if figure.bounded and figure.high < 0 else "no difference"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        first, second = names_of((self.first.predictions, self.second.predictions))
        figure, count = self.differences["macro_f1"], f"{len(self.first.predictions):,} sentences"
        if not figure.bounded and figure.value != 0:
            why = "the difference has no interval" if figure.defined else "macro-F1 is not defined"
            return f"Whether {first} is better than {second} cannot be told: {why} on these {count}."
        if not figure.bounded:
            return f"No difference that these {count} can show: both models have the same macro-F1."
        amount, interval = f"{abs(figure.value):.3f}", f"95 % interval {figure.low:+.3f} to {figure.high:+.3f}"
        if self.verdict == "no difference":
            return (
                f"No difference that these {count} can show: macro-F1 of {first} less that of {second} is "
                f"{figure.value:+.3f} ({interval})."
            )
        direction = "higher" if self.verdict == "better" else "lower"
        return (
            f"{first} is {self.verdict} than {second}: its macro-F1 is {amount} {direction} on {count} ({interval} of "
            "the difference)."
        )

    @property
    def to_opinionated(self) -> int:
        """Sentences that only the first model calls opinionated."""
        return sum(change.to_opinionated for change in self.changes)

    @property
    def to_neutral(self) -> int:
        """Sentences that only the second model calls opinionated."""
        return len(self.changes) - self.to_opinionated

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row a sentence that changed sides, for a table."""
        first, second = self.first.predictions, self.second.predictions
        for change in self.changes:
            example = first.examples[change.row]
            yield {
                "text": change.text,
                "label": label_of(change.label, 0.5),
                "first": label_of(change.first, first.threshold),
                "second": label_of(change.second, second.threshold),
                "first_probability": round(change.first, 4),
                "second_probability": round(change.second, 4),
                "first_is_right": change.gained,
                "group": example.group,
                "outlet": example.outlet,
                "place": example.place,
            }

    def to_dict(self) -> dict[str, Any]:
        """Everything but the sentences, ready for `json.dumps`; what is not defined is null."""
        return {
            "model": asdict(self.second.predictions.model),
            "threshold": round(self.second.predictions.threshold, 4),
            "figures": {name: figure.to_dict() for name, figure in self.second.figures.items()},
            "verdict": self.verdict,
            "sentence": self.sentence,
            "differences": {name: figure.to_dict() for name, figure in self.differences.items()},
            "mcnemar": asdict(self.mcnemar),
            "changed": {
                "sentences": len(self.changes),
                "to_opinionated": self.to_opinionated,
                "to_neutral": self.to_neutral,
                "gained": sum(change.gained for change in self.changes),
                "lost": sum(not change.gained for change in self.changes),
            },
        }

    def __repr__(self) -> str:
        return f"<Comparison: {self.sentence}>"

    def _repr_markdown_(self) -> str:
        from bias.training.evaluation.presenting import comparison_markdown

        return comparison_markdown(self)


def compare(
    one: Predictions | Measurement, other: Predictions | Measurement, *, draws: int = DRAWS, seed: int = 0
) -> Comparison:
    """Hold two models against each other by their predictions, which are measured if they have not been.

    Raises:
        DataError: they are not of the same sentences with the same labels.
    """
    measured = [
        measure(part, draws=draws, seed=seed) if isinstance(part, Predictions) else part for part in (one, other)
    ]
    first, second = (measurement.predictions for measurement in measured)
    alike = [example.text for example in first.examples] == [example.text for example in second.examples]
    if not alike or not np.array_equal(first.labels, second.labels):
        raise DataError(
            "two models are compared on the same sentences with the same labels: predict both from one list"
        )
    pairs = ((first.probabilities, first.flags), (second.probabilities, second.flags))

    def difference(weights: Array) -> dict[str, Array]:
        values, less = (weighted_figures(first.labels, *pair, weights) for pair in pairs)
        return {name: values[name] - less[name] for name in FIGURES}

    return Comparison(
        first=measured[0],
        second=measured[1],
        differences={
            **Resampling.of(first.groups, draws, seed).figures(difference),
            **_span_differences(first, second, draws, seed),
        },
        mcnemar=McNemar.of(first.flags == first.labels, second.flags == first.labels),
        changes=_changes(first, second),
    )


def _span_differences(first: Predictions, second: Predictions, draws: int, seed: int) -> dict[str, Figure]:
    rows, of_first, _ = span_counts(first)
    of_second = span_counts(second)[1]
    if not any(first.examples[row].spans for row in rows):
        return {}
    result: dict[str, Figure] = {}
    opinionated = first.labels[rows] == 1
    for name, chosen in zip(SPAN_FIGURES, (opinionated, np.full(len(rows), True)), strict=True):
        if chosen.any():
            columns = np.hstack([of_first, of_second])[chosen]

            def difference(weights: Array, name: str = name, columns: Array = columns) -> dict[str, Array]:
                totals = weights @ columns
                return {name: span_figures(totals[:, :3])["f1"] - span_figures(totals[:, 3:])["f1"]}

            groups = np.asarray(first.groups)[rows[chosen]].tolist()
            result |= Resampling.of(groups, draws, seed).figures(difference)
    return result


def _changes(first: Predictions, second: Predictions) -> tuple[Change, ...]:
    apart = np.flatnonzero(first.flags != second.flags)
    gaps = np.abs(first.probabilities - second.probabilities)[apart]
    return tuple(
        Change(
            row=int(row),
            text=first.examples[row].text,
            label=int(first.labels[row]),
            first=float(first.probabilities[row]),
            second=float(second.probabilities[row]),
            to_opinionated=bool(first.flags[row]),
        )
        for row in apart[np.argsort(-gaps, kind="stable")]
    )
