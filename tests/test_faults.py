"""What a user can do wrong around training, and what can go wrong with the machine: one clear line each."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from taught import sentences, write_rows

from bias.cli import main
from bias.errors import DataError, InputError, OutputError, UsageError
from bias.modelfolder import default_model
from bias.tables import iter_rows
from bias.training import runs, trainer, workplace
from bias.training.calibration.recalibrate import refuse_packaged
from bias.training.recipe import check, one_stage, read_recipe

STAGE = {"data": '["a.csv"]', "epochs": "1", "batch_size": "16", "learning_rate": "1e-4"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "d.jsonl", sentences(60))


def plan_of(data: Path, base: Path, **reading: str) -> runs.Plan:
    return runs.prepare(one_stage("m", str(base), [str(data)], {"epochs": 0.5}), **reading)  # type: ignore[arg-type]


def recipe_text(stage: dict[str, str], top: str = "", end: str = "") -> str:
    keys = "".join(f"{key} = {value}\n" for key, value in {**STAGE, **stage}.items())
    return f"name = 'x'\nbase = 'y'\n{top}\n[[stage]]\n{keys}\n{end}\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (recipe_text({"epochs": "'x'"}), "epochs is a number above 0, not 'x'"),
        (recipe_text({"epochs": "nan"}), "epochs is a number above 0, not nan"),
        (recipe_text({"epochs": "inf"}), "epochs is a number above 0, not inf"),
        (recipe_text({"epochs": "true"}), "epochs is a number above 0, not True"),
        (recipe_text({"batch_size": "2.5"}), "batch_size is a whole number"),
        (recipe_text({"learning_rate": "-1.0"}), "learning_rate is a number above 0, not -1"),
        (recipe_text({"data": "'babe'"}), "data is a list of files and names of sets, not 'babe'"),
        (recipe_text({"data": "[]"}), "data is a list"),
        (recipe_text({"data": "[1]"}), "data is a list"),
        (recipe_text({"limits": "{'b.csv' = 3}"}), "limits names b.csv"),
        (recipe_text({"limits": "{'a.csv' = 0}"}), "limits is a table"),
        (recipe_text({"apart_from": "'b.csv'"}), "apart_from names b.csv"),
        (recipe_text({"withhold": "'no'"}), "withhold is true or false"),
        (recipe_text({"warmup": "-1"}), "warmup is a number of 0 or more"),
        (recipe_text({}, "seed = 'a'"), "seed is a whole number"),
        (recipe_text({}, "seed = 99999999999"), "seed is a whole number from 0 to 4294967295"),
        (recipe_text({}, "layers = [2, 1]"), "layers is a list of whole numbers"),
        (recipe_text({}, "layers = []"), "layers is a list of whole numbers"),
        (recipe_text({}, "layers = 3"), "layers is a list of whole numbers"),
        (recipe_text({}, "patience = -1"), "patience is a whole number"),
        (recipe_text({}, "dropout = 2.0"), "dropout is a number from 0 to below 1"),
        (recipe_text({}, "losses = 3"), "losses is a table"),
        (recipe_text({}, "losses = {sentence = -1.0}"), "losses is a table"),
        (recipe_text({}, "parts = 3"), "parts is a table"),
        (recipe_text({}, end="[parts]\nby = 'x'"), "parts: by is article or outlet"),
        (recipe_text({}, end="[adapters]\nrank = -1"), "adapters: rank is a whole number"),
        ("stage = [3]", "stage is a table"),
        (recipe_text({}).replace("name = 'x'\nbase = 'y'\n", ""), "recipe: missing name, base$"),
    ],
)
def test_a_recipe_of_wrong_values_is_one_clear_error(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(DataError, match=fault):
        read_recipe(tmp_path / "r.toml")


def test_the_values_of_options_are_checked_as_those_of_recipes() -> None:
    recipe = one_stage("m", "default", ["a.csv"], {"epochs": float("inf")})
    with pytest.raises(DataError, match="the options: epochs is a number above 0, not inf"):
        check(recipe, "the options")


def test_an_empty_base_is_no_default(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(data), "-o", str(tmp_path / "m"), "--base", ""]) == 2
    assert "base is a text, not ''" in capsys.readouterr().err


def test_a_table_of_semicolons_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("text;label\nRain, and more rain;0\n")
    with pytest.raises(InputError, match="separate the cells by commas, not by ';'"):
        list(iter_rows(tmp_path / "d.csv"))


def test_too_few_data_says_what_was_left_out(tiny_folder: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "d.jsonl", [*sentences(1)] * 40)
    with pytest.raises(DataError, match=r"label more, or set less aside .*; 39 rows were left out"):
        plan_of(path, tiny_folder)


def test_a_training_that_runs_away_is_told(data: Path, tiny_folder: Path, tmp_path: Path) -> None:
    plan = plan_of(data, tiny_folder)
    wild = replace(plan.recipe, stages=(replace(plan.recipe.stages[0], learning_rate=1e8),))
    with pytest.raises(DataError, match="lower learning rate"):
        runs.train(replace(plan, recipe=wild), tmp_path / "m", name="m")
    unwatched = replace(plan, recipe=wild, parts=replace(plan.parts, development=()))
    with pytest.raises(DataError, match="lower learning rate"):
        runs.train(unwatched, tmp_path / "n", name="n")


# Where a run works


def stop(moment: trainer.Moment) -> None:
    raise InterruptedError


def test_a_run_goes_on_only_with_the_data_as_they_were_read(data: Path, tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InterruptedError):
        runs.train(plan_of(data, tiny_folder), tmp_path / "m", name="m", watch=stop)
    with pytest.raises(DataError, match="other data:"):
        runs.train(plan_of(data, tiny_folder, positive="0"), tmp_path / "m", name="m", resume=True)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
def test_two_runs_are_never_in_one_folder(tmp_path: Path) -> None:
    with workplace.opened(tmp_path / "w", {"a": 1}, resume=False):
        for resume in (False, True):
            with (
                pytest.raises(UsageError, match="another run is at work"),
                workplace.opened(tmp_path / "w", {"a": 1}, resume=resume),
            ):
                raise AssertionError
    with workplace.opened(tmp_path / "w", {"a": 1}, resume=True):
        pass


def test_a_work_folder_is_the_runs_alone(data: Path, tiny_folder: Path, tmp_path: Path) -> None:
    plan = plan_of(data, tiny_folder)
    before = sorted(tiny_folder.iterdir())
    with pytest.raises(OutputError, match="something else than a run"):
        runs.train(plan, tmp_path / "m", name="m", work=tiny_folder)
    assert sorted(tiny_folder.iterdir()) == before
    with pytest.raises(UsageError, match="another for --work"):
        runs.train(plan, tmp_path / "m", name="m", work=tmp_path / "m")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a file in the way"):
        runs.train(plan, tmp_path / "m", name="m", work=tmp_path / "file")
    with pytest.raises(OutputError, match="a file in the way"):
        runs.train(plan, tmp_path / "file" / "m", name="m")


@pytest.mark.parametrize("output", [".", "", "/"])
def test_an_output_without_a_name_is_refused(data: Path, capsys: pytest.CaptureFixture[str], output: str) -> None:
    assert main(["train", str(data), "-o", output]) == 2
    assert "no name for a new folder" in capsys.readouterr().err


def test_a_full_disk_is_told_from_other_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="unexpected pos"), workplace.room_for(tmp_path, 1):
        raise RuntimeError("unexpected pos 232704 vs 232592")
    monkeypatch.setattr(workplace.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(OutputError, match=r"no space left in .* --resume"), workplace.room_for(tmp_path, 11):
        raise RuntimeError("unexpected pos 232704 vs 232592")


def test_a_run_killed_while_it_writes_its_folder_leaves_nothing_in_the_end(
    data: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(data, tiny_folder)
    with monkeypatch.context() as patched:
        # A kill runs no `finally`: what was begun stays.
        patched.setattr("bias.output.shutil.rmtree", lambda *args, **kwargs: None)
        patched.setattr(runs, "calibrate_on", lambda *args, **kwargs: stop)
        patched.setattr(runs, "write_seen", lambda *args: stop(trainer.Moment(1, 1, 1, {})))
        with pytest.raises(InterruptedError):
            runs.train(plan, tmp_path / "m", name="m")
    assert [path.name for path in tmp_path.iterdir()] == ["m.unfinished"]
    runs.train(plan, tmp_path / "m", name="m", resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_the_next_command_is_one_that_works(
    data: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    table = tmp_path / "my data.jsonl"
    table.write_text("".join(json.dumps({"text": row["text"], "vote": row["label"]}) + "\n" for row in rows))
    output = tmp_path / "m"
    command = ["train", str(table), "own", "--base", str(tiny_folder), "--label-column", "vote", "--epochs", "0.1"]
    assert main([*command, "-o", str(output), "--name", "another"]) == 0
    told = capsys.readouterr().out
    assert f"next: bias evaluate '{table}' --label-column vote --model {output} --compare default" in told
    assert json.loads((output / "run.json").read_text("utf-8"))["name"] == "another"


# Calibrating and exporting


def test_the_shipped_model_of_a_checkout_is_not_changed() -> None:
    with pytest.raises(UsageError, match="is the shipped model, which is not changed"):
        refuse_packaged(default_model())


@pytest.mark.parametrize(
    "command", [["calibrate", "DATA", "--model", "MODEL"], ["export", "MODEL"], ["audit", "DATA", "--model", "MODEL"]]
)
def test_a_missing_folder_is_told_before_the_work(
    data: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    named = {"DATA": str(data), "MODEL": str(tiny_folder)}
    output = tmp_path / "no" / "m.csv"
    assert main([*(named.get(part, part) for part in command), "-o", str(output)]) == 2
    assert capsys.readouterr().err == f"bias: cannot write {output}: there is no folder {output.parent}\n"


def test_a_checkpoint_is_exported_without_a_word_of_the_libraries(
    data: Path, tiny_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    runs.train(plan_of(data, tiny_folder), tmp_path / "m", name="m", work=tmp_path / "w")
    capfd.readouterr()
    command = ["export", str(tmp_path / "w" / "seed-13" / "stage-1"), str(data), "-o", str(tmp_path / "x")]
    assert main(command) == 0
    assert "Loading" not in capfd.readouterr().err


def test_a_reader_who_has_seen_enough_is_no_failure(data: Path, tiny_folder: Path) -> None:
    command = [sys.executable, "-m", "bias", "evaluate", str(data), "--model", str(tiny_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait() == 0
