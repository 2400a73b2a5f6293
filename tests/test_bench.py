"""`bias bench`: every engine is timed by itself, on the same sentences, and what is told is what was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from bias.bench import rivals
from bias.bench.contestants import Contestant, articles_of, ceilings, engine_of, others
from bias.bench.products import make_products
from bias.bench.result import Accuracy, Bench, tokens_a_text
from bias.bench.running import Cold, Timed, Timing, articles, time_cold_starts, time_contestants, time_corpora
from bias.cli import main
from bias.detector import Detector
from bias.encoder import open_session
from bias.errors import BiasError
from bias.modelfolder import ModelFolder, open_model
from bias.training.data.examples import as_sentence

TEXTS = [f"The council voted {number} to 4 on the levy." for number in range(40)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "make_roberta", partial(rivals.make_roberta, small=True))


@pytest.fixture
def model(tiny_folder: Path) -> ModelFolder:
    return open_model(tiny_folder)


def timed(name: str, *speeds: float, engine: Any = "onnx", values: Sequence[float] = ()) -> Timed:
    timings = tuple(Timing(0.5, round(10 * speed), 10.0, 100.0, tuple(values)) for speed in speeds)
    return Timed(Contestant(name, engine, Path("model")), timings)


def bench(**changes: Any) -> Bench:
    values: dict[str, Any] = {
        "model": "tiny 1",
        "threads": 2,
        "sentences": 4,
        "tokens": 12.5,
        "timed": (
            timed("newsbias int8", 300, 320, 90, values=(2.0, 1.0, -1.0, -3.0)),
            timed("pipeline, batch 1", 6, 8, 2, engine="pipeline"),
            timed("pipeline, batch 32", 10, 8, 3, engine="pipeline"),
        ),
        "articles": timed("newsbias", 12, engine="articles"),
        "products": (timed("products, int8", 600, 640, 180, engine="products"),),
        "cold": (Cold("bias score", (0.5, 0.7, 0.6), 120.0), Cold("a script", (10.0, 7.0, 15.0), 900.0)),
    }
    return Bench(**(values | changes))


def test_every_engine_reads_the_sentences(model: ModelFolder, tmp_path: Path) -> None:
    contestants = [engine_of(model), *others(model, TEXTS, tmp_path), *ceilings(model, tmp_path), articles_of(model)]
    assert {one.engine for one in contestants} == {"onnx", "torch", "pipeline", "products", "articles"}
    found = time_contestants(contestants, model, TEXTS, rounds=1, seconds=0.05, threads=2, whole=True)
    assert [one.contestant for one in found] == contestants
    for one in found:
        (timing,) = one.timings
        assert timing.items > 0
        assert timing.seconds >= 0.05
        assert timing.per_second == timing.items / timing.seconds
        assert timing.megabytes is not None
        assert timing.megabytes > 10
    expected = [p.written.logit for p in Detector(model.path).predict(map(as_sentence, TEXTS))]
    of = {one.contestant.name: one.timings[0].values for one in found}
    assert np.allclose(of["newsbias int8"], expected)
    for exact in ("newsbias fp32", "torch, batch 1", "torch, batch 32"):
        assert np.allclose(of[exact], of["newsbias fp32"], atol=1e-3)
    assert np.allclose(of["newsbias fp32"], expected, atol=0.5)


def test_a_process_that_fails_is_one_line(model: ModelFolder, tmp_path: Path) -> None:
    gone = Contestant("gone", "onnx", tmp_path / "gone.onnx")
    with pytest.raises(BiasError, match=r"a measured process failed: .*gone\.onnx"):
        time_contestants([gone], model, TEXTS, rounds=1, seconds=0.1, threads=1)


def test_cold_starts_are_of_whole_commands(model: ModelFolder, tmp_path: Path) -> None:
    roberta = rivals.make_roberta(tmp_path / "roberta", model.path / "tokenizer.json")
    ours, theirs = time_cold_starts(model, TEXTS, roberta, 1)
    assert len(ours.seconds) == len(theirs.seconds) == 1
    assert 0 < ours.median < theirs.median
    assert ours.megabytes < theirs.megabytes


def test_a_corpus_is_run_with_ray_and_without(model: ModelFolder) -> None:
    local, ray = time_corpora(model, TEXTS, 1, 1)
    assert (local.name, ray.name) == ("bias corpus run", "bias corpus run --ray")
    assert 0 < local.median < ray.median
    told = bench(corpora=(Cold(local.name, (2.0, 3.0, 2.5), None), Cold(ray.name, (9.0, 8.0, 9.5), None)))
    assert "On this machine Ray takes 7.0 s more for the corpus" in " ".join(told.findings())
    (table,) = (table for table in told.tables() if table.title.startswith("A corpus"))
    assert table.rows[1] == (ray.name, "9.00", "8.00 to 9.50", "-")


def test_an_article_is_paragraphs_of_the_sentences() -> None:
    found = articles(TEXTS)
    assert len(found) == 2
    assert found[0].split("\n\n")[0] == " ".join(TEXTS[:3])
    assert [word for article in found for word in article.split()] == [word for text in TEXTS for word in text.split()]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_products_are_those_of_an_encoder(precision: str, tmp_path: Path) -> None:
    path = tmp_path / "products.onnx"
    make_products(path, 16, 64, 3, precision)
    graph = onnx.load(path).graph
    shapes = sorted(tuple(weight.dims) for weight in graph.initializer)
    assert shapes == sorted(3 * [*4 * [(16, 16)], (16, 64), (64, 16)])
    kind = np.uint8 if precision == "int8" else np.float32
    feed = {"hidden": np.ones((5, 16), kind), "inner": np.ones((5, 64), kind)}
    found = open_session(path).run(None, feed)
    assert {output.shape for output in found} == {(5, 16), (5, 64)}
    weights = {weight.name: onnx.numpy_helper.to_array(weight) for weight in graph.initializer}
    assert np.allclose(found[0][0], weights["query_0_weight"].astype(float).sum(axis=0), atol=1e-3)


def test_ratios_are_within_a_round() -> None:
    found = bench()
    assert found.ours.per_second == 300
    assert found.ours.times(found.pipelines[1]) == 30  # 30, 40 and 30: not the ratio of the medians, 300 / 8
    sentences = list(found.findings())
    assert sentences[0].startswith("The engine reads 30.0 times as many sentences a second")
    assert "batch 32" in sentences[0]
    assert sentences[1] == "bias score is done 20.0 times as soon as a script."
    assert sentences[2] == "It reaches 50 % of the speed of its matrix products alone in int8."


def test_accuracy_is_told_where_there_are_labels() -> None:
    assert bench().accuracy(bench().ours) is None
    found = bench(labels=(1, 1, 0, 0))
    assert found.accuracy(found.ours) == Accuracy(1.0, 1.0)
    assert found.accuracy(found.pipelines[0]) is None
    (sentences, *_) = found.tables()
    assert sentences.columns[-2:] == ("AUROC", "macro-F1")
    assert {len(row) for row in sentences.rows} == {len(sentences.columns)}


def test_what_was_not_measured_is_no_figure() -> None:
    alone = bench(timed=(timed("newsbias int8", 300),), products=(), cold=(Cold("bias score", (0.5,), None),))
    assert not list(alone.findings())
    sentences, _, cold = alone.tables()
    assert sentences.rows[0][3] == "-"
    assert cold.rows[0][-1] == "-"


def test_the_command_compares_and_saves(tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--model", str(tiny_folder), "--rounds", "1", "--seconds", "0.1", "-o", str(tmp_path / "out")]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "The engine reads" in out
    record = json.loads((tmp_path / "out" / "bench.json").read_text("utf-8"))
    assert record["schema_version"] == 1
    assert {engine["engine"] for engine in record["engines"]} == {"onnx", "torch", "pipeline"}
    assert record["machine"]["processor"]
    assert "values" not in record["engines"][0]["rounds"][0]
    assert (tmp_path / "out" / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert "| newsbias int8" in (tmp_path / "out" / "bench.md").read_text("utf-8")
    assert main(words) == 2  # the folder is there
    assert "exists" in capsys.readouterr().err


def test_the_command_alone_needs_no_rivals(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bias.bench.contestants.is_equipped", lambda: False)
    words = ["bench", "--model", str(tiny_folder), "--rounds", "1", "--seconds", "0.1"]
    assert main([*words, "--output-format", "json"]) == 0
    captured = capsys.readouterr()
    assert "pip install '.[train]'" in captured.err
    record = json.loads(captured.out)
    assert [engine["engine"] for engine in record["engines"]] == ["onnx"]
    assert record["findings"] == []
    assert main([*words, "--alone", "-o", "out"]) == 2
    assert "leave --alone out" in capsys.readouterr().err


def test_labelled_sentences_tell_accuracy(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(Path(__file__).resolve().parents[1] / "notebooks" / "matchday.csv")
    words = ["bench", data, "--model", str(tiny_folder), "--rounds", "1", "--seconds", "0.1", "--alone"]
    assert main([*words, "--output-format", "json"]) == 0
    (engine,) = json.loads(capsys.readouterr().out)["engines"]
    assert 0 <= engine["auroc"] <= 1
    assert 0 <= engine["macro_f1"] <= 1


def test_tokens_are_counted_with_those_at_the_ends(model: ModelFolder) -> None:
    assert tokens_a_text(model, ["The", "The"]) >= 3
