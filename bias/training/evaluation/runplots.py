"""Pictures of a training run: how it went, and what it did to the answers to a checklist.

Every function returns a figure as those of `bias.training.evaluation.plots` do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bias.errors import DataError
from bias.training.checklist.results import CapabilityResult
from bias.training.evaluation.plotstyle import FAINT, INK, MODEL_COLOURS, SOFT, Picture, styled

Points = list[tuple[float, float]]


@styled
def learning_curves(record: Mapping[str, Any]) -> Picture:
    """Loss on the training and development parts, and macro-F1 and AUROC on the latter, by epoch of the last stage.

    The seed whose weights were kept is drawn strong, the others faint; a ring marks the weights that were kept.
    Macro-F1 is that of the best threshold, before calibration.

    Args:
        record: the run record of a model folder (`bias.training.record.read_record`).
    """
    figure = Picture(figsize=(7.0, 2.7), layout="constrained")
    loss, development = figure.subplots(1, 2)
    for seed in sorted(record["seeds"], key=lambda seed: seed["seed"] == record["seed"]):
        curve, kept = seed["curves"][-1], seed["seed"] == record["seed"]
        evaluated = [entry for entry in curve if "macro_f1" in entry]
        learned = [entry for entry in curve if "macro_f1" not in entry]
        _line(loss, _points(learned, "loss"), INK, "training", kept)
        _line(loss, _points(evaluated, "loss"), MODEL_COLOURS[1], "development", kept)
        _line(development, _points(evaluated, "macro_f1"), MODEL_COLOURS[0], "Macro-F1", kept)
        _line(development, _points(evaluated, "auroc"), MODEL_COLOURS[1], "AUROC", kept)
        best = seed["figures"]
        if kept and "epoch" in best:
            at = (best["epoch"], best["macro_f1"])
            development.plot(*at, "o", markersize=9, markerfacecolor="none", markeredgecolor=INK)
            development.annotate("kept", at, (0, 8), textcoords="offset points", ha="center", fontsize=7, color=SOFT)
    loss.set(title="Loss", xlabel="Epoch", ylim=(0, None))
    development.set(title="Figures of the development part", xlabel="Epoch")
    if not development.lines:
        development.text(0.5, 0.5, "no development part", ha="center", color=SOFT, transform=development.transAxes)
    for axes in (loss, development):
        axes.set_xlim(0, None)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color="#f0f0f0", linewidth=0.6)
        axes.set_axisbelow(True)
    return figure


def _points(entries: Sequence[Mapping[str, float]], name: str) -> Points:
    return [(entry["epoch"], entry[name]) for entry in entries if name in entry]


def _line(axes: Axes, points: Points, colour: str, name: str, strong: bool) -> None:
    """A curve; a strong one has its points marked and its name at its end."""
    if not points:
        return
    x, y = zip(*points, strict=True)
    axes.plot(x, y, color=colour, linewidth=1.4 if strong else 0.8, alpha=1.0 if strong else 0.35)
    if strong:
        axes.plot(x, y, "o", color=colour, markersize=3)
        axes.annotate(name, points[-1], (7, 0), textcoords="offset points", va="center", color=colour, fontsize=7.5)


@styled
def checklist_change(
    after: Sequence[CapabilityResult], before: Sequence[CapabilityResult], names: tuple[str, str]
) -> Picture:
    """The share of cases that pass, question by question, of one model and of the one it came from.

    The lines are 95 % intervals (Wilson), of each model by itself. Capabilities that are known to fail are set in
    brackets.

    Args:
        names: of both models, in that order.

    Raises:
        DataError: the results are of different checklists.
    """
    if [(result.name, result.n) for result in after] != [(result.name, result.n) for result in before]:
        raise DataError("checklists are compared question by question: put the same one to both models")
    figure = Picture(figsize=(6.8, 0.2 * max(len(after), 3) + 1.0), layout="constrained")
    axes = figure.subplots()
    for y, pair in enumerate(zip(after, before, strict=True)):
        axes.plot([result.rate for result in pair], [y, y], color=FAINT, linewidth=2.5, zorder=1)
        for result, colour, shift in zip(pair, MODEL_COLOURS, (-0.14, 0.14), strict=True):
            axes.hlines(y + shift, *result.interval, color=colour, linewidth=1, alpha=0.45, zorder=2)
            axes.plot(result.rate, y + shift, "o", color=colour, markersize=4, zorder=3, clip_on=False)
        if y and after[y - 1].capability != after[y].capability:
            axes.axhline(y - 0.5, color="#ececec", linewidth=0.6, zorder=0)
    axes.set_yticks(range(len(after)), [_asked(result, after[i - 1] if i else None) for i, result in enumerate(after)])
    axes.set(xlim=(-0.01, 1.01), ylim=(len(after) - 0.5, -0.5), title="Checklist: share of cases that pass")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    handles = [Line2D([], [], color=colour, marker="o", markersize=4, linewidth=1) for colour in MODEL_COLOURS]
    figure.legend(
        handles,
        names,
        loc="outside upper right",
        ncols=2,
        frameon=False,
        fontsize=7.5,
        labelcolor="linecolor",
        handlelength=1.2,
    )
    return figure


def _asked(result: CapabilityResult, previous: CapabilityResult | None) -> str:
    """The question, after the name of its capability where that changes."""
    if previous is not None and previous.capability == result.capability:
        return result.asked
    name = f"({result.capability})" if result.known_failure else result.capability
    return f"{name}:  {result.asked}"
