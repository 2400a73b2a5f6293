"""Training runs from files to model folders, in Python and on the command line, on tiny models."""

from __future__ import annotations

import csv
import json
import pickle
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from transformers.utils import logging

from bias.cli import main
from bias.detector import Detector
from bias.errors import DataError, MissingExtraError, OutputError, UsageError
from bias.modelfolder import open_model
from bias.training.data.splits import fingerprint, read_seen
from bias.training.recipe import one_stage, read_recipe, write_recipe
from bias.training.record import read_record
from bias.training.runs import Plan, prepare, train

WORDS = ("the", "said", "minister", "vote", "tax", "on", "of", "to", "a", "in", "and", *"bcdefghklmnpqrstuvwxyz")


def rows(articles: int = 12) -> list[dict[str, str]]:
    """Sentences of made-up articles, four each, no two alike, half of them with a loaded word."""
    draw = random.Random(3)
    made = []
    for i in range(4 * articles):
        words = draw.sample(WORDS, 9)
        if i % 2:
            words.insert(draw.randrange(9), draw.choice(("reckless", "regime")))
        label = "opinionated" if i % 2 else "neutral"
        made.append({"text": " ".join(words).capitalize() + ".", "label": label, "group": f"g{i // 4}"})
    return made


def write_csv(path: Path, table: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "mine.csv", rows())


def make_plan(data: Path, base: Path, seeds: int = 1, **settings: object) -> Plan:
    recipe = one_stage("mine", str(base), [str(data)], {"epochs": 2.0, "learning_rate": 1e-3, **settings})
    return prepare(recipe, seeds=seeds)


@pytest.fixture(scope="module")
def trained(data: Path, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two seeds."""
    output = tmp_path_factory.mktemp("runs") / "mine"
    train(make_plan(data, tiny_folder, seeds=2), output, name="mine", terms="as you like")
    return output


def test_a_run_makes_a_whole_model_folder(trained: Path) -> None:
    model = open_model(trained)
    assert model.info.name == "mine"
    assert "as you like" in model.license
    assert Detector(trained).score("A vote. A tax.").sentences
    assert {path.name for path in trained.iterdir()} >= {"run.json", "seen.txt", "recipe.toml", "README.md"}
    assert not trained.with_name("mine.unfinished").exists()


def test_the_record_says_how_it_came_about_and_holds_no_text(trained: Path, data: Path) -> None:
    record = read_record(trained)
    assert record is not None
    assert record["data"][0]["name"] == "mine.csv"
    assert record["parts"]["train"]["sentences"] + record["parts"]["development"]["sentences"] < 48
    assert [seed["seed"] for seed in record["seeds"]] == [13, 14]
    assert record["seed"] == max(record["seeds"], key=lambda seed: seed["figures"]["macro_f1"])["seed"]
    assert record["spread"]["macro_f1"]["sd"] >= 0
    curve = record["seeds"][0]["curves"][0]
    assert any("loss" in entry for entry in curve)
    assert any("macro_f1" in entry for entry in curve)
    assert record["machine"]["threads"] >= 1
    everything = "".join(
        p.read_text("utf-8") for p in trained.iterdir() if p.suffix in {".json", ".md", ".txt", ".toml"}
    )
    tokenizer = (trained / "tokenizer.json").read_text("utf-8")
    assert not [row["text"] for row in rows() if row["text"] in everything.replace(tokenizer, "")]
    assert str(data.parent) not in everything


def test_a_model_remembers_what_it_saw_and_not_the_test_part(trained: Path, data: Path, tiny_folder: Path) -> None:
    parts = make_plan(data, tiny_folder).parts
    seen = read_seen(trained)
    assert {seen.get(fingerprint(e.text)) for e in parts.train} == {"train"}
    assert {seen.get(fingerprint(e.text)) for e in parts.development} == {"development"}
    assert {seen.get(fingerprint(e.text)) for e in parts.test} == {None}


def test_the_recipe_of_a_model_reads_back(trained: Path, data: Path, tiny_folder: Path) -> None:
    recipe = read_recipe(trained / "recipe.toml")
    record = read_record(trained)
    assert record is not None
    plan = make_plan(data, tiny_folder).recipe
    assert recipe.stages[0].data == ("mine.csv",)
    assert replace(recipe.stages[0], data=plan.stages[0].data) == plan.stages[0]
    assert (recipe.parts, recipe.patience, recipe.seed) == (plan.parts, plan.patience, record["seed"])


def test_parts_share_no_article_and_named_sets_lose_what_repeats_them(
    data: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bias.training.data import sources

    alone = make_plan(data, tiny_folder)
    known = [replace(example, source="own", group="") for example in alone.parts.test] + [alone.parts.train[0]]
    monkeypatch.setattr(sources, "read_own", lambda: known)
    plan = prepare(replace(alone.recipe, stages=(replace(alone.recipe.stages[0], data=(str(data), "own")),)))
    groups = [{e.group for e in part} for part in (plan.parts.train, plan.parts.development, plan.parts.test)]
    assert groups[0].isdisjoint(groups[1] | groups[2])
    assert groups[1].isdisjoint(groups[2])
    assert [example.text for example in plan.data["own"]] == [alone.parts.train[0].text]


def test_adapters_train_and_leave_a_plain_model(data: Path, tiny_folder: Path, tmp_path: Path) -> None:
    train(make_plan(data, tiny_folder, lora=2), tmp_path / "m", name="m")
    weights = [path.name for path in (tmp_path / "m").iterdir()]
    assert "model.safetensors" in weights
    assert len(list(Detector(tmp_path / "m").score("A vote.").sentences)) == 1


def test_an_output_is_never_written_over(data: Path, tiny_folder: Path, trained: Path, tmp_path: Path) -> None:
    plan = make_plan(data, tiny_folder)
    with pytest.raises(OutputError, match="exists"):
        train(plan, trained, name="mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        train(plan, tmp_path / "file", name="mine")


def test_an_unfinished_run_is_gone_on_with_only_as_it_was(data: Path, tiny_folder: Path, tmp_path: Path) -> None:
    plan, output = make_plan(data, tiny_folder), tmp_path / "m"

    def stop(moment: object) -> None:
        raise InterruptedError

    with pytest.raises(UsageError, match="no unfinished run"):
        train(plan, output, name="m", resume=True)
    with pytest.raises(InterruptedError):
        train(plan, output, name="m", watch=stop)
    assert not output.exists()
    with pytest.raises(UsageError, match="--resume"):
        train(plan, output, name="m")
    other = make_plan(data, tiny_folder, epochs=3.0)
    with pytest.raises(DataError, match="other recipe"):
        train(other, output, name="m", resume=True)
    train(plan, output, name="m", resume=True)
    assert open_model(output).info.name == "m"
    assert not tmp_path.joinpath("m.unfinished").exists()


def test_a_work_folder_is_kept(data: Path, tiny_folder: Path, tmp_path: Path) -> None:
    train(make_plan(data, tiny_folder, epochs=0.5), tmp_path / "m", name="m", work=tmp_path / "work")
    assert (tmp_path / "work" / "seed-13" / "stage-1" / "model.safetensors").is_file()


def test_nothing_but_what_is_watched_is_shown(
    data: Path, tiny_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.enable_progress_bar()
    train(make_plan(data, tiny_folder, epochs=0.5), tmp_path / "m", name="m", watch=lambda moment: print(moment.step))
    told = capfd.readouterr()
    assert told.err == ""
    assert all(line.isdigit() for line in told.out.split())
    assert logging.is_progress_bar_enabled()


# The command line


def test_bias_train_and_what_follows(
    data: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine"
    command = ["train", str(data), "-o", str(output), "--base", str(tiny_folder), "--epochs", "1", "--threads", "1"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert f"wrote {output}" in told.out
    assert "bias evaluate" in told.out
    assert "training:" in told.err
    assert "macro-F1" in told.err
    (tmp_path / "a.txt").write_text("The vote of the regime.")
    assert main(["score", "--model", str(output), str(tmp_path / "a.txt"), "--output-format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["model"]["name"] == "mine"


def test_a_recipe_says_all(data: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.toml"
    write_recipe(path, one_stage("r", str(tiny_folder), [str(data)], {"epochs": 0.5, "development": 0.0, "test": 0.0}))
    assert main(["train", "--recipe", str(path), "-o", str(tmp_path / "m"), "--epochs", "2"]) == 2
    assert "write it into the recipe in place of --epochs" in capsys.readouterr().err
    assert main(["train", str(data), "--recipe", str(path), "-o", str(tmp_path / "m")]) == 2
    assert "names its data" in capsys.readouterr().err
    assert main(["train", "--recipe", str(path), "-o", str(tmp_path / "m"), "--seed", "5"]) == 0
    assert "not calibrated" in capsys.readouterr().err
    record = read_record(tmp_path / "m")
    assert record is not None
    assert (record["seed"], record["calibration"]) == (5, None)


def _broken(tmp_path: Path, tiny: Path, kind: str) -> list[str]:
    """Arguments that cannot work, for each kind of fault."""
    data, base = tmp_path / "d.csv", str(tiny)
    write_csv(data, rows())
    if kind == "no such column":
        return [str(data), "--label-column", "bias", "--base", base]
    if kind == "three labels":
        table = rows()
        table[5]["label"] = "satire"
        write_csv(data, table)
    elif kind == "an empty file":
        data.write_bytes(b"")
    elif kind == "a header alone":
        data.write_text("text,label\n")
    elif kind == "another encoding":
        data.write_bytes("text,label\nDie Führung lügt,1\n".encode("cp1252"))
    elif kind == "no such file":
        data.unlink()
    elif kind == "a pickled table":
        data.write_bytes(pickle.dumps({"text": ["a"], "label": [1]}))
    elif kind == "one label":
        write_csv(data, [{**row, "label": "neutral"} for row in rows()])
    elif kind == "too few":
        write_csv(data, rows()[:4])
    elif kind == "a folder that is no model":
        (tmp_path / "empty").mkdir()
        base = str(tmp_path / "empty")
    elif kind in {"a byte changed", "a pickled model"}:
        base = str(shutil.copytree(tiny, tmp_path / "model"))
        weights = tmp_path / "model" / "model.safetensors"
        if kind == "a byte changed":
            changed = bytearray(weights.read_bytes())
            changed[-1] ^= 1
            weights.write_bytes(changed)
        else:
            for path in (tmp_path / "model").iterdir():
                if path.name not in {"config.json", "tokenizer.json"}:
                    path.unlink()
            (tmp_path / "model" / "config.json").write_text('{"model_type": "bert"}')
            (tmp_path / "model" / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    return [str(data), "--base", base]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("no such column", "no column 'bias', only text, label, group"),
        ("three labels", "'satire'"),
        ("an empty file", "without rows"),
        ("a header alone", "without rows"),
        ("another encoding", "byte 0xFC at offset"),
        ("no such file", "no such file"),
        ("a pickled table", "pickle"),
        ("one label", "neutral"),
        ("too few", "too few"),
        ("a folder that is no model", "is no model"),
        ("a byte changed", "sha256"),
        ("a pickled model", "pickle"),
    ],
)
def test_what_cannot_be_trained_on_is_one_clear_line(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str], kind: str, fault: str
) -> None:
    output = tmp_path / "out" / "m"
    assert main(["train", *_broken(tmp_path, tiny_folder, kind), "-o", str(output)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("bias: ")]
    assert len(lines) == 1
    assert fault in lines[0]
    assert not output.exists()
    assert not output.with_name("m.unfinished").exists()


def test_a_small_development_part_is_told_and_what_was_kept(
    data: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(data), "-o", str(tmp_path / "m"), "--base", str(tiny_folder), "--epochs", "2"]) == 0
    told = capsys.readouterr()
    assert "is small: threshold and probabilities will be rough" in told.err
    assert "kept the weights of epoch " in told.out


def test_adapters_without_their_package_are_refused_before_anything_is_begun(
    data: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bias.training.adapters.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"newsbias\[lora\]"):
        train(make_plan(data, tiny_folder, lora=2), tmp_path / "m", name="m")
    assert list(tmp_path.iterdir()) == []
