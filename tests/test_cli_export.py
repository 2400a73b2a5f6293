"""`bias export` on tiny models: a folder that is complete, equals what it came from, or is not there at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from taught import sentences, taught_model, write_rows, write_taught_folder
from tiny import tiny_tokenizer

from bias.cli import main
from bias.detector import Detector
from bias.errors import ModelError, OutputError
from bias.modelfolder import default_model, open_model
from bias.training import folder as folders
from bias.training.calibration.calibrate import calibrate_on
from bias.training.card import default_template
from bias.training.data.examples import as_sentence
from bias.training.folder import INHERITED, new_model_folder, update_manifest


class Result(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Result]
TERMS = f"{open_model(default_model()).license}; {INHERITED}newsbias-minilm"
TEXTS = [example.text for example in sentences(20, 7000)]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str | Path) -> Result:
        status = main(["export", *map(str, arguments)])
        return Result(status, *capsys.readouterr())

    return command


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated model; read only."""
    folder = write_taught_folder(tmp_path_factory.mktemp("taught"))
    calibrate_on(folder, sentences(120, 1000))
    update_manifest(folder, license=TERMS)
    (folder / "seen.txt").write_text("0123456789\ttrain\n")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.jsonl", sentences(40, 3000))


def logits(folder: Path) -> np.ndarray:
    found = Detector(folder).predict(as_sentence(text) for text in TEXTS)
    return np.array([prediction.written.logit for prediction in found])


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_int8_again_is_the_same_model(run: Run, taught: Path, data: Path, tmp_path: Path) -> None:
    result = run(taught, data, "-o", tmp_path / "again")
    assert result.status == 0, result.err
    for part in ("fp32: a logit lies at most", "int8: on 40 sentences of rows.jsonl", "macro f1", "change their label"):
        assert part in result.out
    assert "warning" not in result.err
    assert "WARNING" not in result.err
    source, made = open_model(taught), open_model(tmp_path / "again")
    assert made.calibration == source.calibration
    assert (made.info.name, made.info.version, made.license) == ("taught", "1", TERMS)
    assert made.manifest["calibrated"] == source.manifest["calibrated"]
    assert (made.path / "seen.txt").read_bytes() == (taught / "seen.txt").read_bytes()
    # The weights to train on from are fp16, so int8 is made of slightly other numbers.
    assert np.abs(logits(made.path) - logits(taught)).max() < 0.3
    assert "Exported from taught 1 (int8) in int8" in (made.path / "README.md").read_text("utf-8")
    assert "**Terms: for non-commercial use.**" in (made.path / "README.md").read_text("utf-8")
    assert main(["info", str(made.path), "--verify"]) == 0


def test_fp32_equals_torch_and_warns_of_the_calibration(run: Run, taught: Path, data: Path, tmp_path: Path) -> None:
    result = run(taught, data, "-o", tmp_path / "exact", "--precision", "fp32", "--name", "exact", "--version", "9")
    assert result.status == 0, result.err
    assert "of another precision: calibrate" in result.err
    assert "macro f1" not in result.out
    made = open_model(tmp_path / "exact")
    assert (made.info.name, made.info.version, made.manifest["precision"]) == ("exact", "9", "fp32")
    import torch

    model, tokenizer = taught_model(), tiny_tokenizer()
    with torch.no_grad():
        ids = [torch.tensor([tokenizer.encode(text).ids]) for text in TEXTS]
        exact = [float(model(row, torch.ones_like(row)).sentence) for row in ids]
    assert np.abs(logits(made.path) - exact).max() < 0.02  # fp16 lies between


def test_static_int8_and_our_own_sentences(
    run: Run, taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bias.training.data import sources

    monkeypatch.setattr(sources, "read_own", lambda: sentences(30, 9000))
    result = run(taught, "-o", tmp_path / "static", "--precision", "int8-static", "--output-format", "json")
    assert result.status == 0, result.err
    facts: dict[str, Any] = json.loads(result.out)
    assert facts["change"]["sentences"] == 30
    assert facts["of"] == "our own sentences (the shipped model was trained on them)"
    assert facts["parity"] < 1e-4
    assert facts["calibration"] == "other"
    assert open_model(tmp_path / "static").manifest["precision"] == "int8-static"


def test_a_checkpoint_becomes_a_folder_without_a_calibration(run: Run, data: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint-20"
    taught_model().save_pretrained(checkpoint)
    result = run(checkpoint, data, "-o", tmp_path / "made")
    assert result.status == 2
    assert "holds no tokenizer.json" in result.err
    tiny_tokenizer().save(str(checkpoint / "tokenizer.json"))
    result = run(checkpoint, data, "-o", tmp_path / "made", "--license", "CC0")
    assert result.status == 0, result.err
    assert "calibrate the new folder before use" in result.err
    made = open_model(tmp_path / "made")
    assert (made.info.name, made.info.version, made.license, made.base) == ("made", "1", "CC0", "bert")
    card = (made.path / "README.md").read_text("utf-8")
    assert "**Terms:** CC0." in card
    assert "was not calibrated" in card
    (checkpoint / "model.safetensors").write_bytes(b"broken")
    result = run(checkpoint, data, "-o", tmp_path / "other")
    assert (result.status, "cannot be read as a checkpoint" in result.err) == (2, True)
    assert result.err.splitlines()[-1].startswith("bias: ")


def test_nothing_is_overwritten_and_nothing_is_left_behind(run: Run, taught: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("of days")
    (tmp_path / "template").write_text("{{ nothing }}")
    one = write_rows(tmp_path / "one.jsonl", [e for e in sentences(20) if e.label == 1])
    for arguments, named in (
        ((taught, data), "-o DIR"),
        ((taught, data, "-o", tmp_path / "mine"), "it exists"),
        ((taught, data, "-o", taught), "it exists"),
        ((taught, data, "-o", tmp_path / "no" / "deep"), "there is no folder"),
        ((tmp_path / "no", "-o", tmp_path / "a"), "no model folder and no checkpoint"),
        ((tmp_path / "mine", "-o", tmp_path / "a"), "no model folder and no checkpoint"),
        ((taught, data, "-o", tmp_path / "a", "--card-template", tmp_path / "template"), "'nothing' is undefined"),
        ((taught, one, "-o", tmp_path / "a"), "sentences of both kinds"),
        ((taught, data, "-o", tmp_path / "a", "--precision", "int4"), "int4"),
        ((taught, data, "-o", tmp_path / "a", "--license", "MIT"), "leave --license away"),
    ):
        result = run(*arguments)
        assert result.status == 2, arguments
        assert named in result.err.splitlines()[-1], (arguments, result.err)
        assert not (tmp_path / "a").exists()
        assert leftovers(tmp_path) == []
    assert (tmp_path / "mine" / "work.txt").read_text() == "of days"


def test_a_folder_appears_only_when_it_is_whole(taught: Path, tmp_path: Path) -> None:
    def write(name: str, spoil: Callable[[Path], object] = lambda folder: None) -> None:
        with new_model_folder(tmp_path / name) as folder:
            shutil.copytree(taught, folder, dirs_exist_ok=True)
            spoil(folder)

    def interrupt(folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write("a", interrupt)
    with pytest.raises(ModelError):
        write("a", lambda folder: (folder / "model.safetensors").write_bytes(b"torn"))
    assert list(tmp_path.iterdir()) == []

    def overtake(folder: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "theirs").write_text("another program was faster")

    with pytest.raises(OutputError):
        write("a", overtake)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["theirs"]
    assert leftovers(tmp_path) == []
    (tmp_path / "b").mkdir()  # an empty folder is nobody's work
    write("b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "usual").write_text("as its maker's other files")
    modes = [path.stat().st_mode for path in (tmp_path / "c", tmp_path / "c" / "usual")]
    assert [(tmp_path / "b").stat().st_mode, (tmp_path / "b" / "model.safetensors").stat().st_mode] == modes
    assert open_model(tmp_path / "b").info == open_model(taught).info


def test_an_export_that_differs_from_torch_is_refused(
    run: Run, taught: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = folders.export_fp32

    def wrong(model: Any, path: Path) -> None:
        model.sentence.bias.data += 0.01
        real(model, path)
        model.sentence.bias.data -= 0.01

    monkeypatch.setattr(folders, "export_fp32", wrong)
    result = run(taught, data, "-o", tmp_path / "a")
    assert result.status == 2
    assert "from torch's" in result.err
    assert not (tmp_path / "a").exists()


def test_the_default_template_is_printed(run: Run) -> None:
    result = run("--print-card-template")
    assert (result.status, result.out) == (0, default_template())
