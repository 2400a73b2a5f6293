"""The gate of the shipped model; `python -m bias.training floors` raises it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bias.detector import Detector
from bias.errors import DataError
from bias.training.checklist.running import own_checklist
from bias.training.shipped.floors import SLACK, digest_of, measure, note_reason, update

HERE = Path(__file__).parent
SEEDS = HERE.parent / "seeds"
FLOORS = json.loads((HERE / "floors.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def measured() -> dict[str, float]:
    return measure(Detector(), own_checklist(), SEEDS)


def test_the_floors_belong_to_these_cases() -> None:
    assert FLOORS["digest"] == digest_of(own_checklist(), SEEDS), (
        "cases changed: python -m bias.training floors --lower"
    )


def test_everything_measured_has_a_floor(measured: dict[str, float]) -> None:
    assert measured.keys() == FLOORS["floors"].keys()


@pytest.mark.parametrize("name", sorted(FLOORS["floors"]))
def test_the_model_does_not_fall(measured: dict[str, float], name: str) -> None:
    # int8 kernels differ between processors; a case or two may change sides elsewhere
    allowed = 0.02 + 1e-4
    assert measured[name] >= FLOORS["floors"][name] - allowed


def test_floors_rise_freely_and_fall_only_with_a_reason(tmp_path: Path) -> None:
    path, changelog = tmp_path / "floors.json", tmp_path / "CHANGELOG.md"
    assert update(path, {"a": 0.5, "b": 0.5}, "d", None) == []
    assert update(path, {"a": 0.6, "b": 0.5 - SLACK / 2}, "d", None) == []
    with pytest.raises(DataError, match="a fell"):
        update(path, {"a": 0.55, "b": 0.5}, "d", None)
    with pytest.raises(DataError, match="cases changed"):
        update(path, {"a": 0.7, "b": 0.5}, "e", None)
    assert json.loads(path.read_text())["floors"]["a"] == 0.6
    assert update(path, {"a": 0.55, "b": 0.5}, "d", "fewer false alarms are worth it") == ["a"]
    changelog.write_text("# Changelog\n\n## 0.1.0\n\n- First.\n")
    note_reason(changelog, ["a"], "fewer false alarms are worth it")
    assert "- Floors changed (a): fewer false alarms are worth it" in changelog.read_text()
