"""The calibration of a trained model: maps, thresholds and their errors, from development data alone.

The shipped model's are fitted on out-of-fold predictions of the method (Stone 1974, `fit_balanced`), those of any other
model on labelled sentences kept apart from its training (`calibrate_on`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from scipy.special import expit
from sklearn.model_selection import StratifiedGroupKFold

from bias.calibration import PRIORS, LogisticMap, PriorMap
from bias.detector import Detector
from bias.errors import DataError
from bias.modelfolder import ModelFolder, read_calibration
from bias.training.calibration.fitting import (
    apply_platt,
    as_map,
    development_curve,
    fit_intercept,
    fit_logistic,
    fit_scaling,
    log_odds_of,
    macro_f1_threshold,
    with_own_intercept,
)
from bias.training.calibration.thresholds import choose_threshold, parse_rule
from bias.training.calibration.wordmaps import FEWEST_WORDS, Read, fit_spans, fit_spans_if_known
from bias.training.data.examples import Example, article_groups, as_sentence, withhold
from bias.training.evaluation.measures import Array, Figure, bootstrap, calibration_error
from bias.training.folder import UNCALIBRATED, plain, update_manifest

Method = Literal["platt", "temperature"]
METHODS: tuple[Method, ...] = ("platt", "temperature")

BALANCED = ("sentence", "opinion", "word", "second_word")
"""The features of `balanced` (`bias.evidence.FEATURES`) where a whole cross-validation fits it.

Not the lexicon's terms, which were chosen with the same sentences in view.
"""

FEWEST = 40
"""Sentences of each label that a map of their own asks for; with fewer, the map of the sentences as written serves."""

EXPECTED = 100
"""Sentences that count for the expectation when a threshold is chosen."""

NEWS_SHARE = 0.05
"""The share of opinionated sentences in news reporting, where no annotated articles tell it for a model.

BASIL (Fan et al. 2019), whole articles of three outlets: 182 of the 3,246 sentences that the shipped model's `news` is
fitted on hold words marked as biased (5.6 %), 145 of them words of the outlet's own (4.5 %).
"""

RECORD = "calibrated"
"""The key of bias.json that tells how the model was calibrated: `balanced` is a `CalibrationReport`, `news` tells of
whole articles (`articles`, `sentences`, `figures`) or of a `share` that `balanced` was moved to."""

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Scored:
    """A development sentence with what the model says of it: a `Read`."""

    example: Example
    logit: float
    outlet_logit: float | None
    words: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """How far probabilities are from labels, at the share of opinionated sentences that the set has."""

    brier: Figure
    calibration_error: Figure


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """How a model was calibrated, and what that did.

    `before` takes the logits at face value; in `after` each article is scored by maps fitted on the others (five
    folds), so that both are of sentences that their maps do not know. None where there are too few articles or labels
    to part. `threshold` is that of `balanced`. `withheld` says whether sentences without their quotes got a map of
    their own. `marked_words` were there to fit the maps of the spans on; `spans` says where those are from:
    "development", "inherited" (of the model that training began from, or as they were), "none" (logits at face value).
    """

    method: Method
    rule: str
    sentences: int
    opinionated: float
    articles: int
    threshold: float
    before: Quality | None
    after: Quality | None
    withheld: bool
    marked_words: int
    spans: Literal["development", "inherited", "none"]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The report ready for `json.dumps`, as bias.json holds it."""
        result: dict[str, Any] = plain(self)
        return result


def calibrate_on(
    folder: Path,
    development: Sequence[Example],
    *,
    method: Method = "platt",
    rule: str = "macro-f1",
    base: ModelFolder | None = None,
) -> CalibrationReport:
    """Fit every map and threshold of a model folder on labelled sentences kept apart, and write them to its bias.json.

    `balanced` is Platt's map (1999) or a temperature (Guo et al. 2017) of the engine's logits, its threshold chosen by
    `rule` (see `bias.training.calibration.thresholds`); `news` is the same map moved to `NEWS_SHARE`, with the
    threshold of the highest expected F1 there. The weights that files have for training play no part.

    Args:
        base: the calibrated model that training began from; the maps of its spans serve where too few words are marked.

    Raises:
        DataError: no labelled sentences of both kinds, or no threshold as the rule wants it.
        UsageError: there is no such rule.
    """
    parse_rule(rule)
    values, report = fit_development(read_development(Detector(folder), development), method, rule, base)
    record = {"balanced": report.to_dict(), "news": {"share": NEWS_SHARE}}
    update_manifest(folder, calibration=checked(values), **{RECORD: record})
    return report


def read_development(detector: Detector, examples: Sequence[Example]) -> list[Scored]:
    """What the model says of every labelled example, as a stand-alone sentence."""
    labelled = [example for example in examples if example.label is not None]
    predictions = detector.predict(as_sentence(example.text) for example in labelled)
    return [
        Scored(
            example=example,
            logit=prediction.written.logit,
            outlet_logit=prediction.outlet.logit if prediction.outlet else None,
            words=tuple((word.start, word.end, word.logit) for word in prediction.written.words),
        )
        for example, prediction in zip(labelled, predictions, strict=True)
    ]


def fit_development(
    rows: Sequence[Scored], method: Method, rule: str, base: ModelFolder | None
) -> tuple[dict[str, Any], CalibrationReport]:
    """The calibration, as bias.json holds it, and its report; see `calibrate_on`."""
    logits = np.array([row.logit for row in rows], dtype=float)
    labels = np.array([row.example.label for row in rows], dtype=float)
    _check_labels(labels)
    written = fit_scaling(logits, labels, share=0.5, intercept=method == "platt")
    threshold = choose_threshold(apply_platt(written, logits), _smoothed(logits, labels, method), parse_rule(rule))
    withheld = written if method == "temperature" else _fit_withheld(rows, written)
    spans, marked = fit_spans_if_known(rows)
    inherited = _spans_of(base.manifest["calibration"]) if base else None
    values = {
        "balanced": {
            "written": as_map(written),
            "withheld": as_map(withheld),
            "thresholds": {"separate": threshold, "include": threshold},
        },
        "curve": development_curve(written["slope"] * logits + written["intercept"], labels),
        **(spans or inherited or _spans_of(UNCALIBRATED)),
    }
    groups = article_groups([row.example for row in rows])
    before, after = cross_fitted(logits, labels, groups, method)
    notes = []
    if written["slope"] <= 0:
        notes.append("the model ranks these sentences no better than chance: all get one probability")
    if after is None:
        notes.append("too few articles or labels to measure the calibration on others than it was fitted on")
    if spans is None:
        notes.append(f"{marked} marked words are too few for the maps of spans, which ask for {FEWEST_WORDS}")
    report = CalibrationReport(
        method=method,
        rule=str(parse_rule(rule)),
        sentences=len(rows),
        opinionated=float(labels.sum()),
        articles=len(set(groups)),
        threshold=threshold,
        before=before,
        after=after,
        withheld=withheld is not written,
        marked_words=marked,
        spans="development" if spans else "inherited" if inherited else "none",
        notes=tuple(notes),
    )
    return {**values, "news": moved(values, NEWS_SHARE)}, report


def _smoothed(logits: Array, labels: Array, method: Method) -> Array:
    """The labels, drawn to what the set's own map expects as if `EXPECTED` more sentences had gone just as expected.

    Of a few dozen sentences a single one decides which threshold is best; of thousands this changes next to nothing.
    """
    expected = apply_platt(fit_scaling(logits, labels, intercept=method == "platt"), logits)
    return np.asarray((len(labels) * labels + EXPECTED * expected) / (len(labels) + EXPECTED))


def _check_labels(labels: Array) -> None:
    counts = {"opinionated": int((labels >= 0.5).sum()), "neutral": int((labels < 0.5).sum())}
    if not min(counts.values()):
        found = " and ".join(f"{count} {name}" for name, count in counts.items())
        raise DataError(f"calibration needs sentences of both labels, and has {found}: add some of the other kind")


def _spans_of(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in ("token", "term", "technique", "span_threshold")}


def moved(values: Mapping[str, Any], share: float) -> dict[str, Any]:
    """The `balanced` maps of a calibration moved to a share of opinionated sentences, as a number for a prior does."""
    found = read_calibration({**values, "news": values["balanced"]}).prior(str(share))
    return _prior_values(found)


def _prior_values(prior: PriorMap) -> dict[str, Any]:
    def plain(found: LogisticMap) -> dict[str, Any]:
        return {"weights": dict(found.weights), "intercept": found.intercept}

    return {
        "written": plain(prior.written),
        "withheld": plain(prior.withheld),
        "thresholds": {mode: float(cut) for mode, cut in prior.thresholds.items()},
    }


def cross_fitted(
    logits: Array, labels: Array, groups: Sequence[str], method: Method
) -> tuple[Quality | None, Quality | None]:
    """Brier score and calibration error of the logits at face value, and of maps fitted on other articles.

    Probabilities are those for the set's own share of opinionated sentences. Shape: (n,) each.
    """
    hard = (labels >= 0.5).astype(int)
    parts = min(FOLDS, len(set(groups)), int(hard.sum()), int((1 - hard).sum()))
    if parts < 2:
        return None, None
    fitted = np.zeros(len(labels))
    for train, held in StratifiedGroupKFold(parts, shuffle=True, random_state=0).split(logits, hard, groups):
        if len(set(hard[train])) < 2:
            return None, None
        found = fit_scaling(logits[train], labels[train], intercept=method == "platt")
        fitted[held] = apply_platt(found, logits[held])
    plain = apply_platt({"slope": 1.0, "intercept": 0.0}, logits)
    return _quality(labels, plain, groups), _quality(labels, fitted, groups)


def _quality(labels: Array, probabilities: Array, groups: Sequence[str]) -> Quality:
    def of(measure: Callable[[Array, Array], float]) -> Figure:
        return bootstrap(lambda rows: measure(labels[rows], probabilities[rows]), groups)

    return Quality(of(lambda y, p: float(np.mean((y - p) ** 2))), of(calibration_error))


class ReadWhole(Read, Protocol):
    """A `Read` with all evidence for the sentence as written, and with its quotes withheld where it has any."""

    @property
    def written(self) -> Mapping[str, float]:
        """Features by name (`bias.evidence`)."""

    @property
    def outlet(self) -> Mapping[str, float] | None:
        """The same of the sentence with its quotes withheld; None where that is not read."""


def fit_balanced(rows: Sequence[ReadWhole]) -> dict[str, Any]:
    """`balanced`, its thresholds, the development curve, the token map and the thresholds of the spans, out of fold."""
    labels = np.array([row.example.label for row in rows])
    written = fit_logistic([row.written for row in rows], labels, BALANCED, share=0.5)
    log_odds = log_odds_of(written, [row.written for row in rows])
    threshold = macro_f1_threshold(expit(log_odds), labels)
    known = [(row.outlet, withhold(row.example)[1:]) for row in rows]
    pairs = [(outlet, second[0].label) for outlet, second in known if outlet is not None and second]
    own = np.array([label for _, label in pairs])
    fits = min((own < 0.5).sum(), (own >= 0.5).sum()) >= FEWEST
    return {
        "balanced": {
            "written": written,
            "withheld": with_own_intercept(written, [outlet for outlet, _ in pairs], own) if fits else written,
            "thresholds": {"separate": threshold, "include": threshold},
        },
        "curve": development_curve(log_odds, labels),
        **fit_spans(rows),
    }


def _fit_withheld(rows: Sequence[Read], written: dict[str, float]) -> dict[str, float]:
    known = [(row.outlet_logit, withhold(row.example)[1:]) for row in rows]
    pairs = [(logit, second[0].label) for logit, second in known if logit is not None and second]
    logits, labels = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    if min((labels < 0.5).sum(), (labels >= 0.5).sum()) < FEWEST:
        return written
    return fit_intercept(logits, labels, written["slope"])


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """The calibration, once it reads back as bias.json's reader wants it."""
    calibration = read_calibration(values)
    for prior in PRIORS:
        calibration.prior(prior)
    return values
