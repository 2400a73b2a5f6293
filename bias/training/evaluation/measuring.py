"""A model and labelled sentences -> predictions, and predictions -> figures.

    predictions = predict(Detector("my-model"), load_data(["mine.csv"]).examples)
    measurement = measure(predictions)
    print(measurement.figures["macro_f1"])
    stricter = measure(predictions.at(0.8))

Predictions keep the calibrated probabilities; a threshold is applied when they are measured, so that another one needs
no second run of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from bias.calibration import Calibration, PriorMap
from bias.detector import Detector
from bias.errors import DataError, UsageError
from bias.scoring import sentence_result
from bias.training.data.examples import Example, Offsets, article_groups, as_sentence
from bias.training.data.splits import By
from bias.training.evaluation.measures import BINS, outcomes, weighted_figures
from bias.training.evaluation.resampling import DRAWS, Array, Figure, Resampling
from bias.training.evaluation.slices import Slice, sides, slice_figures
from bias.training.evaluation.spans import span_measures, within
from bias.types import ModelInfo, Prediction, QuotesMode, Sentence, Voice

Watch = Callable[[Iterable[Prediction]], Iterable[Prediction]]

FIGURES = (
    "macro_f1",
    "mcc",
    "auroc",
    "average_precision",
    "brier",
    "log_loss",
    "calibration_error",
    "precision",
    "recall",
)
"""The figures of a measurement, in their order."""

FEW_GROUPS = 10
"""With fewer articles than this an interval is too narrow (percentile bootstraps are, for few groups)."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Predictions:
    """What a model says of labelled sentences, no decision taken yet.

    `labels` (0 or 1) and `probabilities` (of *opinionated*, under `prior`) have the shape (n,). With `quotes`
    "separate" both are of the outlet's own words. `spans` are the offsets of the loaded words that the model marks, as
    in a report; None where nobody marked the sentence, so that there is nothing to hold them against. `groups` names
    the article (or outlet, see `by`) of each sentence: sentences of one group are drawn together. `left_out` counts
    the sentences without a label.
    """

    model: ModelInfo
    prior: str
    quotes: QuotesMode
    threshold: float
    examples: tuple[Example, ...]
    labels: Array
    probabilities: Array
    voices: tuple[Voice, ...]
    spans: tuple[Offsets | None, ...]
    groups: tuple[str, ...]
    by: By = "article"
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.examples)

    def __repr__(self) -> str:
        return f"<Predictions of {self.model.name} for {len(self):,} sentences>"

    @property
    def flags(self) -> Array:
        """1 where the probability is at or above the threshold. Shape: (n,)."""
        return (self.probabilities >= self.threshold).astype(int)

    def at(self, threshold: float) -> Predictions:
        """The same predictions with another threshold.

        Raises:
            UsageError: it is not between 0 and 1.
        """
        if not 0.0 <= threshold <= 1.0:
            raise UsageError(f"--threshold lies between 0 and 1, not {threshold}")
        return replace(self, threshold=threshold)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Measurement:
    """Figures of predictions at their threshold, each with its 95 % interval.

    `confusion` counts true negatives, false positives, false negatives and true positives. `spans` holds, by
    "opinionated" (sentences only) and "all", precision, recall and F1 of the loaded words ("word_f1") and F1 of whole
    spans ("exact_f1"); empty where no words were marked. `gaps` holds false alarms and recall on outlets of the left,
    center and right, and how much higher they are on the left; empty where the leanings are not known.
    `notes` say in a sentence each what could not be measured, and why.
    """

    predictions: Predictions
    figures: Mapping[str, Figure]
    confusion: tuple[int, int, int, int]
    spans: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)
    slices: tuple[Slice, ...] = ()
    gaps: Mapping[str, Figure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything but the sentences, ready for `json.dumps`; what is not defined is null."""
        predictions = self.predictions
        return {
            "model": asdict(predictions.model),
            "prior": predictions.prior,
            "quotes": predictions.quotes,
            "threshold": round(predictions.threshold, 4),
            "sentences": len(predictions),
            "opinionated": int(predictions.labels.sum()),
            "groups": {"by": predictions.by, "number": len(set(predictions.groups))},
            "figures": {name: figure.to_dict() for name, figure in self.figures.items()},
            "confusion": dict(
                zip(
                    ("true_negatives", "false_positives", "false_negatives", "true_positives"),
                    self.confusion,
                    strict=True,
                )
            ),
            "spans": {
                part: {name: figure.to_dict() for name, figure in figures.items()}
                for part, figures in self.spans.items()
            },
            "slices": [part.to_dict() for part in self.slices],
            "gaps": {name: figure.to_dict() for name, figure in self.gaps.items()},
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        from bias.training.evaluation.presenting import headline

        return f"<Measurement: {headline(self)}>"

    def _repr_markdown_(self) -> str:
        from bias.training.evaluation.presenting import to_markdown

        return to_markdown(self)


def predict(
    detector: Detector,
    examples: Sequence[Example],
    *,
    prior: str = "balanced",
    quotes: QuotesMode = "include",
    threshold: float | None = None,
    by: By = "article",
    watch: Watch = iter,
) -> Predictions:
    """Run the engine over every labelled sentence.

    A soft label counts as opinionated from one half on. With `quotes` "separate" the label is that of the outlet's own
    words (see `outlets_label`), and sentences for which it is not known are left out.

    Args:
        prior: the share of opinionated sentences to expect; labelled sets are mostly balanced.
        threshold: None is the model's own for the prior.
        by: what is drawn together for the intervals: articles (`group`, or near-duplicate texts where it is missing),
            or outlets.
        watch: passes the predictions on while they are made, to show how far it is.

    Raises:
        DataError: no sentence has a label.
        UsageError: the prior or the threshold is out of range.
    """
    calibration = detector.model.calibration
    maps = calibration.prior(prior)
    known = [(example, sentence, label) for example, sentence, label in _labelled(examples, quotes)]
    if not known:
        raise DataError(f"none of the {len(examples):,} sentences has a label to measure with")
    kept = [example for example, _, _ in known]
    results = [
        _result(example, prediction, calibration, maps, quotes)
        for example, prediction in zip(kept, watch(detector.predict(sentence for _, sentence, _ in known)), strict=True)
    ]
    predictions = Predictions(
        model=detector.model.info,
        prior=prior,
        quotes=quotes,
        threshold=maps.thresholds[quotes],
        examples=tuple(kept),
        labels=np.array([label for _, _, label in known]),
        probabilities=np.array([probability for probability, _ in results]),
        voices=tuple(sentence.voice for _, sentence, _ in known),
        spans=tuple(spans for _, spans in results),
        groups=tuple(_groups(kept, by)),
        by=by,
        left_out=len(examples) - len(kept),
    )
    return predictions if threshold is None else predictions.at(threshold)


def outlets_label(example: Example, sentence: Sentence) -> float | None:
    """The label of the outlet's own words, where annotators settle it.

    That is the one given for them; without attributed quotes the sentence's; neutral in a neutral sentence; else
    whether one of the marked words stands outside the quotes. None where none of these is known.
    """
    if example.outlet_label is not None or not sentence.withheld:
        return example.label if example.outlet_label is None else example.outlet_label
    if example.label is None or example.label < 0.5 or not example.spans:
        return None if example.label is None or example.label >= 0.5 else example.label
    return float(any(not within(span, sentence.withheld) for span in example.spans))


def measure(predictions: Predictions, *, draws: int = DRAWS, seed: int = 0) -> Measurement:
    """All figures of predictions at their threshold.

    Args:
        draws: bootstrap samples of whole groups; the same ones for the same seed.
    """
    labels, probabilities, flags = predictions.labels, predictions.probabilities, predictions.flags
    resampling = Resampling.of(predictions.groups, draws, seed)
    figures = resampling.figures(lambda weights: weighted_figures(labels, probabilities, flags, weights))
    figures = {name: figures[name] for name in FIGURES}
    tn, fp, fn, tp = (int(count) for count in outcomes(labels, flags).sum(axis=0))
    slices, about_slices = slice_figures(
        predictions.examples, predictions.voices, labels, flags, predictions.groups, draws=draws, seed=seed
    )
    leanings = [example.leaning for example in predictions.examples]
    gaps, about_gaps = sides(labels, flags, leanings, resampling)
    spans, about_spans = span_measures(predictions, draws, seed)
    return Measurement(
        predictions=predictions,
        figures=figures,
        confusion=(tn, fp, fn, tp),
        spans=spans,
        slices=slices,
        gaps=gaps,
        notes=(*_notes(predictions, figures, resampling.groups), *about_spans, *about_slices, *about_gaps),
    )


def _labelled(examples: Sequence[Example], quotes: QuotesMode) -> Iterator[tuple[Example, Sentence, int]]:
    for example in examples:
        sentence = as_sentence(example.text)
        label = example.label if quotes == "include" else outlets_label(example, sentence)
        if label is not None:
            yield example, sentence, int(label >= 0.5)


def _result(
    example: Example, prediction: Prediction, calibration: Calibration, maps: PriorMap, quotes: QuotesMode
) -> tuple[float, Offsets | None]:
    """The probability of a sentence that stands alone, and the spans that scoring finds in it."""
    result = sentence_result(example.text, prediction, calibration, maps, quotes, maps.thresholds[quotes])
    found = tuple((span.start, span.end) for span in result.spans if quotes == "include" or span.voice == "outlet")
    probability = result.outlet_probability if quotes == "separate" else result.probability
    return probability, None if example.spans is None else found


def _groups(examples: Sequence[Example], by: By) -> Sequence[str]:
    articles = [example.group for example in examples]
    if not all(articles):
        articles = article_groups(examples)
    if by == "article":
        return articles
    return [f"outlet {e.outlet}" if e.outlet else f"article {a}" for e, a in zip(examples, articles, strict=True)]


def _notes(predictions: Predictions, figures: Mapping[str, Figure], groups: int) -> Iterator[str]:
    if predictions.left_out:
        whose = "" if predictions.quotes == "include" else " of the outlet's own words"
        yield f"{predictions.left_out:,} sentences without a label{whose} were left out"
    count, positives = len(predictions), int(predictions.labels.sum())
    unit = f"{predictions.by}s"
    if positives in (0, count):
        only = "opinionated" if positives else "neutral"
        yield f"all sentences are labelled {only}: figures that need both labels are not defined"
    if count < BINS:
        yield f"fewer than {BINS} sentences: the calibration error is not defined"
    if math.isnan(figures["precision"].value):
        yield "the model calls no sentence opinionated: precision is not defined"
    error = figures["calibration_error"]
    if error.bounded and not error.low <= error.value <= error.high:
        yield "the interval of the calibration error lies above it, for drawing sentences anew adds chance to it"
    if groups == 1:
        yield f"all sentences belong to one {predictions.by}: there is nothing to tell intervals from"
    elif groups < FEW_GROUPS:
        yield f"the sentences come from {groups} {unit} only: the intervals are too narrow"
