from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from jsonschema import Draft202012Validator

import bias
from bias.cli import main
from bias.cli.options import OutputFormat
from bias.cli.progress import track
from bias.cli.score import FORMATS
from bias.detector import Detector
from bias.language import NOT_ENGLISH
from bias.reporting import RENDERERS
from bias.reporting.records import CSV_COLUMNS, report_schema
from bias.types import Article, ArticleReport

STORY = """The council voted 7 to 4 on Tuesday to lease the ferry terminal for 30 years.

The deal hands the mayor's cronies the last public pier, critics of the plan said. "It is a shameless giveaway," Tomás
Reyes said. The terminal has been closed since a fire damaged its roof in 2019.
"""
QUOTED = '"We asked for a plan in March," she said.'
FRENCH = (
    "Le ministre a déclaré hier que le gouvernement avait choisi de ne pas répondre à la question posée par les "
    "journalistes, et que la décision serait annoncée dans les prochains jours par le porte-parole du président."
)


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def reports(self) -> list[dict[str, Any]]:
        return json.loads(self.out)


class Run:
    """The command in this process, with the tiny model unless another is named."""

    def __init__(self, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.model, self.capsys, self.monkeypatch = model, capsys, monkeypatch

    def __call__(self, command: str, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        if stdin is not None:
            data = stdin if isinstance(stdin, bytes) else stdin.encode()
            self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        chosen = () if "--model" in arguments else ("--model", self.model)
        status = main([command, *map(str, chosen), *map(str, arguments)])
        return Result(status, *self.capsys.readouterr())


@pytest.fixture
def run(tiny_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tiny_folder, capsys, monkeypatch)


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(STORY, encoding="utf-8")
    return path


def one_line(err: str) -> str:
    """The only line on standard error, without its "bias: "."""
    assert err.startswith("bias: "), err
    assert err.count("\n") == 1, err
    return err.removeprefix("bias: ").rstrip("\n")


# --- the command as a whole ---


def test_no_arguments_show_help_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "Examples" in out
    for command in ("score", "predict", "info"):
        assert f"bias {command} " in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"bias {bias.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["scor"], "Did you mean 'score'"),
        (["score", "--fail-abov", "3", "x"], "--fail-above"),
        (["score", "--output-format", "jsn", "x"], "'jsonl'"),
        (["score", "--output-file"], "--output-file"),
        (["score", "--threshold", "2", "x"], "--threshold"),
        (["score", "--threshold", "nan", "x"], "--threshold"),
        (["score", "--fail-above", "101", "x"], "--fail-above"),
        (["score", "--fail-above", "nan", "x"], "--fail-above"),
        (["bench", "--seconds", "nan"], "--seconds"),
        (["score", "--prior", "1", "x"], "--prior"),
        (["score", "--prior", "neutral", "x"], "--prior"),
        (["score", "--encoding", "utf-9", "x"], "utf-9"),
        (["score", "--errors", "ignore", "x"], "--errors"),
        (["score", "--max-bytes", "0", "x"], "--max-bytes"),
        (["predict"], "IN"),
        (["info", "no-such-folder"], "no-such-folder"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert named in one_line(err)


def test_nothing_to_score_says_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    status, out, err = run("score")
    assert (status, out) == (2, "")
    assert "bias score article.txt" in one_line(err)


def test_an_internal_error_is_one_line_and_a_traceback_only_with_debug(
    run: Run, story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> ArticleReport:
        raise RuntimeError("boom\nand more")

    monkeypatch.setattr(Detector, "score", fail)
    status, _, err = run("score", story)
    assert status == 2
    assert "internal error (RuntimeError: boom and more)" in one_line(err)
    assert "--debug" in err
    status, _, err = run("score", "--debug", story)
    assert status == 2
    assert err.startswith("Traceback")


# --- bias score ---


@pytest.mark.parametrize("output_format", get_args(OutputFormat))
def test_every_format_shows_the_article_and_tells_of_the_failure(run: Run, story: Path, output_format: str) -> None:
    missing = story.with_name("stroy.txt")
    status, out, err = run("score", "--output-format", output_format, story, missing)
    assert status == 2
    assert f"{missing}: no such file: did you mean {story}?" in one_line(err)
    assert "story.txt" in out
    if output_format in ("full", "concise"):
        assert "stroy.txt" not in out
    elif output_format == "csv":
        rows = list(csv.DictReader(io.StringIO(out)))
        assert tuple(rows[0]) == CSV_COLUMNS
        assert [bool(row["error_message"]) for row in rows] == [False] * (len(rows) - 1) + [True]
    elif output_format in ("json", "jsonl"):
        records = json.loads(out) if output_format == "json" else [json.loads(line) for line in out.splitlines()]
        validator = Draft202012Validator(report_schema())
        assert [list(validator.iter_errors(record)) for record in records] == [[], []]
        assert ["error" in record for record in records] == [False, True]
    else:
        assert "stroy.txt" in out


def test_formats_are_those_of_the_renderers() -> None:
    assert set(get_args(OutputFormat)) == set(RENDERERS)
    assert set(FORMATS.values()) < set(RENDERERS)


def test_report_of_an_article(run: Run, story: Path) -> None:
    status, out, err = run("score", "--output-format", "json", story)
    assert (status, err) == (0, "")
    (report,) = json.loads(out)
    assert report["model"]["name"] == "tiny"
    assert (report["prior"], report["quotes"]) == ("news", "separate")
    for sentence in report["sentences"]:
        assert STORY[sentence["start"] : sentence["end"]] == sentence["text"]
        for span in sentence["spans"]:
            assert STORY[span["start"] : span["end"]] == span["text"]
    assert [sentence["voice"] for sentence in report["sentences"]] == ["outlet", "outlet", "quoted", "outlet"]


def test_a_bad_file_never_stops_the_others(run: Run, story: Path, tmp_path: Path) -> None:
    binary = tmp_path / "page.txt"
    binary.write_bytes(b"%PDF-1.7\n")
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n")
    status, out, err = run("score", "--output-format", "json", binary, story, empty, story)
    assert status == 2
    assert ["error" in record for record in json.loads(out)] == [True, False, True, False]
    assert [line.split(": ")[1] for line in err.splitlines()] == [str(binary), str(empty)]


def test_standard_input_by_default_and_by_name(run: Run) -> None:
    for arguments in ([], ["-"]):
        (report,) = run("score", "--output-format", "json", *arguments, stdin=STORY).reports
        assert report["article"]["source"] == "<stdin>"
    rows = "".join(json.dumps({"body": text}) + "\n" for text in (STORY, QUOTED))
    reports = run(
        "score", "--output-format", "json", "--stdin-filename", "a.jsonl", "--text-column", "body", stdin=rows
    ).reports
    assert [report["article"]["source"] for report in reports] == ["a.jsonl:1", "a.jsonl:2"]


def test_reading_options_reach_the_reader(run: Run, story: Path) -> None:
    story.write_bytes(STORY.encode("latin-1"))
    assert "offset" in one_line(run("score", story).err)
    (report,) = run("score", "--encoding", "latin-1", "--output-format", "json", story).reports
    assert report["warnings"] == []
    (report,) = run("score", "--errors", "replace", "--output-format", "json", story).reports
    assert "1 invalid" in report["warnings"][0]
    assert "--max-bytes" in one_line(run("score", "--max-bytes", "10", story).err)


@pytest.mark.parametrize("separator", ["--output-file", "-o"])
@pytest.mark.parametrize(
    ("suffix", "begins"),
    [("html", "<!doctype html>"), ("json", "["), ("md", "## "), ("csv", ""), ("sarif", '{\n  "$schema": ')],
)
def test_the_output_files_suffix_chooses_the_format(
    run: Run, story: Path, tmp_path: Path, suffix: str, begins: str, separator: str
) -> None:
    target = tmp_path / f"report.{suffix}"
    assert run("score", story, separator, target) == (0, "", "")
    assert target.read_text(encoding="utf-8").startswith(begins)
    run("score", story, "-o", target, "--output-format", "concise")
    assert target.read_text(encoding="utf-8").startswith(f"{story}: ") or ":1:" in target.read_text(encoding="utf-8")


def test_findings_of_an_article_as_sarif(run: Run, story: Path, tmp_path: Path) -> None:
    target = tmp_path / "findings.sarif"
    status, out, err = run("score", story, story.with_name("none.txt"), "-o", target, "--threshold", "0")
    assert (status, out) == (2, "")
    assert "no such file" in one_line(err)
    (made,) = json.loads(target.read_text(encoding="utf-8"))["runs"]
    regions = [
        result["locations"][0]["physicalLocation"]["region"]
        for result in made["results"]
        if result["ruleId"] == "opinionated_sentence"
    ]
    assert len(regions) == 4
    for region in regions:
        start = STORY.splitlines()[region["startLine"] - 1][region["startColumn"] - 1 :]
        assert STORY[region["charOffset"] :].startswith(start)
    (note,) = made["invocations"][0]["toolExecutionNotifications"]
    assert note["level"] == "error"
    assert note["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("/none.txt")


def test_an_interrupted_run_leaves_no_half_written_file(
    run: Run, story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.jsonl"
    target.write_text("before")
    score, seen = Detector.score, []

    def interrupted(self: Detector, article: Article, **options: Any) -> ArticleReport:
        seen.append(article)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return score(self, article, **options)

    monkeypatch.setattr(Detector, "score", interrupted)
    assert run("score", story, story, "-o", target) == (130, "", "")
    assert target.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.jsonl", "story.txt"]


def test_an_output_that_cannot_be_written_is_told_before_the_model_is_loaded(run: Run, story: Path) -> None:
    status, _, err = run("score", story, "-o", story.parent / "no" / "x.json", "--model", "no-model")
    assert status == 2
    assert "there is no folder" in one_line(err)


def test_the_model_is_not_loaded_for_inputs_that_cannot_be_read(run: Run, story: Path) -> None:
    status, _, err = run("score", "--model", "no-model", story.with_name("none.txt"))
    assert status == 2
    assert "no such file" in one_line(err)
    assert "no-model is not a folder" in one_line(run("score", "--model", "no-model", story).err)


def test_gates(run: Run, story: Path) -> None:
    (report,) = run("score", "--output-format", "json", story).reports
    below, above = str(report["score"] - 1), str(report["score"] + 1)
    assert run("score", "--fail-above", above, story).status == 0
    status, _, err = run("score", "--fail-above", below, story)
    assert status == 1
    assert f"{story}: score {report['score']:.1f} is above {float(below):g}" in one_line(err)
    assert run("score", "--fail-above", below, "--exit-zero", story).status == 0
    missing = story.with_name("none.txt")
    assert run("score", "--fail-above", below, story, missing).status == 2
    assert run("score", "--fail-above", below, "--exit-zero", missing, story).status == 2


def test_no_gate_fires_without_a_score(run: Run) -> None:
    result = run("score", "--output-format", "json", "--fail-above", "0", stdin=QUOTED)
    assert result.status == 0
    assert result.reports[0]["score"] is None


def test_scoring_options_reach_the_report(run: Run, story: Path) -> None:
    def report(*options: str) -> dict[str, Any]:
        (record,) = run("score", "--output-format", "json", *options, story).reports
        return record

    assert report("--threshold", "0")["summary"]["opinionated"] == 4
    assert report("--threshold", "1")["summary"]["opinionated"] == 0
    assert report("--prior", "0.1")["score"] < report("--prior", "0.9")["score"]
    assert report("--quotes", "include")["quotes"] == "include"


def test_a_text_that_is_not_english_is_scored_with_a_warning(run: Run) -> None:
    (report,) = run("score", "--output-format", "json", stdin=FRENCH).reports
    assert NOT_ENGLISH in report["warnings"]
    assert report["score"] is not None


# --- bias predict ---

ROWS = [
    {"id": 7, "text": "The regime's officials were hellbent on war.", "label": "x"},
    {"id": 8, "text": '"It is a sham," the senator said, and left.', "label": "y"},
]
ADDED = ["probability", "label", "outlet_probability", "voice", "spans"]


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        from pyarrow import Table
        from pyarrow.parquet import write_table

        write_table(Table.from_pylist(list(rows)), path)
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [row | {"spans": json.loads(row["spans"] or "null")} for row in csv.DictReader(file)]
    from pyarrow.parquet import read_table

    rows: list[dict[str, Any]] = read_table(path).to_pylist()
    return rows


@pytest.mark.parametrize("source", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("target", ["jsonl", "csv", "parquet"])
def test_predict_keeps_the_columns_and_adds_its_own(run: Run, tmp_path: Path, source: str, target: str) -> None:
    given, made = write_rows(tmp_path / f"in.{source}", ROWS), tmp_path / f"out.{target}"
    assert run("predict", given, "-o", made) == (0, "", "")
    rows = read_rows(made)
    assert [list(row) for row in rows] == [["id", "text", "input_label", *ADDED]] * 2
    assert [(str(row["id"]), row["text"], row["input_label"]) for row in rows] == [
        (str(row["id"]), row["text"], row["label"]) for row in ROWS
    ]
    assert [row["voice"] for row in rows] == ["outlet", "mixed"]
    for row in rows:
        assert 0 < float(row["probability"]) < 1
        for span in row["spans"]:
            assert row["text"][span["start"] : span["end"]] == span["text"]


def test_predict_agrees_with_score_on_a_single_sentence(run: Run) -> None:
    text = ROWS[0]["text"]
    (report,) = run("score", "--output-format", "json", stdin=str(text)).reports
    row = json.loads(run("predict", "-", stdin=json.dumps({"text": text})).out)
    assert row["probability"] == pytest.approx(report["sentences"][0]["probability"], abs=1e-3)
    assert [span["text"] for span in row["spans"]] == [span["text"] for span in report["sentences"][0]["spans"]]


def test_predict_labels_by_the_whole_sentence_unless_told_otherwise(run: Run) -> None:
    line = json.dumps(ROWS[1])
    row = json.loads(run("predict", "-", stdin=line).out)
    low, high = sorted((row["probability"], row["outlet_probability"]))
    assert low < high
    between = str((low + high) / 2)
    labels = {}
    for mode in ("include", "separate"):
        labels[mode] = json.loads(run("predict", "-", "--quotes", mode, "--threshold", between, stdin=line).out)[
            "label"
        ]
    decisive = {"include": row["probability"], "separate": row["outlet_probability"]}
    assert labels == {mode: "opinionated" if value == high else "neutral" for mode, value in decisive.items()}


def test_predict_a_second_time_loses_nothing(run: Run) -> None:
    once = run("predict", "-", stdin=json.dumps(ROWS[0])).out
    twice = json.loads(run("predict", "-", stdin=once).out)
    first = json.loads(once)
    assert len(twice) == len(first) + len(ADDED)
    assert twice["input_probability"] == first["probability"] == twice["probability"]
    assert "x" in twice.values()


def test_a_row_without_text_is_kept_and_told(run: Run, tmp_path: Path) -> None:
    rows = [ROWS[0], {"id": 9, "text": "  "}, {"id": 10, "text": 5}, {"id": 11}, ROWS[1]]
    given, made = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    status, _, err = run("predict", given, "-o", made)
    assert status == 2
    assert [line.split(": ")[1] for line in err.splitlines()] == [f"{given}:{number}" for number in (2, 3, 4)]
    assert [row["probability"] is None for row in read_rows(made)] == [False, True, True, True, False]


@pytest.mark.parametrize("option", ["--text-column", "--group-column"])
def test_a_missing_column_is_named_with_those_there_are(run: Run, tmp_path: Path, option: str) -> None:
    given, made = write_rows(tmp_path / "in.csv", ROWS), tmp_path / "out.csv"
    status, _, err = run("predict", given, "-o", made, option, "sentence")
    assert status == 2
    message = one_line(err)
    assert "'sentence'" in message
    assert "id, text, label" in message
    assert option in message
    assert not made.exists()


def test_a_damaged_table_leaves_no_output(run: Run, tmp_path: Path) -> None:
    given, made = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    given.write_text(json.dumps(ROWS[0]) + "\n{broken\n")
    status, _, err = run("predict", given, "-o", made)
    assert status == 2
    assert f"{given}:2: " in one_line(err)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
    given.write_text("")
    assert "without rows" in one_line(run("predict", given, "-o", made).err)


def test_quotations_are_followed_through_the_rows_of_a_group(run: Run) -> None:
    texts = ['"We asked for a plan.', "We got a slap in the face.", 'Nobody came," the mayor said.', "It rained."]
    lines = "".join(json.dumps({"text": text, "article": "a"}) + "\n" for text in texts)

    def voices(*options: str) -> list[str]:
        return [json.loads(line)["voice"] for line in run("predict", "-", *options, stdin=lines).out.splitlines()]

    assert voices("--group-column", "article") == ["quoted", "quoted", "quoted", "outlet"]
    assert voices()[1] == "outlet"


def test_spans_of_a_group_have_offsets_in_their_own_rows(run: Run) -> None:
    lines = "".join(json.dumps({"text": row["text"], "article": 1}) + "\n" for row in [*ROWS, *ROWS])
    rows = [json.loads(line) for line in run("predict", "-", "--group-column", "article", stdin=lines).out.splitlines()]
    assert any(row["spans"] for row in rows[2:])
    for row in rows:
        for span in row["spans"]:
            assert row["text"][span["start"] : span["end"]] == span["text"]


def test_predict_reads_no_more_than_a_little_ahead(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    ahead = []

    def rows(*_: Any, **__: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        for number in range(1, 1001):
            ahead.append(number - written.getvalue().count("\n"))
            yield number, {"text": f"The vote was {number} to 4."}

    monkeypatch.setattr("bias.tables.iter_rows", rows)
    monkeypatch.setattr(sys, "stdout", written)
    assert main(["predict", "-", "--model", str(run.model)]) == 0
    assert written.getvalue().count("\n") == 1000
    assert max(ahead) <= 16 * (os.cpu_count() or 1) + 8


# --- bias info ---


def test_info(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tiny_folder), "--output-format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["name"] == "tiny"
    assert facts["license"] == "not stated"
    assert set(facts["thresholds"]) == {"news", "balanced"}
    assert main(["info", str(tiny_folder)]) == 0
    out = capsys.readouterr().out
    assert facts["files"]["model.onnx"]["sha256"] in out
    assert main(["info"]) == 0
    assert "non-commercial" in capsys.readouterr().out


def test_info_tells_data_and_figures_of_a_model_that_has_them(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    (folder / "recipe.toml").write_text('[[stage]]\ndata = ["a", "b"]\n[[stage]]\ndata = ["b", "c"]\n')
    ours = {"article": {"mcc": {"value": 0.61, "low": 0.55, "high": 0.67}}}
    (folder / "metrics.json").write_text(json.dumps({**ours, "ways": {"plain": {"folds": 3}}}))
    assert main(["info", str(folder)]) == 0
    lines = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert {"data a, b, c", "figures article mcc 0.61 (0.55 to 0.67)"} <= lines
    assert not any(line.startswith("figures ways") for line in lines)
    assert any(line.startswith("figures of other trainings in README.md") for line in lines)
    assert main(["info", str(folder), "--output-format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["ways"]["plain"] == {"folds": 3}
    assert not any(line.startswith("training") for line in lines)  # no record of it is not "no training"
    seeds = [{"seed": 13, "figures": {"macro_f1": 0.8}}, {"seed": 14, "figures": {"macro_f1": 0.9}}]
    (folder / "run.json").write_text(json.dumps({"seconds": 60.5, "parts": {"train": 7}, "seeds": seeds, "seed": 14}))
    assert main(["info", str(folder)]) == 0
    lines = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert {"training development macro_f1 0.9", "training parts train 7", "training seconds 60.5"} <= lines
    (folder / "run.json").write_text("[]")
    assert main(["info", str(folder)]) == 2
    assert "run.json cannot be read" in capsys.readouterr().err
    (folder / "metrics.json").write_text("{")
    assert main(["info", str(folder)]) == 2
    assert "metrics.json cannot be read" in one_line(capsys.readouterr().err)


def test_verify_finds_changed_weights_to_train_from(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    assert main(["info", str(folder), "--verify"]) == 0
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert main(["info", str(folder)]) == 0
    capsys.readouterr()
    assert main(["info", str(folder), "--verify"]) == 2
    assert "model.safetensors does not match" in one_line(capsys.readouterr().err)


# --- progress ---


def test_progress_changes_no_item_and_shows_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(track(range(10), "rows", 10)) == list(range(10))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("bias.cli.progress.is_watched", lambda: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert list(track(range(3), "rows")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    assert list(track(range(10), "rows", 10)) == list(range(10))
    assert "10 of 10 rows" in capsys.readouterr().err


# --- as a process ---

PYTHON = (sys.executable, "-m", "bias")


def test_as_a_process(tiny_folder: Path, story: Path) -> None:
    done = subprocess.run(
        [*PYTHON, "score", "--model", tiny_folder, story, "nowhere.txt"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "The council voted 7 to 4" in done.stdout
    assert "\x1b" not in done.stdout
    assert "nowhere.txt: no such file" in one_line(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"onnxruntime", "numpy", "torch"}),
        (["score", "no-such-file.txt"], {"onnxruntime", "numpy", "torch"}),
        (
            ["score", "MODEL", "STORY"],
            {"torch", "transformers", "datasets", "sklearn", "jinja2", "trafilatura", "pyarrow"},
        ),
    ],
)
def test_nothing_is_imported_that_is_not_needed(
    arguments: list[str], unwanted: set[str], tiny_folder: Path, story: Path
) -> None:
    places = {"MODEL": f"--model={tiny_folder}", "STORY": str(story)}
    arguments = [places.get(argument, argument) for argument in arguments]
    code = f"import sys; from bias.cli import main; main({arguments!r}); print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = done.stdout.rpartition("LOADED")[2].split()
    assert "bias.cli" in loaded
    assert unwanted.isdisjoint(loaded)


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals of POSIX")
def test_a_reader_that_has_seen_enough_is_no_error(tiny_folder: Path, story: Path) -> None:
    with subprocess.Popen(
        [*PYTHON, "score", "--model", tiny_folder, *[story] * 200], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals of POSIX")
def test_an_interrupt_ends_quietly_with_status_130(tiny_folder: Path) -> None:
    with subprocess.Popen(
        [*PYTHON, "predict", "-", "--model", tiny_folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What runs in the background of a shell ignores interrupts, and so would this process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b'{"text": "The vote was 7 to 4."}\n' * 400)
        process.stdin.flush()
        process.stdout.readline()  # it is at work, and will wait for more
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == b""


def test_a_suffix_that_no_format_goes_by_is_refused(run: Run, story: Path, tmp_path: Path) -> None:
    result = run("score", story, "-o", tmp_path / "report.pdf")
    assert result.status == 2
    assert "no format goes by .pdf" in result.err
    assert "use ," not in result.err
    assert not (tmp_path / "report.pdf").exists()
    assert run("score", story, "-o", tmp_path / "report.txt").status == 0


def test_what_is_read_is_never_written_over(run: Run, story: Path, tmp_path: Path) -> None:
    table, other = tmp_path / "rows.jsonl", tmp_path / "link.txt"
    table.write_text(json.dumps({"text": "It rained."}) + "\n", "utf-8")
    other.symlink_to(story)
    before = story.read_bytes(), table.read_bytes()
    for words in (
        ("score", story, "-o", story),
        ("score", story, "-o", other),
        ("score", story.parent, "-o", story),
        ("score", story, "-o", story, "--output-format", "json"),
        ("predict", table, "-o", table),
    ):
        result = run(*words)
        assert (result.status, result.out) == (2, "")
        assert "is among what is read" in result.err
    assert (story.read_bytes(), table.read_bytes()) == before
    assert run("score", story.parent, "-o", story, "--exclude", story.name, "--exclude", "link.txt").status == 0


def test_rows_without_an_article_stand_alone(run: Run, tmp_path: Path) -> None:
    opening, closing = 'She said: "We asked for a plan.', 'Nothing came of it."'
    table = tmp_path / "rows.jsonl"
    for article, voices in (("a", "quoted"), (None, "outlet")):
        rows = [{"text": "It rained.", "article": article}, {"text": opening, "article": article}]
        rows.append({"text": closing.removesuffix('"') if article is None else closing, "article": article})
        table.write_text("".join(json.dumps(row) + "\n" for row in rows))
        result = run("predict", table, "--group-column", "article")
        assert json.loads(result.out.splitlines()[-1])["voice"] == voices
