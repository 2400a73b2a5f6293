"""The wheel is what users get: it must hold all that `bias score` needs, and say what the weights are for."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def build(target: str, folder: Path, root: Path = ROOT, **environment: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    set_here = {**os.environ, **environment}
    subprocess.run(command, cwd=root, env=set_here, check=True, capture_output=True, timeout=120)
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


def test_two_builds_are_the_same_byte_for_byte(wheel: Path, tmp_path: Path) -> None:
    """From another folder, at another time, by a user with other rights, from the sdist."""
    with tarfile.open(build("sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "from", filter="data")
    (root,) = (tmp_path / "from").iterdir()
    for path in root.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1e9, 1e9))
    again = build("wheel", tmp_path / "wheel", root, PYTHONHASHSEED="7", TZ="Asia/Tokyo", LC_ALL="C")
    assert again.name == wheel.name
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(wheel.read_bytes()).digest()


def test_the_date_of_a_build_can_be_set(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        with zipfile.ZipFile(build("wheel", tmp_path / folder, SOURCE_DATE_EPOCH="1600000000")) as archive:
            assert {member.date_time[:3] for member in archive.infolist()} == {(2020, 9, 13)}
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in tmp_path.glob("*/*.whl")}
    assert len(digests) == 1


def test_installing_runs_no_code(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names} == {
        "bias",
        f"{wheel.name[: -len('-py3-none-any.whl')]}.dist-info",
    }
    assert not [
        name for name in names if name.endswith((".pth", ".so", ".pyd", ".dll", "setup.py")) or ".data/" in name
    ]


def test_the_wheel_says_what_it_is_made_of(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if ".dist-info/sboms/" in name)
        bill = json.loads(archive.read(name))
        files = {part["name"]: part["hashes"][0]["content"] for part in bill["components"][0]["components"]}
        for path, digest in files.items():
            assert hashlib.sha256(archive.read(path)).hexdigest() == digest
        assert set(files) == {name for name in archive.namelist() if name.startswith("bias/models/default/")}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["version"] == PROJECT["version"]
    needed = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert {part["name"] for part in bill["components"] if part.get("scope") == "required"} == needed
    references = {part["bom-ref"] for part in bill["components"]}
    assert set(bill["dependencies"][0]["dependsOn"]) == references


def test_every_dependency_is_bounded_at_both_ends() -> None:
    pinned = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
    )
    extras = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name != "dev"}
    for line in [*PROJECT["dependencies"], *(line for lines in extras.values() for line in lines)]:
        found = Requirement(line)
        if found.name == "newsbias":  # an extra that takes in another
            continue
        assert {part.operator for part in found.specifier} == {">=", "<"}, line
        assert Version(pinned[found.name]) in found.specifier, line  # what the tests run with is allowed
    torch = next(Requirement(line) for line in extras["train"] if line.startswith("torch"))
    assert "2.14" not in torch.specifier  # brings gigabytes


def test_the_checks_run_at_both_ends_of_the_bounds() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert ".ci/bounds lowest" in script
    assert ".ci/bounds newest" in script


def test_hashes_cannot_go_with_an_editable_install(tmp_path: Path) -> None:
    """Why constraints.txt has none: pip refuses them in the one line that the README gives. If this fails, add them."""
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("rich==15.0.0 --hash=sha256:" + "0" * 64 + "\n")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", "--no-build-isolation"]
    ended = subprocess.run(
        [*command, "-c", str(constraints), "-e", str(ROOT)], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode
    assert "cannot be installed when requiring hashes" in ended.stderr
