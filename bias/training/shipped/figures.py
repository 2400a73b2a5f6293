"""The figures of the model card: of the method out of fold, of the baselines, by slice, and of each precision."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.special import expit, logit
from tokenizers import Tokenizer

from bias.blinding import blind
from bias.detector import Detector
from bias.encoder import OnnxEncoder
from bias.modelfolder import TOKENIZER, WEIGHTS
from bias.training.calibration.calibrate import BALANCED
from bias.training.calibration.fitting import fit_logistic, log_odds_of, macro_f1_threshold
from bias.training.calibration.newsmap import cross_fitted_news, read_news
from bias.training.calibration.wordmaps import fit_spans, marked_words, word_probabilities
from bias.training.data.basil import AnnotatedArticle
from bias.training.data.examples import Example, as_sentence
from bias.training.evaluation.measures import (
    MEASURES,
    Array,
    Figure,
    bootstrap,
    evaluate,
    f1_of_counts,
    weighted_figures,
    word_counts,
)
from bias.training.evaluation.resampling import Resampling, Values
from bias.training.evaluation.slices import by_side, side_of
from bias.training.export import Precision, export_fp32, quantisation_change, quantise, sentence_logits
from bias.training.model import BiasModel
from bias.training.shipped.folds import OutOfFold

METHODS: Mapping[str, tuple[Callable[[OutOfFold], Mapping[str, float]], Sequence[str]]] = {
    "newsbias": (lambda row: row.written, BALANCED),
    "tfidf": (lambda row: {"sentence": float(logit(np.clip(row.tfidf, 1e-6, 1 - 1e-6)))}, ("sentence",)),
    "lexicon": (lambda row: {"sentence": float(logit(np.clip(row.lexicon, 1e-6, 1 - 1e-6)))}, ("sentence",)),
}
"""The evidence that each method gives, and the names in it that its map weighs."""

REPORTED = ("macro_f1", "mcc", "auroc", "average_precision", "brier", "log_loss", "calibration_error")
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8", "int8-static")


@dataclass(frozen=True, slots=True)
class Scored:
    """Cross-fitted probabilities of a method: map and threshold of each fold come from the other folds.

    Shape: (n,) each; `labels` and `flags` are 0 or 1.
    """

    labels: Array
    probabilities: Array
    thresholds: Array
    groups: tuple[str, ...]

    @property
    def flags(self) -> Array:
        """1 where the probability reaches its fold's threshold."""
        return (self.probabilities >= self.thresholds).astype(int)


def cross_fit(rows: Sequence[OutOfFold], method: str) -> Scored:
    """Probabilities under the balanced prior, each fold calibrated on the others."""
    features, names = METHODS[method]
    evidence = [features(row) for row in rows]
    labels = np.array([int(row.example.label or 0) for row in rows])
    folds = np.array([row.fold for row in rows])
    probabilities, thresholds = np.zeros(len(rows)), np.zeros(len(rows))
    for fold in np.unique(folds):
        others = folds != fold
        known = [found for found, other in zip(evidence, others, strict=True) if other]
        fitted = fit_logistic(known, labels[others], names, share=0.5)
        fold_probabilities = expit(log_odds_of(fitted, evidence))
        probabilities[~others] = fold_probabilities[~others]
        thresholds[~others] = macro_f1_threshold(fold_probabilities[others], labels[others])
    return Scored(labels, probabilities, thresholds, tuple(row.group for row in rows))


def sentence_figures(rows: Sequence[OutOfFold], method: str) -> dict[str, Figure]:
    """Each measure of a method, intervals clustered by article."""
    scored = cross_fit(rows, method)
    return evaluate(scored.labels, scored.probabilities, scored.thresholds, scored.groups, REPORTED)


def difference(rows: Sequence[OutOfFold], one: str, other: str, measure: str = "macro_f1") -> Figure:
    """How much higher the first method's figure is, by a paired bootstrap over articles."""
    a, b = cross_fit(rows, one), cross_fit(rows, other)

    def gap(weights: Array) -> Values:
        first, second = (weighted_figures(s.labels, s.probabilities, s.flags, weights) for s in (a, b))
        return {measure: first[measure] - second[measure]}

    return Resampling.of(a.groups).figures(gap)[measure]


def word_figures(rows: Sequence[OutOfFold]) -> dict[str, Figure]:
    """F1 of the loaded words against the annotators', on the biased sentences and on all, cross-fitted by fold."""
    known = [row for row in rows if row.example.spans is not None]
    counts = np.zeros((len(known), 3))
    for fold in {row.fold for row in known}:
        fitted = fit_spans([row for row in known if row.fold != fold])
        for i, row in enumerate(known):
            if row.fold == fold:
                counts[i] = _word_counts(row, fitted)
    biased = np.array([bool(row.example.label) for row in known])
    groups = np.array([row.group for row in known])
    return {
        "word_f1_biased": bootstrap(lambda chosen: f1_of_counts(counts[biased][chosen]), groups[biased].tolist()),
        "word_f1_all": bootstrap(lambda chosen: f1_of_counts(counts[chosen]), groups.tolist()),
    }


def _word_counts(row: OutOfFold, fitted: Mapping[str, Any]) -> tuple[int, int, int]:
    words = list(marked_words(row))
    if not words:
        return (0, 0, 0)
    predicted = word_probabilities(fitted, words) >= fitted["span_threshold"]
    return word_counts(predicted.tolist(), [word.marked for word in words])


def slices(rows: Sequence[OutOfFold]) -> dict[str, Figure]:
    """False alarms and recall on outlets of the left and of the right, and the gaps (left less right)."""
    scored = cross_fit(rows, "newsbias")
    sides = [side_of(row.example.leaning) for row in rows]
    return by_side(scored.labels, scored.flags, sides, Resampling.of(scored.groups))


def seed_figures(
    detector: Detector, examples: Sequence[Example], articles: Sequence[AnnotatedArticle]
) -> dict[str, float]:
    """Figures of a whole model that no calibration of it changes, to hold models of one recipe against each other.

    On sentences (`examples`, none trained on): AUROC, and macro-F1 at its best threshold. On whole articles, where
    each event is scored by maps fitted on the others: average precision and AUROC of the outlet's own words.
    """
    labels = np.array([int(example.label or 0) for example in examples])
    predictions = detector.predict(as_sentence(example.text) for example in examples)
    probabilities = expit(np.array([prediction.written.logit for prediction in predictions]))
    flags = (probabilities >= macro_f1_threshold(probabilities, labels)).astype(int)
    news = cross_fitted_news(read_news(detector, articles))["outlet"]
    return {
        "sentences_auroc": MEASURES["auroc"](labels, probabilities, flags),
        "sentences_macro_f1": MEASURES["macro_f1"](labels, probabilities, flags),
        "articles_average_precision": news["average_precision"].value,
        "articles_auroc": news["auroc"].value,
    }


def compare_precisions(model: BiasModel, folder: Path, examples: Sequence[Example]) -> dict[str, dict[str, float]]:
    """Accuracy, speed, size and invariance of each precision of a model on examples it was not trained on.

    `sentences_per_second` is of the engine as it ships (one sentence a call, one thread a processor) on this machine;
    `moved` is the largest change of a probability against fp32, `coupling` the largest when the order of the
    sentences and so their company changes.
    """
    texts = [blind(example.text).text if model.config.blind else example.text for example in examples]
    labels = np.array([example.label for example in examples])
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    samples = [encoding.ids for encoding in tokenizer.encode_batch(texts[:200])]
    table: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as scratch:
        exact = Path(scratch) / "exact.onnx"
        export_fp32(model, exact)
        reference: Array | None = None
        for precision in PRECISIONS:
            path = Path(scratch) / WEIGHTS
            quantise(exact, path, precision, samples)
            encoder = OnnxEncoder(path, folder / TOKENIZER, 256)
            begun = time.perf_counter()
            logits = sentence_logits(encoder, texts)
            seconds = time.perf_counter() - begun
            order = np.random.default_rng(0).permutation(len(texts))
            again = sentence_logits(encoder, [texts[i] for i in order])
            reference = logits if reference is None else reference
            change = quantisation_change(reference, logits, labels)
            table[precision] = {
                "macro_f1": change.quantised["macro_f1"],
                "auroc": change.quantised["auroc"],
                "megabytes": path.stat().st_size / 1e6,
                "sentences_per_second": len(texts) / seconds,
                "moved": change.moved,
                "moved_mean": change.moved_mean,
                "coupling": float(np.abs(expit(again) - expit(logits[order])).max()),
            }
    return table
