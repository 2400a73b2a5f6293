"""The calibration of a trained model: maps, thresholds and their errors, from development data alone.

`balanced`, the token head and the spans are fitted on out-of-fold predictions of the method (Stone 1974), so that no
sentence was seen by the model that scored it. `news` is fitted on BASIL, which the model is not trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import expit
from sklearn.model_selection import GroupKFold

from bias.calibration import PRIORS
from bias.detector import Detector
from bias.evidence import FEATURES, evidence
from bias.lexicon import default_lexicon
from bias.modelfolder import read_calibration
from bias.scoring import find_terms, prediction_interval
from bias.training.basil import AnnotatedArticle
from bias.training.evaluation import Array, Figure, evaluate
from bias.training.examples import withhold
from bias.training.fitting import (
    apply_platt,
    as_map,
    best_f1_threshold,
    development_curve,
    expected_f1_threshold,
    fit_intercept,
    fit_logistic,
    fit_platt,
    log_odds_of,
    macro_f1_threshold,
)
from bias.training.folds import OutOfFold
from bias.types import Prediction

FEWEST = 40
"""Sentences of each label that a map of their own asks for; with fewer, the map of the sentences as written serves."""

NEWS_MEASURES = ("average_precision", "precision_at_recall_0.40", "auroc", "brier", "log_loss", "calibration_error")


@dataclass(frozen=True, slots=True)
class NewsRow:
    """One sentence of BASIL with what the model says of it and what its annotators say."""

    event: str
    article: int
    prediction: Prediction
    written: int
    outlets_own: int


def fit_balanced(rows: Sequence[OutOfFold]) -> dict[str, Any]:
    """`balanced`, its thresholds, the development curve, the token map and the thresholds of the spans."""
    babe = [row for row in rows if row.example.source == "babe"]
    logits = np.array([row.logit for row in babe])
    labels = np.array([row.example.label for row in babe])
    written = fit_platt(logits, labels, share=0.5)
    threshold = macro_f1_threshold(apply_platt(written, logits), labels)
    return {
        "balanced": {
            "written": as_map(written),
            "withheld": as_map(_fit_withheld(rows, written)),
            "thresholds": {"separate": threshold, "include": threshold},
        },
        "curve": development_curve(written["slope"] * logits + written["intercept"], labels),
        **fit_spans(babe),
    }


def _fit_withheld(rows: Sequence[OutOfFold], written: dict[str, float]) -> dict[str, float]:
    known = [(row.outlet_logit, withhold(row.example)[1:]) for row in rows]
    pairs = [(logit, second[0].label) for logit, second in known if logit is not None and second]
    logits, labels = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    if min((labels == 0).sum(), (labels == 1).sum()) < FEWEST:
        return written
    return fit_intercept(logits, labels, written["slope"])


def fit_spans(rows: Iterable[OutOfFold]) -> dict[str, Any]:
    """The maps of words and of the lexicon's terms, and the threshold with the best F1 of words."""
    words = [word for row in rows for word in marked_words(row)]
    marked = np.array([word.marked for word in words])
    known = np.array([word.term is not None for word in words])
    terms = [word.term for word in words if word.term is not None]
    token = fit_platt(np.array([word.logit for word in words]), marked.astype(float))
    term = fit_logistic(terms, marked[known].astype(float), ("word", "sentence"))
    maps = {"token": token, "term": term}
    probabilities = word_probabilities(maps, words)
    threshold = best_f1_threshold(probabilities, marked)
    return {**maps, "technique": {"slope": 1.0, "intercept": 0.0}, "span_threshold": threshold}


@dataclass(frozen=True, slots=True)
class MarkedWord:
    """A word's logit, whether annotators marked it, and the evidence for its term where the lexicon knows one."""

    logit: float
    marked: bool
    term: Mapping[str, float] | None


def marked_words(row: OutOfFold) -> Iterator[MarkedWord]:
    """The words of a sentence whose annotators' words are known."""
    spans = row.example.spans
    if spans is None:
        return
    hits = default_lexicon().find(row.example.text)
    for start, end, logit in row.words:
        hit = next((hit for hit in hits if hit.start < end and start < hit.end), None)
        term = None
        if hit is not None:
            strongest = max(value for a, b, value in row.words if hit.start < b and a < hit.end)
            term = {"word": strongest, "sentence": row.logit}
        yield MarkedWord(logit, any(a < end and start < b for a, b in spans), term)


def word_probabilities(maps: Mapping[str, Any], words: Sequence[MarkedWord]) -> Array:
    """The probability that a word is loaded, as scoring has it. Shape: (words,)."""
    result = apply_platt(maps["token"], np.array([word.logit for word in words]))
    known = [i for i, word in enumerate(words) if word.term is not None]
    if known:
        terms = [word.term for word in words if word.term is not None]
        result[known] = expit(log_odds_of(maps["term"], terms))
    return result


def read_news(detector: Detector, articles: Sequence[AnnotatedArticle]) -> list[NewsRow]:
    """The model's predictions for every sentence of annotated articles."""
    predictions = detector.predict(sentence for article in articles for sentence in article.sentences)
    return [
        NewsRow(article.event, number, next(predictions), written, own)
        for number, article in enumerate(articles)
        for written, own in zip(article.written, article.outlets_own, strict=True)
    ]


def fit_news(rows: Sequence[NewsRow]) -> dict[str, Any]:
    """`news`: the two maps and their thresholds."""
    maps = _fit_news_maps(rows)
    written, outlet = news_probabilities(maps, rows)
    return {
        **maps,
        "thresholds": {"separate": expected_f1_threshold(outlet), "include": expected_f1_threshold(written)},
    }


def _fit_news_maps(rows: Sequence[NewsRow]) -> dict[str, dict[str, Any]]:
    """One map of all features for sentences as written; the same weights with their own intercept for the rest."""
    written = fit_logistic(_evidence(rows, "written"), np.array([row.written for row in rows]), FEATURES)
    mixed = [row for row in rows if row.prediction.sentence.withheld and row.prediction.outlet is not None]
    log_odds = log_odds_of({**written, "intercept": 0.0}, _evidence(mixed, "outlet"))
    shift = fit_intercept(log_odds, np.array([row.outlets_own for row in mixed]), slope=1.0)
    return {"written": written, "withheld": {**written, "intercept": shift["intercept"]}}


def _evidence(rows: Sequence[NewsRow], which: Literal["written", "outlet"]) -> list[Mapping[str, float]]:
    readings = [(getattr(row.prediction, which), find_terms(row.prediction.sentence)) for row in rows]
    return [evidence(reading, hits) for reading, hits in readings]


def news_probabilities(maps: Mapping[str, dict[str, Any]], rows: Sequence[NewsRow]) -> tuple[Array, Array]:
    """(probability, outlet_probability) of each sentence. Shape: (n,) each."""
    written = expit(log_odds_of(maps["written"], _evidence(rows, "written")))
    outlet = written.copy()
    for i, row in enumerate(rows):
        if row.prediction.outlet is None:
            outlet[i] = 0.0
        elif row.prediction.sentence.withheld:
            outlet[i] = expit(log_odds_of(maps["withheld"], _evidence([row], "outlet")))[0]
    return written, outlet


def cross_fitted_news(rows: Sequence[NewsRow], folds: int = 5) -> dict[str, dict[str, Figure] | float]:
    """Figures of `news` where each event is scored by maps fitted on the others, and the coverage of the intervals."""
    events = [row.event for row in rows]
    written, outlet, cuts = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros((2, len(rows)))
    for train, held in GroupKFold(folds, shuffle=True, random_state=0).split(rows, groups=events):
        fitted = fit_news([rows[i] for i in train])
        written[held], outlet[held] = news_probabilities(fitted, [rows[i] for i in held])
        cuts[0, held], cuts[1, held] = fitted["thresholds"]["include"], fitted["thresholds"]["separate"]
    y_written, y_outlet = np.array([r.written for r in rows]), np.array([r.outlets_own for r in rows])
    names = (*NEWS_MEASURES, "precision", "recall")
    return {
        "written_figures": evaluate(y_written, written, cuts[0], events, names),
        "outlet": evaluate(y_outlet, outlet, cuts[1], events, names),
        "coverage": _coverage(rows, outlet),
    }


def _coverage(rows: Sequence[NewsRow], outlet: Array) -> float:
    """The share of articles whose annotated share of opinionated sentences lies within the 95 % interval."""
    inside = []
    for article in {row.article for row in rows}:
        counted = [i for i, row in enumerate(rows) if row.article == article and row.prediction.sentence.counted]
        if counted:
            low, high = prediction_interval(outlet[counted], [rows[i].prediction.sentence.paragraph for i in counted])
            share = 100 * float(np.mean([rows[i].outlets_own for i in counted]))
            inside.append(low - 1e-9 <= share <= high + 1e-9)
    return float(np.mean(inside))


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """The calibration, once it reads back as bias.json's reader wants it."""
    calibration = read_calibration(values)
    for prior in PRIORS:
        calibration.prior(prior)
    return values
