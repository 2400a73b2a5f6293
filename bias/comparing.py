"""Several articles side by side: the same event in several outlets, or versions of one text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import PurePath
from typing import TYPE_CHECKING

from bias.errors import MissingExtraError, UsageError
from bias.types import ArticleReport

if TYPE_CHECKING:
    import pandas as pd

    from bias.frames import Rows
    from bias.training.evaluation.plotstyle import Picture

LISTED = 6
"""Pairs that a finding names; of more it tells the number."""


@dataclass(frozen=True, slots=True)
class Difference:
    """By how many percentage points the score of `first` is above that of `second`, with a 95 % interval."""

    first: str
    second: str
    value: float
    interval: tuple[float, float]

    @property
    def clear(self) -> bool:
        """Whether the whole interval lies above 0: another reading is unlikely to turn the order round."""
        return self.interval[0] > 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Reports made alike, each with a name of its own; what `compare` gives."""

    reports: tuple[ArticleReport, ...]
    names: tuple[str, ...]

    def at(self, threshold: float) -> Comparison:
        """The same with labels drawn at another threshold (0 to 1); nothing is computed again.

        Raises:
            ValueError: the threshold is outside 0 to 1.
        """
        return replace(self, reports=tuple(report.at(threshold) for report in self.reports))

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Every pair of articles that have a score, the higher one first, the largest difference first.

        The interval comes from those of the two scores (MOVER, Zou and Donner 2008, Statistics in Medicine 27). Each
        pair is judged by itself: of twenty pairs that do not differ, expect one to look as if it did.
        """
        scored = [
            (name, report.score, report.interval)
            for name, report in zip(self.names, self.reports, strict=True)
            if report.score is not None and report.interval is not None
        ]
        pairs = (sorted(pair, key=lambda one: -one[1]) for pair in combinations(scored, 2))
        found = (
            Difference(first, second, a - b, _interval_of_difference(a, of_a, b, of_b))
            for (first, a, of_a), (second, b, of_b) in pairs
        )
        return tuple(sorted(found, key=lambda difference: -difference.value))

    @property
    def finding(self) -> str:
        """Which articles are clearly apart, in a sentence or two; empty where there are no two scores."""
        pairs = self.differences
        clear = [pair for pair in pairs if pair.clear]
        rest = len(pairs) - len(clear)
        if not pairs:
            return ""
        if not clear:
            return "The scores lie within each other’s uncertainty: their order may be chance."
        if len(clear) > LISTED:
            said = f"{len(clear)} of {len(pairs)} pairs are clearly apart."
        else:
            said = f"Clearly apart: {'; '.join(f'{pair.first} above {pair.second}' for pair in clear)}."
        others = f"the other {rest} pairs" if rest > 1 else "the other pair"
        return f"{said} In {others} the order may be chance." if rest else said

    def to_frame(self, rows: Rows = "articles") -> pd.DataFrame:
        """A pandas table with a row an article, a sentence (`sentences`) or a loaded word (`spans`).

        The names stand in the column `article`; see `bias.frames` for the others.

        Raises:
            MissingExtraError: pandas is not installed.
            UsageError: there are no such rows.
        """
        from bias.frames import to_frame

        return to_frame(self.reports, rows, self.names)

    def plot(self) -> Picture:
        """The scores with their intervals, and where in each article the framing sits; a matplotlib figure.

        A notebook shows it by itself; `savefig` writes it to a file.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        try:
            from bias.reporting.comparisonplot import draw
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "bias":
                raise  # a fault of ours, not a package that is missing
            raise MissingExtraError("a picture", "notebook") from error
        return draw(self)

    def to_html(self) -> str:
        """A self-contained HTML page of the comparison, to keep or to send."""
        from bias.reporting.html import render_comparison

        return render_comparison(self, page=True)

    def _repr_html_(self) -> str:
        from bias.reporting.html import render_comparison

        return render_comparison(self)


def compare(reports: Iterable[ArticleReport], names: Sequence[str] | None = None) -> Comparison:
    """Put reports side by side, in the order given.

    Args:
        reports: made by one model under one prior, quotes mode and threshold.
        names: what to call the articles; without them, the names of their files.

    Raises:
        UsageError: there is no report, two were made in different ways, or the names do not fit.
    """
    found = tuple(reports)
    if not found:
        raise UsageError("nothing to compare: give the reports of two articles or more")
    for what, of in _MADE.items():
        made = dict.fromkeys(of(report) for report in found)
        if len(made) > 1:
            raise UsageError(f"only reports made alike can be compared, and these have {what} {' and '.join(made)}")
    given = tuple(_names(found) if names is None else names)
    if len(given) != len(found) or len(set(given)) != len(given):
        raise UsageError(f"{len(found)} reports need as many names, all different, not {', '.join(map(repr, given))}")
    return Comparison(found, given)


_MADE: dict[str, Callable[[ArticleReport], str]] = {
    "the models": lambda report: f"{report.model.name} {report.model.version} ({report.model.sha256[:12]})",
    "the priors": lambda report: report.prior,
    "the quotes modes": lambda report: report.quotes,
    "the thresholds": lambda report: f"{report.threshold:g}",
}


def _names(reports: Sequence[ArticleReport]) -> list[str]:
    """The files' names without folder and suffix where these tell them apart, else the sources, numbered if need be."""
    sources = [report.article.source for report in reports]
    names = [PurePath(source).stem or source for source in sources]
    if len(set(names)) == len(names):
        return names
    if len(set(sources)) == len(sources):
        return sources
    return [f"{number}: {source}" for number, source in enumerate(sources, 1)]


def _interval_of_difference(
    a: float, of_a: tuple[float, float], b: float, of_b: tuple[float, float]
) -> tuple[float, float]:
    (a_low, a_high), (b_low, b_high) = of_a, of_b
    return a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low)
