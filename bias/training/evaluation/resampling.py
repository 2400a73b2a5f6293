"""Bootstrap samples of whole groups, and the figures with intervals that come of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Values = Mapping[str, Array]
"""Figures by name, one value a row of weights. Shape: (draws,) each."""

DRAWS = 1000
AT_ONCE = 1_000_000
"""Weights held at a time, to bound the memory that the bootstrap of a large set takes."""

SAME = 1e-9
"""Values no further apart than this are the same, rounding aside."""

FEWEST_DRAWS = 0.5
"""The part of the draws in which a figure must be defined for it to have an interval."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95 % interval; NaN where they are not defined."""

    value: float
    low: float
    high: float

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    @property
    def bounded(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def to_dict(self) -> dict[str, float | None]:
        """Value and bounds, null where they are not defined."""
        parts = {"value": self.value, "low": self.low, "high": self.high}
        return {name: round(part, 4) if math.isfinite(part) else None for name, part in parts.items()}

    def __str__(self) -> str:
        if not self.defined:
            return "not defined"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})" if self.bounded else f"{self.value:.3f}"


@dataclass(frozen=True, slots=True)
class Resampling:
    """Bootstrap samples of whole groups (Davison and Hinkley 1997, section 3.8); the same ones for the same seed.

    `member` numbers the group of each sentence. Shape: (n,).
    """

    member: Array
    draws: int = DRAWS
    seed: int = 0

    @classmethod
    def of(cls, groups: Sequence[str], draws: int = DRAWS, seed: int = 0) -> Resampling:
        """Sentences with the same key belong together."""
        return cls(np.unique(np.asarray(groups), return_inverse=True)[1], draws, seed)

    @property
    def groups(self) -> int:
        """How many groups there are to draw from."""
        return int(self.member.max()) + 1

    def weights(self) -> Iterator[Array]:
        """How often each sample holds each sentence, some samples at a time. Shape: (some, n)."""
        generator = np.random.default_rng(self.seed)
        groups, left = self.groups, self.draws
        while left:
            some = min(left, max(1, AT_ONCE // len(self.member)))
            drawn = [np.bincount(generator.integers(groups, size=groups), minlength=groups) for _ in range(some)]
            yield np.array(drawn, dtype=float)[:, self.member]
            left -= some

    def figures(self, measure: Callable[[Array], Values]) -> dict[str, Figure]:
        """Figures with their percentile intervals.

        Samples in which a figure is not defined (no opinionated sentence in it, say) are left out of its interval.
        There is none with fewer than half of them left, with one group in all, or where all agree: that says that the
        sample holds no exception, not that there is none.

        Args:
            measure: from weights (some, n) to the figures of each row.
        """
        values = measure(np.ones((1, len(self.member))))
        drawn = [measure(weights) for weights in self.weights()]
        return {
            name: self._figure(float(value[0]), np.concatenate([part[name] for part in drawn]))
            for name, value in values.items()
        }

    def _figure(self, value: float, drawn: Array) -> Figure:
        known = drawn[np.isfinite(drawn)]
        if not math.isfinite(value) or self.groups < 2 or len(known) < FEWEST_DRAWS * self.draws:
            return Figure(value, math.nan, math.nan)
        if np.ptp(known) < SAME:
            return Figure(value, math.nan, math.nan)
        low, high = np.percentile(known, [2.5, 97.5])
        return Figure(value, float(low), float(high))


def without_exception(rate: Figure, groups: int) -> Figure:
    """A rate of 0 or 1 with the exact interval (Clopper and Pearson 1934) over so many independent groups.

    The bootstrap has none to give where it never sees an exception.
    """
    if rate.value not in (0.0, 1.0) or not groups:
        return rate
    unseen = 1 - 0.025 ** (1 / groups)
    return Figure(0.0, 0.0, unseen) if rate.value == 0.0 else Figure(1.0, 1 - unseen, 1.0)


def cluster_draws(groups: Sequence[str], draws: int, seed: int = 0) -> list[Array]:
    """Row indices of bootstrap samples of whole groups, those of `Resampling` with the same seed."""
    keys, member = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(member, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(member))[:-1])
    generator = np.random.default_rng(seed)
    return [np.concatenate([rows[k] for k in generator.integers(len(keys), size=len(keys))]) for _ in range(draws)]


def bootstrap(statistic: Callable[[Array], float], groups: Sequence[str], draws: int = DRAWS) -> Figure:
    """A statistic of row indices, with its clustered percentile interval."""
    values = [statistic(rows) for rows in cluster_draws(groups, draws)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Figure(statistic(np.arange(len(groups))), float(low), float(high))
