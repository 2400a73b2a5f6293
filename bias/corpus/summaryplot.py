"""The picture of a summary; needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from bias.corpus.summary import DATES, Group, Summary, label
from bias.reporting.marking import excerpt
from bias.training.evaluation.plotstyle import FAINT, INK, LABEL_COLOURS, SOFT, Picture, styled
from bias.training.evaluation.resampling import Figure

MOST_ROWS = 40
MOST_PANELS = 12
NAME_WIDTH = 36
_COLOUR = LABEL_COLOURS[1]
_ROOM = 2.5
"""The axis ends at so many times the highest value, for the interval of two articles can fill it all."""

_SCORE, _SHARE = "Mean score", "Opinionated sentences, %"


@styled
def draw(summary: Summary) -> Picture:
    """Scores and shares with 95 % intervals: over time where the last column is a time and there are several, else a
    row a group. Of too many groups those with the most articles are shown, which the picture says.
    """
    times = {group.key[-1] for group in summary.groups}
    if summary.by[-1] in DATES and len(times) > 1:
        return _over_time(summary)
    return _by_group(summary)


def _by_group(summary: Summary) -> Picture:
    shown = sorted(sorted(summary.groups, key=lambda group: -group.articles)[:MOST_ROWS], key=lambda g: g.score.value)
    picture = Picture(figsize=(8.4, 1.0 + 0.26 * len(shown)), layout="constrained")
    scores, shares = picture.subplots(1, 2, sharey=True)
    for row, group in enumerate(shown):
        _bar(scores, row, group.score, 1)
        _bar(shares, row, group.share, 100)
    scores.set_xlim(0, _end([group.score for group in shown], 1))
    shares.set_xlim(0, _end([group.share for group in shown], 100))
    names = [f"{excerpt(label(group.key), NAME_WIDTH)}  ({group.articles:,})" for group in shown]
    scores.set_yticks(range(len(shown)), names, fontsize=8)
    scores.set_ylim(-0.6, len(shown) - 0.4)
    for axes, title in ((scores, _SCORE), (shares, _SHARE)):
        axes.set(title=title)
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    _note(picture, "articles in brackets", len(shown), len(summary.groups), "groups")
    return picture


def _bar(axes: Axes, row: int, figure: Figure, scale: float) -> None:
    if figure.bounded:
        axes.plot((scale * figure.low, scale * figure.high), (row, row), color=_COLOUR, linewidth=3, alpha=0.35)
    axes.plot(scale * figure.value, row, "o", color=_COLOUR, markersize=5)


def _end(figures: Sequence[Figure], scale: float) -> float:
    """Where the axis ends."""
    highest = max(figure.value for figure in figures)
    bounds = max(figure.high if figure.bounded else figure.value for figure in figures)
    return 1.05 * scale * min(bounds, _ROOM * highest) or 1.0


def _over_time(summary: Summary) -> Picture:
    lines: dict[tuple[str | None, ...], list[Group]] = {}
    for group in summary.groups:
        if group.key[-1] is not None:
            lines.setdefault(group.key[:-1], []).append(group)
    largest = sorted(lines, key=lambda key: -sum(group.articles for group in lines[key]))[:MOST_PANELS]
    shown = {key: lines[key] for key in lines if key in largest}
    times = sorted({str(group.key[-1]) for groups in shown.values() for group in groups})
    places = {time: place for place, time in enumerate(times)}
    columns = min(3, len(shown))
    rows = math.ceil(len(shown) / columns)
    picture = Picture(figsize=(max(4.2, 2.8 * columns), 0.6 + 2.0 * rows), layout="constrained")
    panels = picture.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for place, (axes, (key, groups)) in enumerate(zip(panels, shown.items(), strict=False)):
        _line(axes, groups, places)
        axes.tick_params(labelbottom=place + columns >= len(shown))
        axes.set_title(excerpt(label(key), NAME_WIDTH) if key else _SCORE)
    panels[0].set_ylim(0, _end([group.score for groups in shown.values() for group in groups], 1))
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    _note(picture, f"{_SCORE.lower()} by {summary.by[-1]}, 95 % intervals", len(shown), len(lines), "lines")
    return picture


def _line(axes: Axes, groups: Sequence[Group], places: Mapping[str, int]) -> None:
    at = [places[str(group.key[-1])] for group in groups]
    axes.plot(at, [group.score.value for group in groups], "-", color=_COLOUR, linewidth=1.2)
    for place, group in zip(at, groups, strict=True):
        if group.score.bounded:
            bounds = (group.score.low, group.score.high)
            axes.plot((place, place), bounds, color=_COLOUR, linewidth=2.5, alpha=0.35)
        axes.plot(place, group.score.value, "o", color=_COLOUR, markersize=4)
    step = max(1, math.ceil(len(places) / 4))
    axes.set_xticks(list(places.values())[::step], list(places)[::step])
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelcolor=INK)


def _note(picture: Picture, text: str, shown: int, of: int, what: str) -> None:
    rest = f"; the {shown} of {of} {what} with the most articles" if shown < of else ""
    picture.supxlabel(f"{text}{rest}", fontsize=7.5, color=SOFT, x=0.99, ha="right")
