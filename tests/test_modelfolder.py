from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bias.detector import Detector
from bias.errors import ModelError
from bias.modelfolder import MANIFEST, TOKENIZER, WEIGHTS, open_model

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def rewrite(folder: Path, change: Change) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_sound_folder_opens(copy: Path) -> None:
    model = open_model(copy)
    assert model.info.name == "tiny"
    assert model.reference is None


@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER])
def test_one_changed_byte_is_noticed(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(ModelError, match=rf"{name} does not match its sha256"):
        open_model(copy)


@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER])
def test_a_cut_file_is_noticed(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes()[:-1])
    with pytest.raises(ModelError, match="bytes"):
        open_model(copy)


@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER, MANIFEST])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelError, match=name):
        open_model(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(format=99),
        lambda m: m.pop("calibration"),
        lambda m: m.update(categories=["other"]),
        lambda m: m["calibration"].update(span_threshold=7),
        lambda m: m["calibration"]["news"]["thresholds"].pop("separate"),
        lambda m: m["calibration"]["curve"].update(log_odds=[]),
        lambda m: m["files"].pop(WEIGHTS),
        lambda m: m["calibration"]["token"].update(slope=float("nan")),
        lambda m: m["calibration"]["news"]["written"].update(intercept=float("inf")),
        lambda m: m.update(max_tokens="many"),
        lambda m: m.update(reference={"corpus": "x", "quantiles": {"news/separate": {"news": [1.0, 2.0]}}}),
    ],
)
def test_a_wrong_manifest_is_refused(copy: Path, change: Change) -> None:
    rewrite(copy, change)
    with pytest.raises(ModelError, match=MANIFEST):
        open_model(copy)


def test_windows_without_room_are_refused(copy: Path) -> None:
    rewrite(copy, lambda m: m.update(max_tokens=10))
    with pytest.raises(ModelError, match="windows of 10 tokens"):
        Detector(copy)


def test_what_is_not_json_is_refused(copy: Path) -> None:
    (copy / MANIFEST).write_bytes(b"\xff{")
    with pytest.raises(ModelError, match="cannot be read"):
        open_model(copy)


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("weights")]
)
def test_what_is_no_folder_of_a_model_is_refused(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    make(tmp_path / "x")
    with pytest.raises(ModelError, match="folder"):
        Detector(tmp_path / "x")
