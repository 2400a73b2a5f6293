from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bias.cli import main
from bias.modelfolder import open_model
from bias.training.data.examples import Example
from bias.training.data.splits import Split, write_seen

TOPICS = ("tax", "port", "school", "river", "budget", "library")


def rows(n: int = 24) -> list[dict[str, str]]:
    """Sentences of n articles, half of them loaded; outlets of the left and of the right in turn."""
    result = []
    for i in range(n):
        topic, loaded = TOPICS[i % len(TOPICS)], i % 2
        plain = f"The council discussed clause {i} of the {topic} plan on Monday."
        result.append(
            {
                "text": f"The reckless regime rammed clause {i} of its {topic} plan through." if loaded else plain,
                "label": str(loaded),
                "group": f"article {i // 2}",
                "outlet": ("Harbour Post", "Hill Times")[i % 4 // 2],
                "leaning": ("left", "right")[i % 4 // 2],
            }
        )
    return result


def write(path: Path, table: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "mine.csv", rows())


@pytest.fixture
def other(tiny_folder: Path, tmp_path: Path) -> Path:
    """A second model: the tiny one with another name and threshold."""
    folder = tmp_path / "other"
    shutil.copytree(tiny_folder, folder)
    manifest = json.loads((folder / "bias.json").read_text("utf-8"))
    manifest["name"] = "other"
    manifest["calibration"]["balanced"]["thresholds"] = {"separate": 0.9, "include": 0.9}
    (folder / "bias.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def seen(folder: Path, texts: list[str]) -> None:
    write_seen(folder, Split(tuple(Example(text, "t", label=1.0) for text in texts), (), ()))


def test_the_view_for_a_terminal(data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(data), "--model", str(tiny_folder)]) == 0
    out = capsys.readouterr().out
    assert "tiny on 24 sentences from 12 articles, 12 (50 %) of them opinionated" in " ".join(out.split())
    for part in ("Macro-F1", "Calibration error", "labelled neutral", "no seen.txt", "too few for gaps"):
        assert part in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_the_record_is_one_json_object(data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(data), "--model", str(tiny_folder), "--output-format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema_version"] == 1
    assert (record["sentences"], record["opinionated"]) == (24, 12)
    assert record["groups"] == {"by": "article", "number": 12}
    assert record["data"][0]["name"] == "mine.csv"
    assert record["compared"] is record["checklist"] is None


def test_tables_for_a_page(data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(data), "--model", str(tiny_folder), "--output-format", "markdown"]) == 0
    assert "| Macro-F1 |" in capsys.readouterr().out


def test_everything_goes_into_a_new_folder(
    data: Path, tiny_folder: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "result"
    command = ["evaluate", str(data), "--model", str(tiny_folder), "--compare", str(other), "-o", str(target)]
    assert main([*command, "--threshold", "0.5"]) == 0
    pictures = {
        f"{name}.{suffix}" for name in ("reliability", "precision-recall", "confusion") for suffix in ("svg", "png")
    }
    written = {path.name for path in target.iterdir()}
    assert written >= pictures | {"metrics.json", "report.md", "sentences.csv"}
    with (target / "sentences.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["text"] for row in table] == [row["text"] for row in rows()]
    assert all(row["probability"] == row["compared_probability"] for row in table)
    assert not list(tmp_path.glob(".result*"))
    capsys.readouterr()
    assert main(command) == 2
    assert "it exists" in capsys.readouterr().err


def test_two_models_are_told_apart(
    data: Path, tiny_folder: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "result"
    command = ["evaluate", str(data), "--model", str(other), "--compare", str(tiny_folder), "-o", str(target)]
    assert main([*command, "--output-format", "json"]) == 0
    compared = json.loads(capsys.readouterr().out)["compared"]
    assert compared["model"]["name"] == "tiny"
    assert compared["differences"]["auroc"]["value"] == 0.0
    assert compared["changed"]["to_opinionated"] == 0
    if compared["changed"]["sentences"]:
        assert (target / "changed.csv").is_file()
    assert (target / "differences.svg").is_file()


def test_what_a_model_has_seen_is_left_out_and_told(
    data: Path, tiny_folder: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [row["text"] for row in rows()]
    seen(other, texts[:10])
    command = ["evaluate", str(data), "--model", str(tiny_folder), "--compare", str(other), "--output-format", "json"]
    assert main(command) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["sentences"] == 14
    assert record["seen"]["left_out"] == 10
    assert any("10 sentences were used to make" in note for note in record["notes"])
    assert main([*command, "--include-seen"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["sentences"] == 24
    assert any("its figures are too good" in note for note in record["notes"])


def test_nothing_left_to_measure_on_is_an_error(data: Path, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen(other, [row["text"] for row in rows()])
    assert main(["evaluate", str(data), "--model", str(other)]) == 2
    error = capsys.readouterr().err
    assert "all 24 sentences were used to make" in error
    assert "--include-seen" in error


def test_one_label_alone_is_measured_as_far_as_it_goes(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = [row for row in rows() if row["label"] == "1"][:6]
    data = write(tmp_path / "one.csv", table)
    command = ["evaluate", str(data), "--model", str(tiny_folder), "-o", str(tmp_path / "out")]
    assert main([*command, "--output-format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["figures"]["macro_f1"] == {"value": None, "low": None, "high": None}
    assert record["figures"]["recall"]["value"] is not None
    assert (tmp_path / "out" / "precision-recall.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate"], "name the labelled sentences"),
        (["evaluate", "DATA", "--label-column", "verdict"], "'verdict'"),
        (["evaluate", "DATA", "--model", "nowhere"], "nowhere is not a folder"),
        (["evaluate", "DATA", "--model", "TINY", "--prior", "2"], "--prior is news, balanced"),
        (["evaluate", "DATA", "--model", "TINY", "-o", "no/such/place"], "there is no folder"),
        (["evaluate", "--checklist", "--compare", "TINY"], "--compare and -o need labelled sentences"),
        (["evaluate", "missing.csv", "--model", "TINY"], "missing.csv"),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: list[str], message: str, data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [{"DATA": str(data), "TINY": str(tiny_folder)}.get(argument, argument) for argument in arguments]
    assert main(given) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    complaints = [line for line in captured.err.splitlines() if line.startswith("bias: ")]
    assert len(complaints) == 1
    assert message in complaints[0]


def test_a_damaged_model_is_refused(data: Path, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (other / "model.onnx").open("r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 1]))
    open_model.cache_clear()
    assert main(["evaluate", str(data), "--compare", str(other)]) == 2
    assert "does not match its sha256" in capsys.readouterr().err


def test_an_evaluation_that_fails_leaves_no_folder(
    data: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bias.training.evaluation.plots.save", fail)
    target = tmp_path / "result"
    assert main(["evaluate", str(data), "--model", str(tiny_folder), "-o", str(target)]) == 2
    assert not target.exists()
    assert not list(tmp_path.glob(".result*"))


def test_neither_torch_nor_plots_are_loaded_before_they_are_needed() -> None:
    code = (
        "import sys, bias.cli.evaluate; sys.exit(bool({'torch', 'sklearn', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
