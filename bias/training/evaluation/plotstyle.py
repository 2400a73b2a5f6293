"""How the pictures look, and how they become files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import ParamSpec

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

P = ParamSpec("P")

INK, SOFT, FAINT = "#222222", "#6b6b6b", "#d9d9d9"
MODEL_COLOURS = ("#0072B2", "#D55E00")
LABEL_COLOURS = ("#b5b5b5", "#0072B2")

DPI = 110
"""Dots an inch of a picture as it is shown; twice as many are drawn in a notebook."""

COLOURS = 128
"""Colours of a picture in a notebook."""

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "figure.dpi": DPI,
    "savefig.dpi": 200,
    "svg.hashsalt": "newsbias",
}


class Picture(Figure):
    """A figure that a notebook shows by itself, sharp on fine screens, with no pyplot and no magic command."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = self.get_size_inches() * DPI
        drawn, stream = BytesIO(), BytesIO()
        self.savefig(drawn, format="png", dpi=2 * DPI)
        # A third of the bytes, which stay in the notebook's file; no eye tells the difference.
        Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(stream, "png", optimize=True)
        return stream.getvalue(), {"width": round(width), "height": round(height)}


def styled(draw: Callable[P, Picture]) -> Callable[P, Picture]:
    """The function under our style, whatever the user's own settings are."""

    @wraps(draw)
    def run(*args: P.args, **kwargs: P.kwargs) -> Picture:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return run


def save(picture: Picture, stem: str | Path, formats: Sequence[str] = ("svg", "png")) -> None:
    """Write a picture beside each other in several formats: `stem` is the path without suffix.

    The same picture gives the same bytes.
    """
    with mpl.rc_context({"svg.hashsalt": "newsbias"}):
        for suffix in formats:
            metadata = {"Date": None} if suffix == "svg" else {"Software": None}
            picture.savefig(f"{stem}.{suffix}", dpi=200, metadata=metadata)
