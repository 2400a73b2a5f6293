"""How much a finding stands out: low, medium or high, by how far its odds lie above the model's threshold.

Odds, because the thresholds of two priors lie far apart as probabilities, while a prior multiplies the odds of all
sentences; above the threshold, because from there on there is a finding at all. The two steps are those at which
Jeffreys (1961, *Theory of Probability*, appendix B) calls evidence substantial, ten to the half, and strong, ten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

Level = Literal["low", "medium", "high"]

LEVELS: tuple[Level, ...] = get_args(Level)
"""From the lowest."""

MEDIUM_ODDS, HIGH_ODDS = 10**0.5, 10.0
"""A finding is medium, and high, from so many times the threshold's odds on."""


def level_of(probability: float, threshold: float) -> Level:
    """The level of a probability beside the threshold that the model has for it (both 0 to 1).

    What lies below the model's own threshold, and is a finding because the user set a lower one, is low.
    """
    odds, least = probability * (1 - threshold), threshold * (1 - probability)  # each times both denominators
    if odds >= HIGH_ODDS * least:
        return "high"
    return "medium" if odds >= MEDIUM_ODDS * least else "low"


def highest(levels: Iterable[Level]) -> Level:
    """The highest of some levels; low if there are none."""
    return max(levels, key=LEVELS.index, default="low")


def reaches(level: Level, least: Level) -> bool:
    """Whether a level is as high as another, or higher."""
    return LEVELS.index(level) >= LEVELS.index(least)
