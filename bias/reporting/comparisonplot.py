"""The picture of a comparison; needs matplotlib."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bias.comparing import Comparison
from bias.reporting.marking import excerpt, is_aside
from bias.training.evaluation.plotstyle import FAINT, INK, LABEL_COLOURS, SOFT, Picture, styled
from bias.types import ArticleReport

NAME_WIDTH = 32
"""Characters of a name beside the picture."""

BAND = 0.7
"""Height of an article's strip, in rows."""


@styled
def draw(comparison: Comparison) -> Picture:
    """Scores with 95 % intervals on the left; on the right a bar for every sentence, at its place and as high as its
    probability.
    """
    rows = len(comparison.reports)
    picture = Picture(figsize=(8.4, 1.15 + 0.45 * rows), layout="constrained")
    scores, strips = picture.subplots(1, 2, sharey=True, width_ratios=(1, 1.7))
    names = [excerpt(name, NAME_WIDTH) for name in comparison.names]
    scores.set(title="Score and 95 % interval", xlabel="% of sentences expected to be opinionated")
    strips.set(title="Where the framing sits", xlabel="place in the article, %", xlim=(0, 100))
    for row, report in enumerate(comparison.reports):
        _score(scores, row, report)
        _strip(strips, row, report)
    scores.set_yticks(range(rows), names, fontsize=8)
    scores.set_ylim(rows - 0.5, -0.5)
    highest = max((report.interval[1] for report in comparison.reports if report.interval), default=0.0)
    scores.set_xlim(0, min(100.0, max(10.0, 1.1 * highest)))
    scores.grid(axis="x", color=FAINT, linewidth=0.6)
    scores.set_axisbelow(True)
    for axes in (scores, strips):
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    strips.tick_params(axis="y", labelleft=False)
    kinds = [Patch(color=LABEL_COLOURS[1], label="opinionated"), Patch(color=LABEL_COLOURS[0], label="neutral")]
    if any(is_aside(report, result) for report in comparison.reports for result in report.sentences):
        kinds.append(Patch(facecolor="white", edgecolor=FAINT, label="only quoted, not counted"))
    picture.legend(handles=kinds, loc="outside lower right", ncols=3, frameon=False, fontsize=7.5)
    return picture


def _score(axes: Axes, row: int, report: ArticleReport) -> None:
    if report.score is None:
        axes.text(0.02, row, "no score", color=SOFT, va="center", fontsize=7.5, transform=axes.get_yaxis_transform())
        return
    if report.interval is not None:
        axes.plot(report.interval, (row, row), color=LABEL_COLOURS[1], linewidth=3, alpha=0.35)
    axes.plot(report.score, row, "o", color=LABEL_COLOURS[1], markersize=5)
    axes.annotate(
        f"{report.score:.0f}",
        (report.score, row),
        (0, 6),
        textcoords="offset points",
        ha="center",
        color=INK,
        fontsize=7,
    )


def _strip(axes: Axes, row: int, report: ArticleReport) -> None:
    """Each sentence as wide as its share of the text; the pale ground is what a probability of 1 would fill."""
    percent = 100 / max(1, report.article.characters)
    foot = row + BAND / 2
    for result in report.sentences:
        start, width = result.sentence.start * percent, (result.sentence.end - result.sentence.start) * percent
        inset = min(0.15, width / 4)
        place = (start + inset, width - 2 * inset)
        if is_aside(report, result):
            axes.broken_barh([place], (foot, -BAND), facecolor="white", edgecolor=FAINT, linewidth=0.6)
            continue
        colour = LABEL_COLOURS[result.label == "opinionated"]
        axes.broken_barh([place], (foot, -BAND), facecolor="#f3f3f3", linewidth=0)
        axes.broken_barh([place], (foot, -BAND * report.decisive(result)), facecolor=colour, linewidth=0)
