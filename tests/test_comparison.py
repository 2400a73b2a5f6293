from __future__ import annotations

import json

import numpy as np
import pytest
from measured import example, given_predictions, sample
from scipy.stats import binom

from bias.errors import DataError
from bias.training.data.examples import find_words
from bias.training.evaluation.comparison import McNemar, compare
from bias.training.evaluation.measures import MEASURES, cluster_draws
from bias.training.evaluation.measuring import measure


def test_a_model_against_itself_differs_in_nothing() -> None:
    found = compare(sample(), sample())
    assert found.verdict == "no difference"
    assert "both models have the same macro-F1" in found.sentence
    assert found.changes == ()
    assert found.mcnemar.p_value == 1.0
    assert all(figure.value == 0.0 for figure in found.differences.values())


def test_the_better_model_is_told_and_the_other_way_round_too() -> None:
    good, poor = sample(skill=0.6), sample(skill=0.2, seed=1)
    one, other = compare(good, poor), compare(poor, good)
    assert (one.verdict, other.verdict) == ("better", "worse")
    assert one.sentence.startswith("tiny (1) is better than tiny (2): its macro-F1 is 0.")
    assert "lower" in other.sentence
    for name, figure in one.differences.items():
        mirrored = other.differences[name]
        assert (figure.value, figure.low) == (pytest.approx(-mirrored.value), pytest.approx(-mirrored.high)), name
    assert one.to_opinionated == other.to_neutral


def test_too_few_sentences_show_no_difference() -> None:
    found = compare(sample(24, skill=0.42), sample(24, skill=0.4, seed=3))
    assert found.verdict == "no difference"
    assert found.sentence.startswith("No difference that these 24 sentences can show")


def test_differences_are_paired_over_the_same_samples() -> None:
    first, second = sample(120, skill=0.4), sample(120, skill=0.3, seed=1)
    found = compare(first, second, draws=200).differences
    for name in ("macro_f1", "average_precision", "brier"):
        of = MEASURES[name]
        drawn = [
            of(first.labels[r], first.probabilities[r], first.flags[r])
            - of(second.labels[r], second.probabilities[r], second.flags[r])
            for r in cluster_draws(first.groups, 200)
        ]
        low, high = np.percentile(drawn, [2.5, 97.5])
        assert (found[name].low, found[name].high) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize(("first_alone", "second_alone"), [(0, 0), (1, 0), (3, 9), (20, 8), (15, 15)])
def test_mcnemars_test_is_exact(first_alone: int, second_alone: int) -> None:
    right = np.array([True] * first_alone + [False] * second_alone + [True, False] * 5)
    other = np.array([False] * first_alone + [True] * second_alone + [True, False] * 5)
    found = McNemar.of(right, other)
    assert (found.first_alone, found.second_alone) == (first_alone, second_alone)
    n, k = first_alone + second_alone, min(first_alone, second_alone)
    assert found.p_value == pytest.approx(min(1.0, 2 * binom.cdf(k, n, 0.5)))


def test_sentences_that_change_sides_are_listed_widest_apart_first() -> None:
    first = given_predictions([1, 0, 1, 0], [0.9, 0.6, 0.2, 0.1])
    second = given_predictions([1, 0, 1, 0], [0.4, 0.4, 0.8, 0.2], name="other")
    found = compare(first, second)
    assert [change.row for change in found.changes] == [2, 0, 1]
    assert [change.gained for change in found.changes] == [False, True, False]
    assert (found.to_opinionated, found.to_neutral) == (2, 1)
    assert (found.mcnemar.first_alone, found.mcnemar.second_alone) == (1, 2)
    row = next(found.rows())
    assert (row["label"], row["first"], row["second"]) == ("opinionated", "neutral", "opinionated")
    assert (row["first_probability"], row["second_probability"], row["first_is_right"]) == (0.2, 0.8, False)


def test_each_model_keeps_its_threshold() -> None:
    first = given_predictions([1, 0], [0.6, 0.4], threshold=0.5)
    second = given_predictions([1, 0], [0.6, 0.4], threshold=0.7)
    assert [change.row for change in compare(first, second).changes] == [0]


def test_loaded_words_are_compared_where_they_are_marked() -> None:
    examples = [example(i, label=1.0, spans=find_words(example(i).text, ["plan"])) for i in range(12)]
    hit = [row.spans for row in examples]
    values = {"examples": examples, "threshold": 0.5}
    first = given_predictions([1] * 12, [0.9] * 12, spans=hit, **values)
    second = given_predictions([1] * 12, [0.9] * 12, spans=[()] * 6 + hit[6:], **values)
    found = compare(first, second)
    assert found.differences["word_f1_all"].value == pytest.approx(1 - 2 / 3)
    assert found.differences["word_f1_all"].low > 0
    assert "cannot be told" in found.sentence  # one label alone


@pytest.mark.parametrize("other", [sample(12), given_predictions([0] * 24, [0.5] * 24)])
def test_models_are_compared_on_the_same_sentences(other: object) -> None:
    with pytest.raises(DataError, match="on the same sentences with the same labels"):
        compare(sample(24), other)  # type: ignore[arg-type]


def test_a_comparison_is_json_and_a_page() -> None:
    found = compare(measure(sample(60, skill=0.4)), sample(60, seed=1, name="other"))
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (
        record["changed"]["sentences"] == len(found.changes) == record["changed"]["gained"] + record["changed"]["lost"]
    )
    assert record["verdict"] == found.verdict
    page = found._repr_markdown_()
    assert "| tiny | other | difference |" in page
    assert "McNemar" in page


def test_one_label_alone_compares_without_a_verdict() -> None:
    found = compare(given_predictions([1] * 12, [0.9] * 12), given_predictions([1] * 12, [0.1] * 12))
    assert found.verdict == "no difference"
    assert "cannot be told" in found.sentence
    json.dumps(found.to_dict(), allow_nan=False)
