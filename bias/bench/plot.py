"""The picture of a bench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bias.training.evaluation.plotstyle import INK, MODEL_COLOURS, SOFT, Picture, styled

if TYPE_CHECKING:
    from bias.bench.result import Bench


@styled
def plot_speed(bench: Bench) -> Picture:
    """Sentences a second of every contestant on a logarithmic scale, with the range over the rounds."""
    shown = [*bench.timed, *bench.products]
    picture = Picture(figsize=(6.4, 0.34 * len(shown) + 0.9), layout="constrained")
    axes = picture.add_subplot()
    for place, timed in enumerate(shown):
        speeds = [timing.per_second for timing in timed.timings]
        colour = MODEL_COLOURS[1] if timed is bench.ours else SOFT if timed in bench.products else MODEL_COLOURS[0]
        axes.barh(place, timed.per_second, height=0.62, color=colour)
        axes.plot([min(speeds), max(speeds)], [place, place], color=INK, linewidth=1)
        axes.annotate(
            f"{timed.per_second:,.0f}",
            (max(speeds), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )
    axes.set_yticks(range(len(shown)), [timed.contestant.name for timed in shown])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel(f"sentences a second, {bench.threads} threads; the line is the range over the rounds")
    axes.margins(x=0.12)
    return picture
