from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bias.calibration import sigmoid
from bias.detector import Detector
from bias.levels import LEVELS, highest, level_of, reaches

LOG_ODDS = st.floats(-6, 6)


@pytest.mark.parametrize(
    ("probability", "threshold", "level"),
    [
        (0.1, 0.1, "low"),
        (0.05, 0.1, "low"),
        (0.25, 0.1, "low"),
        (0.27, 0.1, "medium"),
        (0.5, 0.1, "medium"),
        (0.53, 0.1, "high"),
        (0.75, 0.5, "low"),
        (0.77, 0.5, "medium"),
        (0.92, 0.5, "high"),
        (1.0, 0.5, "high"),
        (0.0, 0.5, "low"),
        (0.99, 1.0, "low"),
    ],
)
def test_levels_beside_a_threshold(probability: float, threshold: float, level: str) -> None:
    assert level_of(probability, threshold) == level


@given(LOG_ODDS, LOG_ODDS, st.floats(-3, 3))
def test_a_prior_that_shifts_both_changes_no_level(finding: float, threshold: float, shift: float) -> None:
    above = finding - threshold
    if min(abs(above - math.log(10)), abs(above - math.log(10) / 2)) < 1e-6:
        return
    level = level_of(sigmoid(finding), sigmoid(threshold))
    assert level == level_of(sigmoid(finding + shift), sigmoid(threshold + shift))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.99))
def test_levels_rise_with_the_probability(one: float, other: float, threshold: float) -> None:
    low, high = sorted((one, other))
    assert reaches(level_of(high, threshold), level_of(low, threshold))


def test_order() -> None:
    assert [reaches(level, "medium") for level in LEVELS] == [False, True, True]
    assert highest(["low", "high", "medium"]) == "high"
    assert highest([]) == "low"


def test_levels_are_the_models_and_not_of_the_users_threshold(tiny_detector: Detector) -> None:
    text = "The regime said to vote. The reckless minister lied. A tax rose."
    usual = tiny_detector.score(text)
    for threshold in (0.0, 1.0):
        other = tiny_detector.score(text, threshold=threshold)
        assert [r.level for r in other.sentences] == [r.level for r in usual.sentences]
    model = tiny_detector.model.calibration
    for result in usual.sentences:
        assert result.level == level_of(result.outlet_probability, model.news.thresholds["separate"])
        assert all(span.level == level_of(span.probability, model.span_threshold) for span in result.spans)
    included = tiny_detector.score('"The regime fell," she said.', quotes="include").sentences[0]
    assert included.level == level_of(included.probability, model.news.thresholds["include"])
