"""The `news` maps: fitted on whole annotated articles, each event's figures from maps fitted on the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
from scipy.special import expit
from sklearn.model_selection import GroupKFold

from bias.detector import Detector
from bias.evidence import FEATURES, contexts, evidence
from bias.scoring import find_terms, prediction_interval
from bias.training.calibration.fitting import expected_f1_threshold, fit_logistic, log_odds_of, with_own_intercept
from bias.training.data.basil import AnnotatedArticle
from bias.training.evaluation.measures import Array, evaluate
from bias.types import Prediction

NEWS_MEASURES = ("average_precision", "precision_at_recall_0.40", "auroc", "brier", "log_loss", "calibration_error")


@dataclass(frozen=True, slots=True)
class NewsRow:
    """One sentence of BASIL with what the model says of it and what its annotators say."""

    event: str
    article: int
    prediction: Prediction
    context: Mapping[str, float]
    written: int
    outlets_own: int


def read_news(detector: Detector, articles: Sequence[AnnotatedArticle]) -> list[NewsRow]:
    """The model's predictions for every sentence of annotated articles."""
    predictions = detector.predict(sentence for article in articles for sentence in article.sentences)
    rows = []
    for number, article in enumerate(articles):
        of_article = list(islice(predictions, len(article.sentences)))
        labels = zip(of_article, contexts(of_article), article.written, article.outlets_own, strict=True)
        rows += [NewsRow(article.event, number, *values) for values in labels]
    return rows


AS_GOOD = 0.01
"""Part of the highest expected F1 that a threshold may fall short of: where that hardly differs, more is flagged, since
who reads can pass over a flag, but not see what has none."""


LEAST = {"sentence": 0.2, "tone": 0.2}
"""Weights that these features have at least. Fitted freely the sentence gets none, since its most loaded word says
nearly the same; two witnesses are better than one, and it costs 0.003 of the average precision on BASIL (0.300). BASIL
is of news pages alone, so it holds hardly any difference of tone to learn from (it gives 0.06), where opinion pages are
told by their tone before all else. Of the weights of tone from 0.15 to 0.6 that were tried, 0.2 is the highest that
costs nothing there; the AUROC of opinion against news pages within an outlet rises from 0.85 to 0.91."""


def fit_news(rows: Sequence[NewsRow]) -> dict[str, Any]:
    """`news`: the two maps and their thresholds."""
    maps = _fit_news_maps(rows)
    written, outlet = news_probabilities(maps, rows)
    return {
        **maps,
        "thresholds": {
            "separate": expected_f1_threshold(outlet, AS_GOOD),
            "include": expected_f1_threshold(written, AS_GOOD),
        },
    }


def _fit_news_maps(rows: Sequence[NewsRow]) -> dict[str, dict[str, Any]]:
    """One map of all features for sentences as written; the same weights with their own intercept for the rest."""
    written = fit_logistic(_evidence(rows, "written"), np.array([row.written for row in rows]), FEATURES, least=LEAST)
    mixed = [row for row in rows if row.prediction.sentence.withheld and row.prediction.outlet is not None]
    own = np.array([row.outlets_own for row in mixed])
    if not own.any():  # no intercept would be low enough
        return {"written": written, "withheld": written}
    return {"written": written, "withheld": with_own_intercept(written, _evidence(mixed, "outlet"), own)}


def _evidence(rows: Sequence[NewsRow], which: Literal["written", "outlet"]) -> list[Mapping[str, float]]:
    return [evidence(getattr(row.prediction, which), find_terms(row.prediction.sentence), row.context) for row in rows]


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


def cross_fitted_news(rows: Sequence[NewsRow], folds: int = 5) -> dict[str, Any]:
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
