"""Model cards: the shipped one keeps all it told, a user's tells how the model came about and nothing of the data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bias.errors import DataError, ModelError, UsageError
from bias.modelfolder import default_model, open_model
from bias.training.card import (
    LONG_PARTS,
    default_template,
    read_template,
    render_card,
    save_figures,
    write_card,
    write_metrics,
)
from bias.training.folder import INHERITED, NOT_STATED, license_of, update_manifest

RUN: dict[str, Any] = {
    "format": 1,
    "recipe": {
        "name": "mine",
        "base": "/opt/somebody/models/base",
        "seed": 13,
        "stage": [{"data": ["/opt/somebody/secret/mine.csv", "babe"], "epochs": 5.0, "learning_rate": 3e-5}],
    },
    "base": {"name": "newsbias-minilm 0.1.0", "sha256": "ab" * 32},
    "data": [
        {"name": "mine|odd.csv", "sha256": "cd" * 32, "rows": 412, "labelled": 400, "weight": 2.0},
        {"name": "babe", "sha256": "ef" * 32, "rows": 3019, "labelled": 3019, "weight": 1.0},
    ],
    "duplicates": {"repeated": 3, "conflicting": 1},
    "parts": {"by": "article", "train": {"sentences": 240, "opinionated": 100}},
    "seeds": [{"seed": 13, "figures": {"macro_f1": 0.8123}, "curves": [[{"step": 10, "loss": 0.5}]]}],
    "seed": 13,
    "spread": None,
    "figures": {"test": {"macro_f1": {"value": 0.79, "low": 0.75, "high": 0.83}}},
    "calibration": {"threshold": 0.47},
    "versions": {"newsbias": "0.2.0", "torch": "2.13.0"},
    "machine": {"processors": 2, "accelerator": None},
}


HEADS = {
    "outlet": "| by outlet |",
    "seeds": "### Chance",
    "steps": "### Steps of training",
    "ways": "### Ways of training",
}
"""What stands over each of the parts that may be missing."""


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def card(folder: Path, run: dict[str, Any] | None = None) -> str:
    if run is not None:
        (folder / "run.json").write_text(json.dumps(run))
    write_card(folder)
    return (folder / "README.md").read_text("utf-8")


# The shipped model


def test_the_shipped_card_is_what_the_template_writes_from_its_figures() -> None:
    shipped = default_model()
    written = render_card(shipped, read_template())
    assert (shipped / "README.md").read_text("utf-8") == written  # else: python -m bias.training card
    for part in (
        "newsbias",
        "tfidf",
        "left less right",
        "BASIL",
        "loaded-sly",
        "(ships)",
        "Krippendorff",
        "CC BY-NC-SA",
    ):
        assert part in written
    assert "bias train --recipe models/default/recipe.toml" in written
    for command in ("folds", "calibrate", "reference", "figures", "news", "pages", "cases", "precisions", "card"):
        assert f"python -m bias.training {command}" in written


@pytest.mark.parametrize("part", LONG_PARTS)
def test_figures_that_take_hours_may_be_missing(part: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(default_model(), tmp_path / "model"))
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    metrics.pop(part, None)
    for name, values in metrics.items():
        save_figures(tmp_path / "figures" / f"{name}.json", values)
    write_metrics(folder, tmp_path / "figures")
    written = card(folder)
    assert HEADS[part] not in written
    assert "## Limits" in written
    (tmp_path / "figures" / "article.json").unlink()
    with pytest.raises(DataError, match=r"article.json is missing: run `python -m bias.training figures --by article`"):
        write_metrics(folder, tmp_path / "figures")


# A user's model


def test_a_bare_folder_has_a_card(folder: Path) -> None:
    text = card(folder)
    assert text.startswith("# tiny 1\n")
    assert f"**Terms:** {NOT_STATED}." in text
    assert "was not calibrated" in text
    assert "\n\n\n" not in text
    assert "non-commercial" not in text
    assert "BASIL" not in text


def test_the_run_record_is_told_without_folders_or_texts(folder: Path) -> None:
    text = card(folder, RUN)
    for part in (
        "mine\\|odd.csv",
        "cd" * 32,
        "412",
        "macro_f1 0.8123",
        "0.790 (0.750 to 0.830)",
        "torch 2.13.0",
        "3e-05",
    ):
        assert part in text
    assert "mine.csv, babe" in text
    assert "mediabiasgroup/BABE" in text
    assert "/opt" not in text
    assert "somebody" not in text
    assert "bias train --recipe recipe.toml" in text


@pytest.mark.parametrize("key", sorted(RUN))
def test_a_record_may_lack_anything(folder: Path, key: str) -> None:
    text = card(folder, {name: value for name, value in RUN.items() if name != key})
    assert text.startswith("# tiny 1\n")


def test_an_empty_record_is_enough(folder: Path) -> None:
    assert card(folder, {}).startswith("# tiny 1\n")


def test_calibration_is_told_with_its_intervals(folder: Path) -> None:
    figure = {"value": 0.21, "low": 0.18, "high": 0.24}
    quality = {"brier": figure, "calibration_error": figure}
    balanced = {
        "method": "platt",
        "rule": "f1",
        "sentences": 80,
        "opinionated": 31.5,
        "articles": 40,
        "threshold": 0.5,
        "before": quality,
        "after": quality,
        "withheld": False,
        "marked_words": 12,
        "spans": "inherited",
        "notes": ["12 marked words are too few"],
        "data": [{"name": "held-out.csv", "sha256": "12" * 32}],
    }
    update_manifest(folder, calibrated={"balanced": balanced, "news": {"share": 0.05}})
    text = card(folder, RUN)
    assert "fitted on 80 sentences\n(31.5 opinionated, 40 articles; held-out.csv" in text
    assert "| Brier score | 0.210 (0.180 to 0.240) |" in text
    assert "calibrated anew" in text  # the threshold is another than the run's
    assert "a share of 5.0 % opinionated" in text
    update_manifest(folder, calibrated={"balanced": {**balanced, "threshold": 0.47, "before": None, "after": None}})
    text = card(folder)
    assert "calibrated anew" not in text
    assert "Brier" not in text


def test_a_file_that_is_not_json_is_named(folder: Path) -> None:
    (folder / "run.json").write_text("{")
    with pytest.raises(ModelError, match=r"run\.json cannot be read"):
        write_card(folder)
    (folder / "run.json").write_text("[1]")
    with pytest.raises(ModelError, match="not a JSON object"):
        write_card(folder)


# Templates


def test_a_template_of_ones_own_is_used(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jinja"
    mine.write_text("{{ model.info.name }}: {{ run.data|length if run else 'none' }} {{ own }}")
    write_card(folder, read_template(mine))
    assert (folder / "README.md").read_text().startswith("tiny: none ")
    mine.write_text(default_template())
    assert render_card(folder, read_template(mine)) == render_card(folder, read_template())
    assert render_card(folder, read_template(Path("default"))) == render_card(folder, read_template())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a\n{% if %}", r"mine\.jinja:2: no card template"),
        ("{{ modle.info }}", "'modle' is undefined"),
        ("{{ run.recipe }}", "recipe"),
        ("{{ model.info.name.nothing }}", "nothing"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ 3|figures }}", "figures"),
    ],
)
def test_a_faulty_template_is_one_line_and_leaves_the_card(folder: Path, tmp_path: Path, text: str, fault: str) -> None:
    (folder / "README.md").write_text("as it was")
    mine = tmp_path / "mine.jinja"
    mine.write_text(text)
    with pytest.raises(UsageError, match=fault) as caught:
        write_card(folder, read_template(mine))
    assert "\n" not in str(caught.value)
    assert (folder / "README.md").read_text() == "as it was"


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.jinja cannot be read"):
        read_template(tmp_path / "no.jinja")


# Terms


def test_terms_go_on_with_the_weights(folder: Path) -> None:
    shipped = open_model(default_model())
    child = license_of(shipped, "CC0")
    assert child.startswith(shipped.license)
    assert f"{INHERITED}newsbias-minilm" in child
    assert child.endswith("for what was added: CC0")
    update_manifest(folder, license=child)
    grandchild = license_of(open_model(folder), None)
    assert grandchild == child
    assert license_of(open_model(folder), "CC0") == child
    assert "**Terms: for non-commercial use.**" in card(folder)


def test_terms_of_ones_own_are_ones_own(tiny_folder: Path) -> None:
    assert license_of(None, " MIT ") == "MIT"
    assert license_of(None, None) == license_of(None, " ") == NOT_STATED
    assert license_of(open_model(tiny_folder), "MIT") == "MIT"
    assert license_of(open_model(tiny_folder), None) == NOT_STATED
