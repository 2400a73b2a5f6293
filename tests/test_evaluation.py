from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import example, given_predictions
from scipy.stats import binomtest
from sklearn import metrics

from bias.detector import Detector
from bias.errors import DataError, UsageError
from bias.scoring import sentence_result
from bias.training.data.examples import Example, as_sentence, find_words
from bias.training.evaluation.measures import (
    MEASURES,
    calibration_error,
    cluster_draws,
    count_figures,
    evaluate,
    outcomes,
    span_figures,
    weighted_figures,
)
from bias.training.evaluation.measuring import FIGURES, measure, outlets_label, predict
from bias.training.evaluation.resampling import Figure, Resampling, without_exception
from bias.training.evaluation.slices import FEWEST, by_side, side_of, slice_rows
from bias.training.evaluation.spans import span_counts

# Figures against scikit-learn


@st.composite
def drawn_samples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities with ties, decisions and weights of 12 to 40 sentences."""
    n = draw(st.integers(12, 40))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    labels = generator.integers(0, 2, n)
    probabilities = np.round(generator.random(n), draw(st.sampled_from([1, 2, 8])))
    flags = (probabilities >= draw(st.floats(0, 1))).astype(int)
    return labels, probabilities, flags, generator.integers(0, 4, (3, n)).astype(float)


@settings(max_examples=40, deadline=None)
@given(drawn_samples())
def test_figures_of_weighted_sentences_are_scikit_learns(
    sample: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, probabilities, flags, weights = sample
    found = weighted_figures(labels, probabilities, flags, weights)
    for draw, row in enumerate(weights.astype(int)):
        y, p, f = (np.repeat(values, row) for values in (labels, probabilities, flags))
        if not 0 < y.sum() < len(y):
            assert all(math.isnan(found[name][draw]) for name in ("macro_f1", "mcc", "auroc"))
            continue
        for name in ("macro_f1", "mcc", "auroc", "average_precision", "brier", "log_loss", "recall"):
            assert found[name][draw] == pytest.approx(MEASURES[name](y, p, f), abs=1e-12), name
        if f.any():
            assert found["precision"][draw] == pytest.approx(metrics.precision_score(y, f))
        else:
            assert math.isnan(found["precision"][draw])
        reached = MEASURES["precision_at_recall_0.40"](y, p, f)
        assert found["precision_at_recall_0.40"][draw] == pytest.approx(reached)


@settings(max_examples=40, deadline=None)
@given(st.integers(10, 60), st.integers(0, 10_000))
def test_the_calibration_error_of_a_sample_is_that_of_its_sentences(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels, probabilities = generator.integers(0, 2, n), generator.random(n)
    weights = generator.multinomial(n, np.full(n, 1 / n), size=3).astype(float)
    found = weighted_figures(labels, probabilities, labels, weights)["calibration_error"]
    for draw, row in enumerate(weights.astype(int)):
        y, p = np.repeat(labels, row), np.repeat(probabilities, row)
        assert found[draw] == pytest.approx(calibration_error(y, p), abs=1e-12)


def test_decisions_are_counted_as_scikit_learn_does() -> None:
    generator = np.random.default_rng(1)
    labels, flags = generator.integers(0, 2, 80), generator.integers(0, 2, 80)
    counts = outcomes(labels, flags).sum(axis=0)
    assert counts.tolist() == metrics.confusion_matrix(labels, flags).ravel().tolist()
    found = count_figures(counts[None])
    assert found["false_alarms"][0] == pytest.approx(1 - metrics.recall_score(labels, flags, pos_label=0))
    assert found["accuracy"][0] == pytest.approx(metrics.accuracy_score(labels, flags))


def test_figures_that_are_not_defined_are_nan_and_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        only = weighted_figures(np.ones(12), np.full(12, 0.3), np.zeros(12, int), np.ones((1, 12)))
        none = span_figures(np.zeros((1, 3)))
    undefined = {name for name, value in only.items() if np.isnan(value[0])}
    assert undefined == {"macro_f1", "mcc", "auroc", "precision"}
    assert all(np.isnan(value[0]) for value in none.values())


# Intervals


def test_samples_are_of_whole_groups_and_always_the_same() -> None:
    groups = ["a", "b", "a", "c", "b", "b"]
    weights = np.concatenate(list(Resampling.of(groups, 40, seed=3).weights()))
    counted = [np.bincount(rows, minlength=6) for rows in cluster_draws(groups, 40, seed=3)]
    assert np.array_equal(weights, counted)
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert not np.array_equal(weights[:, 0], weights[:, 3])


def test_intervals_are_those_of_figures_computed_one_sample_at_a_time() -> None:
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 2, 90)
    probabilities = np.clip(0.3 * labels + 0.7 * generator.random(90), 0, 1)
    groups = [str(i // 3) for i in range(90)]
    found = evaluate(labels, probabilities, 0.5, groups)
    flags = (probabilities >= 0.5).astype(int)
    for name in ("macro_f1", "calibration_error"):
        drawn = [MEASURES[name](labels[r], probabilities[r], flags[r]) for r in cluster_draws(groups, 1000)]
        low, high = np.percentile(drawn, [2.5, 97.5])
        assert found[name].value == pytest.approx(MEASURES[name](labels, probabilities, flags))
        assert (found[name].low, found[name].high) == (pytest.approx(low), pytest.approx(high)), name


def test_large_sets_are_drawn_some_samples_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [str(i % 7) for i in range(50)]
    at_once = np.concatenate(list(Resampling.of(groups, 20).weights()))
    monkeypatch.setattr("bias.training.evaluation.resampling.AT_ONCE", 120)
    parts = list(Resampling.of(groups, 20).weights())
    assert len(parts) == 10
    assert np.array_equal(np.concatenate(parts), at_once)


def test_one_group_or_too_few_samples_give_no_interval() -> None:
    def mean(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"mean": weights @ np.arange(4.0) / 4, "rare": np.where(weights[:, 0] > 2, 1.0, np.nan)}

    one = Resampling.of(["a"] * 4).figures(mean)["mean"]
    assert one.defined
    assert not one.bounded
    many = Resampling.of(list("abcd")).figures(mean)
    assert many["mean"].bounded
    assert not many["rare"].defined
    assert str(many["rare"]) == "not defined"
    assert many["rare"].to_dict() == {"value": None, "low": None, "high": None}


@pytest.mark.parametrize("groups", [1, 5, 40])
def test_a_rate_without_exception_has_its_exact_interval(groups: int) -> None:
    none = without_exception(Figure(0.0, math.nan, math.nan), groups)
    every = without_exception(Figure(1.0, math.nan, math.nan), groups)
    exact = binomtest(0, groups).proportion_ci()
    assert (none.low, none.high) == (0.0, pytest.approx(exact.high))
    assert (every.low, every.high) == (pytest.approx(1 - exact.high), 1.0)
    some = Figure(0.5, 0.4, 0.6)
    assert without_exception(some, groups) is some


# Predictions of a model


def test_a_sentence_gets_the_probability_of_a_report(tiny_detector: Detector) -> None:
    examples = [example(0, label=1.0), example(1, label=0.0), replace(example(2), label=None)]
    predictions = predict(tiny_detector, examples)
    assert (len(predictions), predictions.left_out) == (2, 1)
    maps = tiny_detector.model.calibration.prior("balanced")
    for i, row in enumerate(examples[:2]):
        (prediction,) = tiny_detector.predict([as_sentence(row.text)])
        result = sentence_result(row.text, prediction, tiny_detector.model.calibration, maps, "include", 0.5)
        assert predictions.probabilities[i] == pytest.approx(result.probability, abs=1e-6)
    assert predictions.threshold == maps.thresholds["include"]
    assert predict(tiny_detector, examples, threshold=0.25).threshold == 0.25


def test_another_threshold_needs_no_second_run() -> None:
    predictions = given_predictions([0, 1], [0.3, 0.6])
    assert predictions.flags.tolist() == [0, 1]
    assert predictions.at(0.3).flags.tolist() == [1, 1]
    assert predictions.flags.tolist() == [0, 1]
    with pytest.raises(UsageError, match="--threshold lies between 0 and 1"):
        predictions.at(1.5)


def test_sentences_without_labels_cannot_be_measured(tiny_detector: Detector) -> None:
    with pytest.raises(DataError, match="none of the 1 sentences has a label"):
        predict(tiny_detector, [replace(example(0), label=None)])


def test_groups_are_articles_near_repeats_or_outlets(tiny_detector: Detector) -> None:
    line = "The council met on Monday to vote on the tax, and the vote was {}."
    rows = [
        Example(line.format(how), "t", label=0.0, outlet=outlet) for how, outlet in (("put off", "A"), ("lost", ""))
    ]
    alone = Example("Rain fell on the hills.", "t", label=1.0, outlet="A")
    by_article = predict(tiny_detector, [*rows, alone]).groups
    assert by_article[0] == by_article[1] != by_article[2]
    by_outlet = predict(tiny_detector, [*rows, alone], by="outlet").groups
    assert by_outlet[0] == by_outlet[2] != by_outlet[1]


QUOTE = 'The mayor, who never learns, said the plan was "a shameless farce".'


@pytest.mark.parametrize(
    ("row", "label"),
    [
        (Example(QUOTE, "t", label=1.0), None),
        (Example(QUOTE, "t", label=0.0), 0.0),
        (Example(QUOTE, "t", label=1.0, outlet_label=0.0), 0.0),
        (Example(QUOTE, "t", label=1.0, spans=find_words(QUOTE, ["farce"])), 0.0),
        (Example(QUOTE, "t", label=1.0, spans=find_words(QUOTE, ["farce", "never learns"])), 1.0),
        (Example(QUOTE, "t"), None),
        (Example("A reckless vote.", "t", label=1.0), 1.0),
    ],
)
def test_the_label_of_the_outlets_own_words(row: Example, label: float | None) -> None:
    assert outlets_label(row, as_sentence(row.text)) == label


def test_quotes_kept_apart_leave_out_what_is_not_known(tiny_detector: Detector) -> None:
    rows = [Example(QUOTE, "t", label=1.0), Example(QUOTE, "t", label=0.0), Example("A vote.", "t", label=1.0)]
    separate = predict(tiny_detector, rows, quotes="separate")
    assert separate.labels.tolist() == [0, 1]
    assert any("of the outlet's own words" in note for note in measure(separate).notes)
    together = predict(tiny_detector, rows)
    assert together.labels.tolist() == [1, 0, 1]


# Loaded words


def test_words_and_spans_are_counted_against_the_annotators() -> None:
    text = "The vile regime and its greedy friends met."
    row = Example(text, "t", label=1.0, spans=find_words(text, ["vile", "greedy friends"]))
    predictions = given_predictions(
        [1, 1],
        [0.9, 0.9],
        examples=[row, Example("No.", "t", label=1.0)],
        spans=[find_words(text, ["vile regime"]), None],
    )
    rows, words, exact = span_counts(predictions)
    assert (rows.tolist(), words.tolist(), exact.tolist()) == ([0], [[1, 1, 2]], [[0, 1, 2]])
    measured = measure(predictions)
    assert measured.spans["opinionated"]["word_recall"].value == pytest.approx(1 / 3)
    assert measured.spans["all"]["exact_f1"].value == 0.0
    assert any("1 sentences whose words nobody marked" in note for note in measured.notes)


def test_words_inside_quotes_take_no_part_where_quotes_are_kept_apart() -> None:
    spans = find_words(QUOTE, ["never learns", "farce"])
    row = Example(QUOTE, "t", label=1.0, spans=spans)
    predictions = given_predictions([1], [0.9], examples=[row], spans=[find_words(QUOTE, ["never"])])
    assert span_counts(predictions)[1].tolist() == [[1, 0, 2]]
    assert span_counts(replace(predictions, quotes="separate"))[1].tolist() == [[1, 0, 1]]


# Measurements


def test_a_measurement_has_every_figure_and_is_json() -> None:
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 2, 200)
    measured = measure(given_predictions(labels, np.clip(0.4 * labels + 0.6 * generator.random(200), 0, 1)))
    assert tuple(measured.figures) == FIGURES
    assert all(figure.low <= figure.value <= figure.high for figure in measured.figures.values())
    assert sum(measured.confusion) == 200
    record = json.loads(json.dumps(measured.to_dict(), allow_nan=False))
    assert record["figures"]["auroc"]["value"] == pytest.approx(measured.figures["auroc"].value, abs=1e-4)
    assert "AUROC" in measured._repr_markdown_()


@pytest.mark.parametrize("labels", [[1] * 15, [0] * 15, [1], [0, 1], [1, 1, 0, 1, 0]])
@pytest.mark.parametrize("probability", [0.0, 0.4, 1.0])
def test_what_cannot_be_measured_is_null_and_said(labels: list[int], probability: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured = measure(given_predictions(labels, [probability] * len(labels)), draws=50)
    record = json.loads(json.dumps(measured.to_dict(), allow_nan=False))
    if len(set(labels)) == 1:
        assert record["figures"]["macro_f1"]["value"] is None
        assert any("figures that need both labels are not defined" in note for note in measured.notes)
    if len(labels) < 10:
        assert record["figures"]["calibration_error"]["value"] is None
    if probability < 0.5:
        assert any("precision is not defined" in note for note in measured.notes)
    assert measured._repr_markdown_()


# Slices


def test_small_slices_are_pooled_and_said() -> None:
    outlets = ["Big"] * 30 + ["Small"] * 12 + ["Tiny"] * 12
    leanings = ["left"] * 30 + ["right"] * 24
    examples = [example(i, outlet=a, leaning=b) for i, (a, b) in enumerate(zip(outlets, leanings, strict=True))]
    labels = [i % 2 for i in range(54)]
    measured = measure(given_predictions(labels, [0.2, 0.8] * 27, examples=examples), draws=100)
    found = {(part.dimension, part.name): part for part in measured.slices}
    assert found["outlet", "Big"].sentences == 30
    assert found["outlet", "(2 others)"].pooled == 2
    assert found["outlet", "(2 others)"].sentences == 24
    assert any("2 outlets have fewer than 20 sentences each and are put together" in note for note in measured.notes)
    assert ("topic", "(not known)") not in found
    exact = found["outlet", "Big"].figures["recall"]
    assert (exact.value, exact.high) == (1.0, 1.0)
    assert 0.7 < exact.low < 0.8  # 15 articles without a miss
    rows = list(slice_rows(measured.slices))
    assert rows[0]["name"] == "Big"
    assert rows[0]["recall_low"] == exact.low


def test_a_slice_of_one_group_has_no_interval() -> None:
    examples = [example(i, outlet="AB"[i // 30], group="AB"[i // 30]) for i in range(60)]
    found = measure(given_predictions([0, 1, 1] * 20, [0.2, 0.8, 0.3] * 20, examples=examples))
    figure = next(part for part in found.slices if part.dimension == "outlet").figures["macro_f1"]
    assert figure.defined
    assert not figure.bounded
    assert any("2 slices lie within one article or outlet" in note for note in found.notes)


def test_macro_f1_of_a_slice_needs_both_labels() -> None:
    examples = [example(i, outlet="A" if i < 25 else "B") for i in range(50)]
    labels = [int(i < 3 or i >= 40) for i in range(50)]
    found = measure(given_predictions(labels, [0.6, 0.4] * 25, examples=examples), draws=50).slices
    defined = {part.name: part.figures["macro_f1"].defined for part in found if part.dimension == "outlet"}
    assert defined == {"A": False, "B": True}


@pytest.mark.parametrize(
    ("leaning", "side"),
    [("left", "left"), ("Lean Right", "right"), ("left-center", "left"), ("Centre", "center"), ("", ""), ("mixed", "")],
)
def test_sides_are_read_as_rating_sites_spell_them(leaning: str, side: str) -> None:
    assert side_of(leaning) == side


def test_gaps_are_left_less_right() -> None:
    names = ["left"] * 40 + ["right"] * 40
    labels = np.tile([0, 1], 40)
    flags = np.where(np.arange(80) < 40, 1, labels)  # every neutral sentence of the left is flagged
    figures = by_side(labels, flags, names, Resampling.of([str(i // 2) for i in range(80)], 100))
    assert figures["false_alarms_gap"].value == 1.0
    assert figures["recall_gap"].value == 0.0
    assert not figures["recall_center"].defined


def test_gaps_need_enough_sentences_of_both_sides() -> None:
    examples = [example(i, leaning="left" if i < 60 else "right") for i in range(60 + FEWEST - 1)]
    measured = measure(given_predictions([0, 1] * 39 + [0], [0.5] * 79, examples=examples), draws=20)
    assert measured.gaps == {}
    assert any("too few for gaps" in note for note in measured.notes)
