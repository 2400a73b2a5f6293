from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from corpora import rows, write_corpus
from datasets import load_dataset

from bias.cli import main
from bias.corpus.schema import ARTICLES, SENTENCES
from bias.detector import Detector
from bias.language import NOT_ENGLISH

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "corpus.md"

Run = Callable[..., int]


@pytest.fixture
def run(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`bias corpus run` in an empty folder with the tiny model, in this process unless told otherwise."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str | Path, out: str = "out", jobs: int = 1, model: Path = tiny_folder) -> int:
        return main(["corpus", "run", *map(str, arguments), "-o", out, "--model", str(model), "--jobs", str(jobs)])

    return command


def table(out: Path | str, name: str) -> pa.Table:
    return ds.dataset(Path(out) / name, format="parquet").to_table()


def contents(out: Path | str) -> dict[str, bytes]:
    """Every file of an output by its name."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(Path(out).rglob("*")) if path.is_file()}


def lines(*values: Any) -> str:
    return "".join((value if isinstance(value, str) else json.dumps(value)) + "\n" for value in values)


STORY = "The council voted 7 to 4 on Tuesday. The reckless regime fell. The library will close until May."


def test_a_corpus_becomes_two_tables_that_say_what_score_says(
    run: Run, tiny_detector: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    write_corpus(Path("in.jsonl"), of_each=1)
    assert run("in.jsonl", "--shard-rows", "7") == 0
    assert "20 articles with" in capsys.readouterr().err
    articles, sentences = table("out", "articles").to_pylist(), table("out", "sentences").to_pylist()
    assert [row["article"] for row in articles] == list(range(20))
    assert [path.name for path in sorted(Path("out/articles").iterdir())] == [
        f"part-00000{n}.parquet" for n in range(3)
    ]
    at = 0
    for article, row in zip(articles, rows(1), strict=True):
        report = tiny_detector.score(row["text"])
        assert article["source"] == f"in.jsonl:{article['article'] + 1}"
        assert {name: article[name] for name in ("outlet", "section", "date", "url", "title")} == {
            name: row[name] for name in ("outlet", "section", "date", "url", "title")
        }
        assert article["score"] == report.score
        assert (article["interval_low"], article["interval_high"]) == report.interval
        assert article["counted"] == sum(result.sentence.counted for result in report.sentences)
        assert {name: article[name] for name in report.summary} == report.summary
        for result in report.sentences:
            found = sentences[at]
            at += 1
            assert (found["article"], found["index"]) == (article["article"], result.sentence.index)
            assert row["text"][found["start"] : found["end"]] == found["text"] == result.sentence.text
            assert found["outlet_probability"] == pytest.approx(result.outlet_probability, abs=1e-6)
            assert [span["text"] for span in found["spans"]] == [span.text for span in result.spans]
            for span in found["spans"]:
                assert row["text"][span["start"] : span["end"]] == span["text"]
    assert at == len(sentences)


def test_the_columns_are_those_of_the_page(run: Run) -> None:
    page = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (Articles|Sentences)\n(.*?)(?=^##)", page, re.MULTILINE | re.DOTALL))
    kinds = {"int64": "int64", "int32": "int32", "float64": "double", "float32": "float", "text": "string"}
    kinds |= {"true or false": "bool", "list of text": "list<element: string>", "list of spans": "spans"}
    for title, schema in (("Articles", ARTICLES), ("Sentences", SENTENCES)):
        listed = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([\w ]+) \|", sections[title], re.MULTILINE)
        found = [(name, kinds[kind]) for names, kind in listed for name in re.findall(r"\w+", names)]
        assert found == [
            (
                field.name,
                "spans"
                if field.name == "spans" and title == "Sentences"
                else str(field.type).replace("item", "element"),
            )
            for field in schema
        ]


def test_the_usual_libraries_read_it(run: Run) -> None:
    write_corpus(Path("in.jsonl"), of_each=1)
    assert run("in.jsonl", "--shard-rows", "7") == 0
    sentences = table("out", "sentences")
    n, spans = sentences.num_rows, sum(map(len, sentences["spans"].to_pylist()))
    assert spans > 0
    frame = pd.read_parquet("out/sentences")
    assert (len(frame), sum(map(len, frame["spans"]))) == (n, spans)
    lazy = pl.scan_parquet("out/sentences/*.parquet")
    assert lazy.select(pl.len(), pl.col("spans").list.len().sum()).collect().row(0) == (n, spans)
    query = "SELECT count(*), sum(len(spans)) FROM 'out/sentences/*.parquet'"
    assert duckdb.sql(query).fetchall() == [(n, spans)]
    joined = "SELECT count(*) FROM 'out/articles/*.parquet' JOIN 'out/sentences/*.parquet' USING (article, source)"
    assert duckdb.sql(joined).fetchall() == [(n,)]
    loaded = load_dataset("parquet", data_files="out/sentences/*.parquet", split="train", cache_dir="cache")
    assert (len(loaded), sum(map(len, loaded["spans"]))) == (n, spans)


def test_every_kind_of_input_gives_the_same_articles(run: Run) -> None:
    made = list(rows(1))
    Path("in.jsonl").write_text(lines(*made))
    with Path("in.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(made[0]))
        writer.writeheader()
        writer.writerows(made)
    pq.write_table(pa.Table.from_pylist(made), "in.parquet", row_group_size=6)
    Path("texts").mkdir()
    for number, row in enumerate(made):
        Path(f"texts/{number:02d}.txt").write_text(row["text"], newline="")
    found = {}
    for name in ("in.jsonl", "in.csv", "in.parquet", "texts"):
        assert run(name, "--shard-rows", "7", out=f"out-{name}") == 0
        articles, sentences = table(f"out-{name}", "articles"), table(f"out-{name}", "sentences")
        found[name] = [sentences.drop_columns("source").to_pylist(), articles["score"].to_pylist()]
        if name != "texts":
            found[name].append(articles.drop_columns("source").to_pylist())
    assert found["in.jsonl"] == found["in.csv"] == found["in.parquet"]
    assert found["texts"] == found["in.csv"][:2]


def test_shards_go_across_files_and_files_across_shards(run: Run) -> None:
    Path("in").mkdir()
    Path("in/a.txt").write_text(STORY)
    Path("in/b.jsonl").write_text(lines(*({"text": f"{STORY} {n}", "n": n} for n in range(5))))
    Path("in/c.csv").write_text(f'text,n\n"{STORY}",x\n')
    assert run("in", "--shard-rows", "3") == 0
    articles = table("out", "articles").to_pylist()
    assert [row["source"] for row in articles] == ["in/a.txt", *(f"in/b.jsonl:{n}" for n in range(1, 6)), "in/c.csv:1"]
    assert [row["n"] for row in articles] == [None, "0", "1", "2", "3", "4", "x"]  # numbers and text: text
    assert [pq.read_metadata(path).num_rows for path in sorted(Path("out/articles").iterdir())] == [3, 3, 1]


def test_bad_rows_are_rows_that_say_where_they_stood(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.jsonl").write_text(
        lines({"text": STORY, "outlet": "A"}, "{broken", "", {"text": None, "outlet": "B"}, {"txt": STORY}, {"text": 3})
    )
    Path("none.csv").write_text("a,b\n1,2\n3,4\n")
    Path("cut.parquet").write_bytes(b"PAR1 and no more")
    assert run("in.jsonl", "none.csv", "cut.parquet", "missing.txt", "--shard-rows", "2") == 2
    err = capsys.readouterr().err
    assert "1 article with 3 sentences in out" in err
    assert "bias: in.jsonl:2: not valid JSON" in err
    assert "and 6 more" in err
    articles = table("out", "articles").to_pylist()
    assert [(row["source"], row["error_type"], row["outlet"]) for row in articles] == [
        ("in.jsonl:1", None, "A"),
        ("in.jsonl:2", "InputError", None),
        ("in.jsonl:4", "EmptyTextError", "B"),
        ("in.jsonl:5", "ColumnError", None),
        ("in.jsonl:6", "InputError", None),
        ("none.csv", "ColumnError", None),
        ("cut.parquet", "InputError", None),
        ("missing.txt", "InputError", None),
    ]
    assert all((row["score"] is None) == (row["error_message"] is not None) for row in articles)
    manifest = [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]
    assert [entry["errors"] for entry in manifest] == [1, 2, 2, 2]
    assert run("in.jsonl", "none.csv", "cut.parquet", "missing.txt", "--shard-rows", "2") == 2  # nothing left to do
    assert "8 of 8 articles are there" in capsys.readouterr().err


def test_a_parquet_table_cut_off_is_one_row(run: Run) -> None:
    pq.write_table(pa.table({"text": [STORY] * 50}), "whole.parquet")
    whole = Path("whole.parquet").read_bytes()
    Path("torn.parquet").write_bytes(whole[: len(whole) // 2])
    assert run("torn.parquet", "whole.parquet", "--shard-rows", "20") == 2
    articles = table("out", "articles").to_pylist()
    assert [row["error_type"] for row in articles] == ["InputError"] + [None] * 50
    assert "not a Parquet table that can be read" in articles[0]["error_message"]


def test_other_columns_keep_their_types(run: Run) -> None:
    kept = pa.table(
        {
            "text": pa.array([STORY, STORY], pa.large_string()),
            "source": ["a", "b"],
            "input_source": ["c", None],
            "day": pa.array([18_000, None], pa.date32()),
            "when": pa.array([1_600_000_000_000_000, None], pa.timestamp("us", "UTC")),
            "tags": pa.array([["x", "y"], None]),
            "outlet": pa.array(["p", "q"]).dictionary_encode(),
            "size": pa.array([1, 2], pa.uint8()),
            "share": pa.array([0.5, None], pa.float16()),
        }
    )
    pq.write_table(kept, "in.parquet")
    assert run("in.parquet") == 0
    articles = table("out", "articles")
    assert articles["input_input_source"].to_pylist() == ["a", "b"]
    assert articles["input_source"].to_pylist() == ["c", None]
    for name in ("day", "when", "tags", "outlet", "size"):
        assert articles[name].to_pylist() == kept[name].to_pylist()
    assert str(articles.schema.field("when").type) == "timestamp[us, tz=UTC]"
    assert str(articles.schema.field("outlet").type) == "string"
    assert articles["share"].to_pylist() == [0.5, None]


def test_columns_of_json_get_the_type_that_all_rows_have(run: Run) -> None:
    Path("in.jsonl").write_text(
        lines(
            {"text": STORY, "n": 1, "x": 1, "mixed": 1, "big": 2**70, "list": [1, {"a": None}], "none": None},
            {"text": STORY, "n": 2, "x": 0.5, "mixed": "one", "big": 1, "list": None, "flag": True},
        )
    )
    assert run("in.jsonl") == 0
    articles = table("out", "articles")
    assert articles["n"].to_pylist() == [1, 2]
    assert articles["x"].to_pylist() == [1.0, 0.5]
    assert articles["mixed"].to_pylist() == ["1", "one"]
    assert articles["big"].to_pylist() == [str(2**70), "1"]
    assert articles["list"].to_pylist() == ['[1, {"a": null}]', None]
    assert articles["none"].to_pylist() == [None, None]
    assert articles["flag"].to_pylist() == [None, True]


def test_surrogates_and_odd_characters_are_kept_from_the_tables(run: Run) -> None:
    Path("in.jsonl").write_text(
        '{"text": "The vote \\ud83d was on Monday. \\u0000 It passed.", "o\\udc00": "\\ud800"}\n'
    )
    assert run("in.jsonl") == 0
    (article,) = table("out", "articles").to_pylist()
    assert article["o\ufffd"] == "\ufffd"
    assert any("U+FFFD" in warning for warning in article["warnings"])


def test_a_text_that_is_not_english_is_warned_of(run: Run) -> None:
    Path("in.txt").write_text("Le ministre a déclaré hier que le gouvernement avait choisi de ne pas répondre. " * 4)
    assert run("in.txt") == 0
    assert NOT_ENGLISH in table("out", "articles")["warnings"].to_pylist()[0]


def test_the_number_of_workers_does_not_change_a_byte(run: Run) -> None:
    write_corpus(Path("in.jsonl"), of_each=1)
    assert run("in.jsonl", "--shard-rows", "4", out="one") == 0
    assert run("in.jsonl", "--shard-rows", "4", out="two", jobs=2) == 0
    assert contents("one") == contents("two")


@pytest.fixture
def begun(run: Run) -> Path:
    write_corpus(Path("in.jsonl"), of_each=1)
    assert run("in.jsonl", "--shard-rows", "7") == 0
    return Path("out")


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (["--shard-rows", "7", "--prior", "balanced"], "prior news then, balanced now"),
        (["--shard-rows", "8"], "shard_rows 7 then, 8 now"),
        (["--shard-rows", "7", "--threshold", "0.4"], "threshold the model's own then, 0.4 now"),
        (["--shard-rows", "7", "--quotes", "include", "--errors", "replace"], "errors strict then, replace now"),
    ],
)
def test_other_settings_are_refused(
    run: Run, begun: Path, options: list[str], difference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(begun)
    capsys.readouterr()
    assert run("in.jsonl", *options) == 2
    err = capsys.readouterr().err
    assert "holds another run" in err
    assert difference in err
    assert contents(begun) == before


def test_another_model_is_refused(
    run: Run, begun: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in tiny_folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    described = json.loads((other / "bias.json").read_text())
    described["calibration"]["span_threshold"] = 0.9  # the same weights, read otherwise
    (other / "bias.json").write_text(json.dumps(described))
    assert run("in.jsonl", "--shard-rows", "7", model=other) == 2
    assert re.search(r"model tiny 1 \(\w{12}\) then, tiny 1 \(\w{12}\) now", capsys.readouterr().err)


def test_other_inputs_are_refused(run: Run, begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("more.jsonl").write_text(lines({"text": STORY}))
    assert run("in.jsonl", "more.jsonl", "--shard-rows", "7") == 2
    assert "more.jsonl is new among the inputs" in capsys.readouterr().err
    assert run("more.jsonl", "--shard-rows", "7") == 2
    assert "in.jsonl is no longer among the inputs" in capsys.readouterr().err
    content = Path("in.jsonl").read_text()
    Path("in.jsonl").write_text(content.replace("Monday", "Sunday"))
    assert run("in.jsonl", "--shard-rows", "7") == 2
    assert "in.jsonl has another content" in capsys.readouterr().err
    Path("in.jsonl").write_text(content)
    assert run("in.jsonl", "--shard-rows", "7") == 0


def test_a_part_that_was_lost_is_made_anew(run: Run, begun: Path) -> None:
    before = contents(begun)
    (begun / "sentences" / "part-000001.parquet").unlink()
    (begun / "articles" / "part-000002.parquet").write_bytes(b"PAR1")
    assert run("in.jsonl", "--shard-rows", "7") == 0
    assert contents(begun) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "-o", "out"], "cannot come from standard input"),
        (["in.jsonl", "in.jsonl", "-o", "out"], "named twice"),
        (["empty", "-o", "out"], "a folder without any"),
        ([".", "-o", "out"], "lies in ., whose files are the input"),
        (["in.jsonl", "-o", "empty/../in.jsonl"], "cannot write"),
        (["in.jsonl", "-o", "full"], "holds something else"),
        (["in.jsonl", "-o", "out", "--prior", "2"], "--prior"),
        (["in.jsonl", "-o", "out", "--encoding", "utf-9"], "utf-9"),
        (["in.jsonl", "-o", "out", "--jobs", "0"], "--jobs"),
        (["in.jsonl", "-o", "out", "--model", "empty"], "bias.json is missing"),
        (["in.jsonl"], "-o"),
        ([], "IN"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_corpus(Path("in.jsonl"), of_each=1)
    Path("empty").mkdir()
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    assert main(["corpus", "run", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not Path("out/corpus.json").exists()


def test_the_group_shows_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus"]) == 2
    assert capsys.readouterr().err == "bias: Missing command. (see bias corpus --help)\n"
    assert main(["corpus", "--help"]) == 0
    out = capsys.readouterr().out
    assert "run" in out
    assert "summary" in out


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("pyarrow", ["run", "in.jsonl", "-o", "out"], "corpus"),
        ("duckdb", ["summary", "out", "--by", "outlet"], "corpus"),
        ("ray", ["run", "in.jsonl", "-o", "out", "--ray"], "ray"),
    ],
)
def test_a_missing_package_is_told_by_its_extra(
    missing: str, arguments: list[str], extra: str, tmp_path: Path, tiny_folder: Path
) -> None:
    write_corpus(tmp_path / "in.jsonl", of_each=1)
    model = ["--model", str(tiny_folder)] if arguments[0] == "run" else []
    code = f"import sys; sys.modules[{missing!r}] = None; from bias.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "corpus", *arguments, *model]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith(f"needs optional packages: pip install 'newsbias[{extra}]'\n")
    assert done.stderr.count("\n") == 1


def test_the_bar_shows_articles_speed_and_time_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    write_corpus(Path("in.jsonl"), of_each=1)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    assert run("in.jsonl", "--shard-rows", "5") == 0
    shown = screen.getvalue()
    assert "of 20 articles" in shown
    assert "a second" in shown
    assert re.search(r"\d:\d\d:\d\d", shown)
