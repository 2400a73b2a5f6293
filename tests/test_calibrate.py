"""Maps and thresholds from labelled sentences, few or many, against scikit-learn, by hand and on a tiny model."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from taught import sentences, write_taught_folder

from bias.calibration import Calibration
from bias.detector import Detector
from bias.errors import DataError, UsageError
from bias.modelfolder import open_model, read_calibration
from bias.training.calibration.calibrate import (
    NEWS_SHARE,
    RECORD,
    Scored,
    calibrate_on,
    cross_fitted,
    fit_development,
    read_development,
)
from bias.training.calibration.fitting import development_curve, fit_scaling
from bias.training.calibration.thresholds import Rule, choose_threshold, parse_rule
from bias.training.calibration.wordmaps import FEWEST_WORDS, fit_spans_if_known
from bias.training.data.examples import Example
from bias.training.folder import UNCALIBRATED, update_manifest

GENERATOR = np.random.default_rng(11)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that knows two loaded words; read only."""
    return write_taught_folder(tmp_path_factory.mktemp("taught"))


@pytest.fixture
def folder(taught: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(taught, tmp_path / "model"))


def scored(logits: Sequence[float], labels: Sequence[float], articles: int = 50) -> list[Scored]:
    """Sentences with these logits; no two are alike."""
    return [
        Scored(Example(f"w{i}a w{i}b w{i}c w{i}d.", "t", label=y, group=f"g{i % articles}"), x, x, ())
        for i, (x, y) in enumerate(zip(logits, labels, strict=True))
    ]


# The map of sentences


def test_with_many_sentences_the_map_is_maximum_likelihood() -> None:
    logits = GENERATOR.normal(size=20_000) * 3
    labels = (GENERATOR.random(20_000) < expit(0.6 * logits - 1.0)).astype(float)
    plain = LogisticRegression(C=1e6).fit(logits[:, None], labels)
    found = fit_scaling(logits, labels)
    assert found["slope"] == pytest.approx(plain.coef_[0, 0], abs=2e-3)
    assert found["intercept"] == pytest.approx(plain.intercept_[0], abs=2e-3)
    even = LogisticRegression(C=1e6, class_weight="balanced").fit(logits[:, None], labels)
    assert fit_scaling(logits, labels, share=0.5)["intercept"] == pytest.approx(even.intercept_[0], abs=2e-3)


def test_temperature_has_no_intercept_and_finds_the_slope() -> None:
    logits = GENERATOR.normal(size=20_000) * 3
    labels = (GENERATOR.random(20_000) < expit(0.4 * logits)).astype(float)
    found = fit_scaling(logits, labels, intercept=False)
    assert found["intercept"] == 0.0
    assert found["slope"] == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("size", [5.0, 40.0, 0.01])
@pytest.mark.parametrize("intercept", [True, False])
def test_twenty_separable_sentences_give_a_sane_map(size: float, intercept: bool) -> None:
    logits = np.repeat([-size, size], 10)
    labels = np.repeat([0.0, 1.0], 10)
    found = fit_scaling(logits, labels, share=0.5, intercept=intercept)
    assert 0 < found["slope"] < 1.5
    # Platt's smoothed targets: of 10 sentences without a fault, 11 of 12 are believed.
    assert expit(found["slope"] * size + found["intercept"]) <= 11 / 12 + 0.01


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-30, 30), st.floats(0, 1)), min_size=1, max_size=30),
    st.sampled_from([None, 0.05, 0.5]),
    st.booleans(),
)
def test_no_set_makes_the_map_blow_up(rows: list[tuple[float, float]], share: float | None, intercept: bool) -> None:
    logits = np.array([x for x, _ in rows] + [0.5, -0.5])
    labels = np.array([y for _, y in rows] + [1.0, 0.0])
    found = fit_scaling(logits, labels, share, intercept)
    assert 0 <= found["slope"] < 10
    assert math.isfinite(found["intercept"])


def test_a_soft_label_counts_as_a_part_of_each() -> None:
    logits = GENERATOR.normal(size=400)
    soft = np.repeat(0.75, 400)
    four = np.tile(logits, 4)
    hard = np.concatenate([np.ones(1200), np.zeros(400)])
    # Four votes weigh four times as much as one sentence against the prior of the slope, and in Platt's smoothing.
    assert fit_scaling(logits, soft)["intercept"] == pytest.approx(fit_scaling(four, hard)["intercept"], abs=0.03)
    assert fit_scaling(logits, soft)["slope"] == pytest.approx(fit_scaling(four, hard)["slope"], abs=0.03)
    curve = development_curve(logits, soft)
    assert curve["true_positive_rate"] == curve["false_positive_rate"]


# Rules for the threshold


@pytest.mark.parametrize("text", ["macro-f1", "f1", "0.5", "0.37", "precision=0.9", "recall=0.75"])
def test_rules_read_as_they_are_written(text: str) -> None:
    assert str(parse_rule(text)) == text


@pytest.mark.parametrize("text", ["", "f2", "precision", "precision=", "recall=1.5", "0", "1", "nan", "f1=0.5", "=0.5"])
def test_a_rule_that_is_none_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="macro-f1, f1, precision=P"):
        parse_rule(text)


def test_the_rules_choose_what_they_say() -> None:
    p = GENERATOR.random(300).round(2)
    y = (GENERATOR.random(300) < p).astype(float)
    cuts = np.unique(np.concatenate([p, [0.0]]))
    for name, average in (("f1", "binary"), ("macro-f1", "macro")):
        best = max(f1_score(y, p >= cut, average=average, zero_division=0) for cut in cuts)
        assert f1_score(y, p >= choose_threshold(p, y, parse_rule(name)), average=average) == pytest.approx(best)

    def precision(cut: float) -> float:
        return float(y[p >= cut].mean()) if (p >= cut).any() else 0.0

    chosen = choose_threshold(p, y, Rule("precision", 0.8))
    assert precision(chosen) >= 0.8
    assert all(precision(cut) < 0.8 for cut in cuts if cut < chosen)
    chosen = choose_threshold(p, y, Rule("recall", 0.8))
    assert y[p >= chosen].sum() / y.sum() >= 0.8
    fewer = [cut for cut in cuts if (p >= cut).sum() < (p >= chosen).sum()]
    assert all(y[p >= cut].sum() / y.sum() < 0.8 for cut in fewer)
    assert choose_threshold(p, y, Rule("fixed", 0.4)) == 0.4


def test_a_precision_out_of_reach_is_told_with_the_best_there_is() -> None:
    with pytest.raises(DataError, match=r"precision of 0\.9 on these 4 sentences: the highest is 0\.667"):
        choose_threshold(np.array([0.9, 0.8, 0.7, 0.1]), np.array([0.0, 1.0, 1.0, 0.0]), Rule("precision", 0.9))


def test_between_two_kinds_the_threshold_lies_in_the_middle() -> None:
    p, y = np.array([0.1, 0.2, 0.6, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])
    assert choose_threshold(p, y, Rule("macro-f1")) == pytest.approx(0.4)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20),
    st.sampled_from(["macro-f1", "f1", "recall=0.5"]),
)
def test_a_threshold_is_a_probability_that_flags_something(rows: list[tuple[float, float]], rule: str) -> None:
    p = np.array([p for p, _ in rows] + [0.5])
    y = np.array([y for _, y in rows] + [1.0])
    chosen = choose_threshold(p, y, parse_rule(rule))
    assert 0 <= chosen <= 1
    assert (p >= chosen).any()


# The whole calibration


def test_news_is_balanced_moved_as_a_number_for_a_prior_moves_it() -> None:
    logits = GENERATOR.normal(size=300) * 2
    labels = (GENERATOR.random(300) < expit(logits)).astype(float)
    values, report = fit_development(scored(logits.tolist(), labels.tolist()), "platt", "macro-f1", None)
    calibration = read_calibration(values)
    assert calibration.news == calibration.prior(str(NEWS_SHARE))
    assert calibration.news.thresholds["separate"] == calibration.curve.best_threshold(NEWS_SHARE)
    assert calibration.balanced.thresholds == {"separate": report.threshold, "include": report.threshold}
    assert values["token"] == UNCALIBRATED["token"]
    assert (report.spans, report.marked_words, report.withheld) == ("none", 0, False)
    assert any("marked words are too few" in text for text in report.notes)


def test_the_error_falls_and_is_measured_on_other_articles() -> None:
    truth = GENERATOR.normal(size=600)
    labels = (GENERATOR.random(600) < expit(truth)).astype(float)
    _, report = fit_development(scored((6 * truth + 3).tolist(), labels.tolist()), "platt", "0.5", None)
    assert report.before is not None
    assert report.after is not None
    assert report.after.brier.high < report.before.brier.low
    assert report.after.calibration_error.value < 0.07 < report.before.calibration_error.value
    # Each article has the mean of its labels as logit: known in sample, worthless on others.
    groups = [f"g{i // 2}" for i in range(60)]
    coins = GENERATOR.integers(0, 2, 60).astype(float)
    _, after = cross_fitted(np.zeros(60), coins, groups, "platt")
    assert after is not None
    assert after.brier.value == pytest.approx(0.25, abs=0.02)


def test_with_one_article_nothing_is_claimed() -> None:
    _, report = fit_development(scored([-1.0, 1.0] * 10, [0.0, 1.0] * 10, articles=1), "platt", "macro-f1", None)
    assert (report.before, report.after) == (None, None)
    assert any("too few articles" in text for text in report.notes)
    assert json.dumps(report.to_dict())


def test_a_model_that_ranks_backwards_is_told() -> None:
    values, report = fit_development(scored([2.0, -2.0] * 20, [0.0, 1.0] * 20), "platt", "macro-f1", None)
    assert values["balanced"]["written"]["weights"]["sentence"] == 0.0
    assert any("no better than chance" in text for text in report.notes)
    read_calibration(values)


@pytest.mark.parametrize(
    ("labels", "found"),
    [([1.0] * 5, "5 opinionated and 0 neutral"), ([0.2, 0.0], "0 opinionated and 2 neutral"), ([], "0 op")],
)
def test_one_kind_of_label_alone_is_refused(labels: list[float], found: str) -> None:
    with pytest.raises(DataError, match=found):
        fit_development(scored([0.0] * len(labels), labels), "platt", "macro-f1", None)


def test_enough_marked_words_give_maps_of_their_own() -> None:
    def read(i: int) -> Scored:
        text, marked = f"plain{i} vile word here", i % 2 == 0
        at = text.index("vile")
        words = ((0, at - 1, -3.0), (at, at + 4, 2.0 * marked))
        example = Example(text, "t", label=float(marked), spans=((at, at + 4),) * marked)
        return Scored(example, 1.0 if marked else -1.0, None, words)

    few = [read(i) for i in range(2 * FEWEST_WORDS - 2)]
    assert fit_spans_if_known(few) == (None, FEWEST_WORDS - 1)
    maps, marked = fit_spans_if_known([*few, read(0), read(2)])
    assert marked == FEWEST_WORDS + 1
    assert maps is not None
    assert maps["token"]["slope"] > 0
    assert 0 < maps["span_threshold"] < 1


def test_quotes_withheld_have_their_own_map_where_enough_is_known() -> None:
    def quoted(i: int) -> Scored:
        outside, inside = (
            f'The vile mayor {i} said it was "costly".',
            f'Mayor {i} said it was "vile {i}".',
        )
        text = outside if i % 2 else inside
        start = text.index("vile")
        example = Example(text, "t", label=1.0, spans=((start, start + 4),), group=str(i))
        return Scored(example, 2.0, 1.0 if i % 2 else -1.0, ())

    neutral = scored([-2.0] * 100, [0.0] * 100)
    values, report = fit_development([*map(quoted, range(100)), *neutral], "platt", "macro-f1", None)
    assert report.withheld
    assert values["balanced"]["withheld"]["intercept"] != values["balanced"]["written"]["intercept"]
    _, report = fit_development([*map(quoted, range(60)), *neutral], "platt", "macro-f1", None)
    assert not report.withheld


def test_a_folder_is_calibrated_and_says_how(folder: Path) -> None:
    report = calibrate_on(folder, [*sentences(240, 1000), Example("not labelled", "t")])
    assert (report.sentences, report.opinionated) == (240, 120.0)
    assert 10 < report.articles <= 120  # two sentences each, those of nearly the same words joined
    assert report.spans == "development"
    assert report.after is not None
    opened = open_model(folder)
    assert opened.manifest[RECORD]["balanced"] == json.loads(json.dumps(report.to_dict()))
    assert opened.manifest[RECORD]["news"] == {"share": NEWS_SHARE}
    assert opened.calibration.balanced.thresholds["include"] == report.threshold
    rows = read_development(Detector(folder), sentences(40, 3000))
    flagged = [opened.calibration.balanced.written({"sentence": row.logit}) >= report.threshold for row in rows]
    right = [hit == (row.example.label == 1) for hit, row in zip(flagged, rows, strict=True)]
    assert np.mean(right) > 0.8  # one in ten labels is wrong on purpose
    again = calibrate_on(folder, sentences(240, 1000))
    assert again == report


def test_too_few_marked_words_leave_the_spans_of_the_start(folder: Path, tmp_path: Path) -> None:
    start = Path(shutil.copytree(folder, tmp_path / "start"))
    calibrate_on(start, sentences(240, 1000))
    unmarked = [replace(example, spans=None) for example in sentences(80, 1000)]
    report = calibrate_on(folder, unmarked, method="temperature", rule="recall=0.9", base=open_model(start))
    assert (report.spans, report.marked_words, report.rule) == ("inherited", 0, "recall=0.9")
    found, of_start = open_model(folder).calibration, open_model(start).calibration

    def spans(calibration: Calibration) -> tuple[object, ...]:
        return calibration.token, calibration.term, calibration.span_threshold

    assert spans(found) == spans(of_start)
    assert found.balanced.written.intercept == 0.0
    assert found.balanced.withheld == found.balanced.written


def test_a_bad_rule_or_bad_labels_change_nothing(folder: Path) -> None:
    before = (folder / "bias.json").read_bytes()
    with pytest.raises(UsageError):
        calibrate_on(folder, sentences(40), rule="best")
    with pytest.raises(DataError):
        calibrate_on(folder, [example for example in sentences(40) if example.label == 1])
    assert (folder / "bias.json").read_bytes() == before


def test_digests_stay_when_the_manifest_changes(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"changed")
    files = open_model(folder).manifest["files"]
    update_manifest(folder, version="2")
    assert open_model(folder).manifest["files"] == files
