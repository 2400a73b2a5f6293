"""Pictures of a measurement. Every function returns a `matplotlib.figure.Figure` that a notebook shows by itself.

    plots.reliability(predictions).savefig("reliability.svg")

Nothing here touches pyplot or its state. Colours are of Okabe and Ito's palette, which people tell apart however they
see colours (Wong 2011, Nature Methods 8:441); none stands for a side.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from bias.training.evaluation.comparison import LOWER_IS_BETTER, Comparison
from bias.training.evaluation.measures import BINS
from bias.training.evaluation.measuring import FIGURES, Measurement, Predictions
from bias.training.evaluation.plotstyle import FAINT, INK, LABEL_COLOURS, MODEL_COLOURS, SOFT, Picture, save, styled
from bias.training.evaluation.resampling import Array, Resampling, without_exception
from bias.training.evaluation.slices import Slice
from bias.training.evaluation.titles import DIMENSIONS, TITLES, names_of

__all__ = ["confusion", "differences", "precision_recall", "reliability", "save", "slices"]

SHOWN = 12
"""Slices of a dimension that a picture shows at most."""


@styled
def reliability(*models: Predictions) -> Picture:
    """How often sentences with a probability are opinionated: bins of equal mass with 95 % intervals.

    Below are the probabilities themselves: by label for one model, by model for two.
    """
    figure = Picture(figsize=(3.7, 4.6), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=(3.3, 1), sharex=True)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, zorder=1)
    if len(models) == 1:
        ideal = {"rotation": 45, "rotation_mode": "anchor", "transform_rotates_text": True}
        axes.text(0.985, 0.97, "perfectly calibrated", color=SOFT, fontsize=7, ha="right", va="top", **ideal)
    for predictions, name, colour in zip(models, names_of(models), MODEL_COLOURS, strict=False):
        said, found, low, high = reliability_bins(predictions)
        axes.vlines(said, low, high, color=colour, linewidth=1.1, alpha=0.55, zorder=2)
        axes.plot(said, found, "-o", color=colour, markersize=4, linewidth=0.9, label=name, zorder=3, clip_on=False)
        if len(models) == 1:
            _threshold(axes, predictions.threshold, f" threshold {predictions.threshold:.2f}")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), title="Reliability", ylabel="Labelled opinionated")
    edges = np.linspace(0, 1, 21)
    if len(models) == 1:
        labels, p = models[0].labels, models[0].probabilities
        below.hist(
            [p[labels == 1], p[labels == 0]], edges, stacked=True, color=LABEL_COLOURS[::-1], rwidth=0.86, linewidth=0
        )
        for x, name, colour in ((0.99, "labelled opinionated", LABEL_COLOURS[1]), (0.01, "neutral", SOFT)):
            side = "right" if x > 0.5 else "left"
            below.text(x, 1.03, name, color=colour, ha=side, va="bottom", fontsize=7, transform=below.transAxes)
    else:
        for predictions, colour in zip(models, MODEL_COLOURS, strict=False):
            below.hist(predictions.probabilities, edges, histtype="step", color=colour, linewidth=1.1)
        axes.plot([], [], color=SOFT, linewidth=1, label="perfectly calibrated")  # the line itself is too faint to read
        _legend(axes, loc="upper left", bbox_to_anchor=(0.0, 1.0))
    for one in (axes, below):
        one.xaxis.set_major_locator(MultipleLocator(0.2))
    axes.yaxis.set_major_locator(MultipleLocator(0.2))
    below.set(xlabel="Probability of opinionated", ylabel="Sentences")
    return figure


def reliability_bins(predictions: Predictions) -> tuple[Array, Array, Array, Array]:
    """Mean probability and share of opinionated sentences of bins of equal mass, with the bounds of the share.

    Sentences of one probability can fall on both sides of an edge. Shape: (bins,) each, at most `BINS`.
    """
    order = np.argsort(predictions.probabilities, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    member = np.zeros((len(order), len(parts)))
    for i, part in enumerate(parts):
        member[part, i] = 1

    def shares(weights: Array) -> dict[str, Array]:
        opinionated, total = weights @ (member * predictions.labels[:, None]), weights @ member
        ratio = np.divide(opinionated, total, out=np.full(total.shape, np.nan), where=total > 0)
        return {str(i): ratio[:, i] for i in range(len(parts))}

    drawn = Resampling.of(predictions.groups).figures(shares).values()
    groups = np.asarray(predictions.groups)
    figures = [without_exception(of, len(set(groups[part]))) for of, part in zip(drawn, parts, strict=True)]
    said = np.array([predictions.probabilities[part].mean() for part in parts])
    found, low, high = (np.array([getattr(figure, name) for figure in figures]) for name in ("value", "low", "high"))
    return said, found, np.where(np.isnan(low), found, low), np.where(np.isnan(high), found, high)


@styled
def precision_recall(*models: Predictions) -> Picture:
    """Precision at every recall, the point at the threshold, and the share of opinionated sentences as the floor."""
    figure = Picture(figsize=(3.9, 3.7), layout="constrained")
    axes = figure.subplots()
    share = float(models[0].labels.mean())
    axes.axhline(share, color=FAINT, linewidth=1, zorder=1)
    axes.text(0.0, share - 0.012, f"all flagged: {share:.2f}", color=SOFT, fontsize=7, va="top")
    for i, (predictions, name) in enumerate(zip(models, names_of(models), strict=True)):
        colour = MODEL_COLOURS[i]
        precision, recall = precision_recall_points(predictions)
        if not len(precision):
            continue
        area = float(np.sum(np.diff(recall, prepend=0.0) * precision))
        recall, precision = np.append(0, recall), np.append(precision[0], precision)
        axes.plot(
            recall,
            precision,
            color=colour,
            linewidth=1.4,
            label=f"{name}: average precision {area:.3f}",
            drawstyle="steps-pre",
        )
        flagged = predictions.flags == 1
        if flagged.any():
            x, y = predictions.labels[flagged].sum() / predictions.labels.sum(), predictions.labels[flagged].mean()
            axes.plot(x, y, "o", color=colour, markersize=5.5, markeredgecolor="white", markeredgewidth=1, zorder=5)
            if len(models) == 1:
                axes.annotate(
                    f"threshold {predictions.threshold:.2f}",
                    (x, y),
                    xytext=(-7, -7),
                    textcoords="offset points",
                    ha="right",
                    va="top",
                    fontsize=7,
                    color=SOFT,
                )
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(min(0.5, max(share - 0.1, 0.0)) - 0.01, 1.01),
        title="Precision and recall",
        xlabel="Recall: opinionated sentences found",
        ylabel="Precision: flagged ones labelled so",
    )
    axes.xaxis.set_major_locator(MultipleLocator(0.2))
    _legend(axes, loc="lower left" if share > 0.3 else "upper right")
    return figure


def precision_recall_points(predictions: Predictions) -> tuple[Array, Array]:
    """Precision and recall where each probability in turn is the threshold, from the highest down; empty without
    opinionated sentences. Shape: (distinct probabilities,) each.
    """
    order = np.argsort(-predictions.probabilities, kind="stable")
    labels, p = predictions.labels[order], predictions.probabilities[order]
    last = np.append(np.diff(p) != 0, True)
    hits = labels.cumsum()
    if not hits[-1]:
        return np.zeros(0), np.zeros(0)
    return (hits / np.arange(1, len(p) + 1))[last], (hits / hits[-1])[last]


@styled
def confusion(*models: Predictions) -> Picture:
    """Counts of labels and decisions, shaded by the share of each label."""
    figure = Picture(figsize=(2.75 * len(models) + 0.35, 2.9), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(models)))
    for axes, predictions, name in zip(panels, models, names_of(models), strict=True):
        table = np.array(
            [[((predictions.labels == y) & (predictions.flags == f)).sum() for f in (0, 1)] for y in (0, 1)]
        )
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        axes.imshow(
            shares, cmap=mpl.colors.LinearSegmentedColormap.from_list("b", ["white", "#2b87bd"]), vmin=0, vmax=1
        )
        for y in (0, 1):
            for f in (0, 1):
                colour = "white" if shares[y, f] > 0.62 else INK
                axes.text(f, y - 0.07, f"{table[y, f]:,}", ha="center", va="center", fontsize=13, color=colour)
                axes.text(f, y + 0.2, f"{100 * shares[y, f]:.0f} %", ha="center", va="center", fontsize=8, color=colour)
        axes.axhline(0.5, color="white", linewidth=3)
        axes.axvline(0.5, color="white", linewidth=3)
        axes.set_xticks([0, 1], ["neutral", "opinionated"])
        axes.set_yticks([0, 1], ["neutral", "opinionated"], rotation=90, va="center")
        axes.set(xlabel="Model says", title=name if len(models) > 1 else "Labels and decisions")
        if axes is panels[0]:
            axes.set_ylabel("Labelled")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


@styled
def slices(measurement: Measurement) -> Picture:
    """Macro-F1, recall and false alarms of every slice with their intervals; a line marks the whole."""
    chosen = [
        part for _, parts in groupby(measurement.slices, lambda part: part.dimension) for part in list(parts)[:SHOWN]
    ]
    rows: list[Slice | str] = []
    for dimension, parts in groupby(chosen, lambda part: part.dimension):
        rows += [DIMENSIONS[dimension], *parts]
    figure = Picture(figsize=(7.2, 0.19 * max(len(rows), 4) + 0.95), layout="constrained")
    columns = figure.subplots(1, 3, sharey=True)
    whole = _whole(measurement)
    for axes, name in zip(columns, ("macro_f1", "recall", "false_alarms"), strict=True):
        axes.axvline(whole[name], color=FAINT, linewidth=1, zorder=1)
        for y, row in enumerate(rows):
            if isinstance(row, Slice) and row.figures[name].defined:
                figure_of = row.figures[name]
                colour = MODEL_COLOURS[0]
                if figure_of.bounded:
                    axes.hlines(y, figure_of.low, figure_of.high, color=colour, linewidth=1.2, alpha=0.55)
                axes.plot(figure_of.value, y, "o", color=colour, markersize=4, clip_on=False)
        axes.set(xlim=(-0.02, 1.02), title=TITLES[name])
        axes.xaxis.set_major_locator(MultipleLocator(0.25))
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", color="#f0f0f0", linewidth=0.6)
        axes.set_axisbelow(True)
    labels = [row if isinstance(row, str) else f"{row.name}  ({row.sentences:,})" for row in rows]
    columns[0].set_yticks(range(len(rows)), labels)
    for text, row in zip(columns[0].get_yticklabels(), rows, strict=True):
        if isinstance(row, str):
            text.set(fontweight="bold", color=INK)
    columns[0].set_ylim(len(rows) - 0.4, -0.6)
    return figure


@styled
def differences(comparison: Comparison) -> Picture:
    """How much better the first model is in each figure, with the paired interval; to the right is better."""
    names = [name for name in FIGURES if comparison.differences[name].defined]
    names += [name for name in comparison.differences if name not in FIGURES and comparison.differences[name].defined]
    figure = Picture(figsize=(4.6, 0.24 * max(len(names), 4) + 1.0), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color=SOFT, linewidth=0.8, zorder=1)
    for y, name in enumerate(names):
        sign = -1 if name in LOWER_IS_BETTER else 1
        of = comparison.differences[name]
        sure = of.bounded and (of.low > 0 or of.high < 0)
        colour = MODEL_COLOURS[int(sign * of.value < 0)] if sure else SOFT
        if of.bounded:
            axes.hlines(y, sign * of.low, sign * of.high, color=colour, linewidth=1.4, alpha=0.6)
        axes.plot(sign * of.value, y, "o", color=colour, markersize=4.5)
    reach = 1.1 * max([0.01, *(abs(edge) for edge in axes.dataLim.intervalx)])
    axes.set(xlim=(-reach, reach), ylim=(len(names) - 0.4, -0.6))
    axes.set_yticks(range(len(names)), [TITLES[name] for name in names])
    first, second = names_of((comparison.first.predictions, comparison.second.predictions))
    axes.set_title(f"{first} against {second}")
    for x, side, text in ((0.48, "right", f"← {second} better"), (0.52, "left", f"{first} better →")):
        axes.text(x, -26 / (72 * figure.get_figheight()), text, ha=side, va="top", transform=axes.transAxes)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", color="#f0f0f0", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure


def _whole(measurement: Measurement) -> dict[str, float]:
    tn, fp, _, _ = measurement.confusion
    figures = measurement.figures
    alarms = fp / (fp + tn) if fp + tn else float("nan")
    return {"macro_f1": figures["macro_f1"].value, "recall": figures["recall"].value, "false_alarms": alarms}


def _threshold(axes: Axes, at: float, text: str) -> None:
    axes.axvline(at, color=SOFT, linewidth=0.7, linestyle=(0, (2, 2)), zorder=1)
    axes.text(at, 0.015, text, color=SOFT, fontsize=7, va="bottom", ha="left")


def _legend(axes: Axes, **where: Any) -> None:
    if not axes.get_legend_handles_labels()[0]:
        return
    axes.legend(frameon=False, fontsize=7.5, handlelength=1.2, labelcolor="linecolor", borderaxespad=0.3, **where)
