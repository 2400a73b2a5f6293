"""The wheel is what users get: it must hold all that `bias score` needs, and say what the weights are for."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def build(target: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_the_wheel_alone_scores_an_article(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    (tmp_path / "story.txt").write_text("The council voted 7 to 4 on Tuesday. The mayor's cronies cheered.\n")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bias", "score", "--output-format", "html", "story.txt"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "cronies" in done.stdout
    shown = subprocess.run(
        [sys.executable, "-P", "-m", "bias", "info"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert str(installed) in shown.stdout


def test_the_metadata_says_what_the_weights_are_for(metadata: Message) -> None:
    assert "non-commercial" in metadata["Summary"]
    assert metadata["License-Expression"] == "Apache-2.0 AND LicenseRef-newsbias-weights"
    assert set(metadata.get_all("License-File", [])) == {"LICENSE", "models/default/LICENSE"}


def test_scoring_text_needs_nothing_of_training(metadata: Message) -> None:
    core = [name for name in metadata.get_all("Requires-Dist", []) if "extra ==" not in name]
    assert core
    assert not [name for name in core if name.startswith(("torch", "transformers", "datasets", "pyarrow"))]


def test_the_sdist_builds_and_tests_alone(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "constraints.txt", "bias/cli/score.py", "tests/test_package.py"}
    assert wanted <= names
    assert {"models/default/LICENSE", "models/default/model.onnx", "models/default/bias.json"} <= names
    assert not [name for name in names if name.startswith(("runs/", "dist/")) or "__pycache__" in name]


def test_the_readme_and_the_check_script_agree_on_the_test_command() -> None:
    command = "pip install -c constraints.txt -e '.[dev]' && pytest"
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")
    assert command in (ROOT / ".ci/run").read_text(encoding="utf-8")
