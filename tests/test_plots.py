from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from measured import example, given_predictions, sample
from sklearn.metrics import precision_recall_curve

from bias.errors import DataError
from bias.training.checklist.results import CapabilityResult
from bias.training.evaluation import plots, runplots
from bias.training.evaluation.comparison import compare
from bias.training.evaluation.measuring import Predictions, measure
from bias.training.evaluation.slices import FEWEST


def texts(picture: Figure) -> str:
    return " ".join(text.get_text() for text in picture.findobj(mpl.text.Text))


def test_no_state_of_pyplot_is_touched() -> None:
    code = "import sys, bias.training.evaluation.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_notebook_shows_a_picture_by_itself_and_sharp() -> None:
    data, shown = DisplayFormatter().format(plots.confusion(sample(40)))
    assert data["image/png"].startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data["image/png"][16:24])
    assert (width, height) == (2 * shown["image/png"]["width"], 2 * shown["image/png"]["height"])


def test_users_settings_neither_matter_nor_change() -> None:
    with mpl.rc_context({"font.size": 31.0, "axes.facecolor": "black"}):
        picture = plots.confusion(sample(40))
        assert mpl.rcParams["font.size"] == 31.0
    assert picture.axes[0].get_facecolor() == (1, 1, 1, 1)


def test_reliability_shows_bins_of_equal_mass_with_their_bounds() -> None:
    predictions = sample(200)
    said, found, low, high = plots.reliability_bins(predictions)
    assert len(said) == 10
    assert np.all(np.diff(said) > 0)
    order = np.argsort(predictions.probabilities)[:20]
    assert said[0] == pytest.approx(predictions.probabilities[order].mean())
    assert found[0] == pytest.approx(predictions.labels[order].mean())
    assert np.all((low <= found) & (found <= high))
    assert np.all(high - low > 0)


def test_the_curve_is_scikit_learns() -> None:
    predictions = sample(150, skill=0.3)
    precision, recall = plots.precision_recall_points(predictions)
    expected = precision_recall_curve(predictions.labels, predictions.probabilities)
    assert np.allclose(precision, expected[0][:-1][::-1])
    assert np.allclose(recall, expected[1][:-1][::-1])


def test_every_picture_names_what_it_shows() -> None:
    first, second = sample(120, name="mine"), sample(120, seed=4, name="theirs")
    assert "threshold 0.50" in texts(plots.reliability(first))
    assert "mine" in texts(plots.reliability(first, second))
    assert "theirs: average precision 0." in texts(plots.precision_recall(first, second))
    assert "labelled" in texts(plots.confusion(first)).casefold()
    assert "← theirs better" in texts(plots.differences(compare(first, second)))


def test_slices_are_shown_with_their_sizes_and_the_small_ones_are_not() -> None:
    examples = [example(i, outlet="Big" if i < 60 else "Small", leaning="left") for i in range(60 + FEWEST - 1)]
    labels = [i % 2 for i in range(len(examples))]
    shown = texts(plots.slices(measure(given_predictions(labels, labels, examples=examples), draws=50)))
    assert "Big  (60)" in shown
    assert "Small" not in shown


@pytest.mark.parametrize(
    "predictions",
    [
        given_predictions([1] * 12, [0.9] * 12),
        given_predictions([0] * 12, [0.2] * 12),
        given_predictions([1], [0.5]),
        given_predictions([0, 1, 1], [0.0, 1.0, 1.0]),
    ],
)
def test_what_cannot_be_measured_is_drawn_without_it(predictions: Predictions, tmp_path: Path) -> None:
    comparison = compare(predictions, predictions.at(0.95), draws=20)
    pictures = [
        plots.reliability(predictions),
        plots.precision_recall(predictions, predictions),
        plots.confusion(predictions),
        plots.slices(comparison.first),
        plots.differences(comparison),
    ]
    for number, picture in enumerate(pictures):
        plots.save(picture, tmp_path / str(number), ("svg",))
        assert (tmp_path / f"{number}.svg").stat().st_size > 1000


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        plots.save(plots.reliability(sample(60)), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


# Runs


def record(**changes: Any) -> dict[str, Any]:
    """A run record of two seeds, as far as the picture goes."""
    steps = [{"step": i, "epoch": i / 2, "loss": 0.7 / i} for i in (1, 2, 3, 4)]
    measured = [{"step": 2 * i, "epoch": float(i), "macro_f1": 0.6 + i / 10, "auroc": 0.8, "loss": 1.0} for i in (1, 2)]
    best = {"macro_f1": 0.8, "auroc": 0.8, "epoch": 2.0}
    seeds = [{"seed": seed, "figures": best, "curves": [[], steps + measured]} for seed in (13, 14)]
    return {"seed": 14, "seeds": seeds, **changes}


def test_learning_curves_show_every_seed_and_mark_what_was_kept() -> None:
    picture = runplots.learning_curves(record())
    loss, development = picture.axes
    drawn = [[float(y) for y in line.get_ydata()] for line in loss.lines if line.get_marker() != "o"]
    assert drawn == [[0.7, 0.35, 0.7 / 3, 0.175], [1.0, 1.0]] * 2  # a seed each
    ring = development.lines[-1]
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([2.0], [0.8])
    assert "kept" in texts(picture)
    assert "AUROC" in texts(picture)


def test_learning_curves_of_a_run_without_a_development_part() -> None:
    curve = [{"step": 1, "epoch": 1.0, "loss": 0.5}]
    picture = runplots.learning_curves(record(seeds=[{"seed": 14, "figures": {}, "curves": [curve]}]))
    assert "no development part" in texts(picture)


def asked(passed: int, capability: str = "facts", n: int = 20, **values: Any) -> CapabilityResult:
    return CapabilityResult(capability, "mft", "neutral", "", n, passed, **values)


def test_a_change_on_the_checklist_is_shown_question_by_question() -> None:
    after = [asked(15), asked(3, "negation", known_failure=True)]
    before = [asked(20), asked(2, "negation", known_failure=True)]
    picture = runplots.checklist_change(after, before, ("mine", "theirs"))
    assert "facts:  neutral ones left alone" in texts(picture)
    assert "(negation):" in texts(picture)
    assert [line.get_xdata()[0] for line in picture.axes[0].lines if line.get_marker() == "o"] == [0.75, 1.0, 0.15, 0.1]
    assert {"mine", "theirs"} <= {text.get_text() for text in picture.legends[0].get_texts()}


def test_different_checklists_are_not_held_against_each_other() -> None:
    with pytest.raises(DataError, match="same one to both"):
        runplots.checklist_change([asked(3)], [asked(3, n=21)], ("a", "b"))
