"""Training on tiny models: what is learned, in which order, and that a killed run ends as an unbroken one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_model, tiny_tokenizer

from bias.training.agreement import divergence
from bias.training.checkpoints import is_whole, latest_whole
from bias.training.data.examples import Example
from bias.training.features import training_order
from bias.training.recipe import Recipe, Stage
from bias.training.trainer import Moment, StopEarly, Watch, balanced, choose, run_stages

TEXTS = ["a reckless regime", "the reckless vote", "a tax on the vote", "the minister said to the", "regime vote of"]
EXAMPLES = [Example(text, "t", label=float("reckless" in text), group=str(i)) for i, text in enumerate(TEXTS * 12)]
STAGE = Stage(("t",), 6, 8, 3e-3, head_rate=3.0)
RECIPE = Recipe("r", "tiny", (STAGE,), max_tokens=32)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(str(folder / "model.safetensors"))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=300), st.integers(1, 16), st.floats(0.1, 3), st.integers(0, 9))
def test_an_order_is_whole_batches_of_every_row_at_most_once_an_epoch(
    lengths: list[int], batch_size: int, epochs: float, seed: int
) -> None:
    batch_size = min(batch_size, len(lengths))
    order = training_order(lengths, batch_size, epochs, seed)
    full = len(lengths) // batch_size * batch_size
    assert order
    assert len(order) % batch_size == 0
    for at in range(0, len(order), full):
        epoch = order[at : at + full]
        assert len(set(epoch)) == len(epoch)
    assert order == training_order(lengths, batch_size, epochs, seed)


def test_batches_hold_rows_of_about_one_length() -> None:
    lengths = [n % 97 + 3 for n in range(0, 9700, 7)]
    order = training_order(lengths, 16, 1, 5)
    spans = [
        max(lengths[i] for i in order[a : a + 16]) - min(lengths[i] for i in order[a : a + 16])
        for a in range(0, len(order), 16)
    ]
    assert sum(spans) / len(spans) < 10
    assert order != training_order(lengths, 16, 1, 6)


def test_class_weights_give_each_label_half() -> None:
    weighted = balanced([Example("a", "t", 1.0), *[Example("b", "t", 0.0)] * 3, Example("c", "t")])
    assert weighted[0].weight == pytest.approx(2.0)
    assert sum(e.weight for e in weighted if e.label == 0.0) == pytest.approx(2.0)
    assert weighted[-1].weight == 1.0
    assert balanced([Example("a", "t", 1.0)]) == [Example("a", "t", 1.0)]


def test_soft_labels_and_class_weights_are_the_stages() -> None:
    data = {"t": [Example("a", "t", 1.0, votes=(3, 5)), Example("b", "t", 0.0, votes=(1, 5))]}
    plain = choose(Stage(("t",), 1, 1, 1e-3), data, 1)
    soft = choose(Stage(("t",), 1, 1, 1e-3, soft_labels=True), data, 1)
    assert [e.label for e in plain] == [1.0, 0.0]
    assert [e.label for e in soft] == [0.6, 0.2]
    assert all(
        e.weight != 1.0 for e in choose(Stage(("t",), 1, 1, 1e-3, soft_labels=True, class_weights=True), data, 1)
    )


def test_a_stage_learns_and_is_not_run_again(tmp_path: Path) -> None:
    model, (curve,) = run_stages(RECIPE, tiny_model(), tiny_tokenizer(), {"t": EXAMPLES}, tmp_path)
    assert curve[-1]["step"] == 6 * (len(EXAMPLES) // 8)
    assert curve[-1]["epoch"] == 6.0
    losses = [entry["loss"] for entry in curve if "loss" in entry]
    assert losses[-1] < losses[0] / 2
    again, (read,) = run_stages(RECIPE, tiny_model(1), tiny_tokenizer(), {"t": []}, tmp_path)
    assert read == curve
    assert same(model.state_dict(), again.state_dict())
    assert not list(tmp_path.glob("checkpoints-*"))


def test_a_soup_is_the_mean_of_trainings_by_several_seeds(tmp_path: Path) -> None:
    moments: list[Moment] = []
    recipe = replace(RECIPE, stages=(replace(STAGE, epochs=2, soup=2),))
    soup, (curve,) = run_stages(
        recipe, tiny_model(), tiny_tokenizer(), {"t": EXAMPLES}, tmp_path / "soup", watch=moments.append
    )
    alone = [
        run_stages(
            replace(recipe, seed=recipe.seed + nth, stages=(replace(STAGE, epochs=2),)),
            tiny_model(),
            tiny_tokenizer(),
            {"t": EXAMPLES},
            tmp_path / f"alone-{nth}",
        )[0].state_dict()
        for nth in range(2)
    ]
    assert not same(*alone)
    mean = {name: (value + alone[1][name]) / 2 for name, value in alone[0].items()}
    assert same(mean, soup.state_dict())
    steps = 2 * (len(EXAMPLES) // 8)
    assert [m.step for m in moments if not m.figures] == list(range(1, 2 * steps + 1))
    assert {m.steps for m in moments} == {2 * steps}
    assert curve[-1]["step"] == steps
    assert not list((tmp_path / "soup").glob("checkpoints-*"))


def test_consistency_has_two_readings_by_different_dropout_agree(tmp_path: Path) -> None:
    def apart(consistency: float) -> float:
        model = tiny_model()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.3
        stage = replace(STAGE, epochs=20, consistency=consistency)
        tokenizer = tiny_tokenizer()
        recipe = replace(RECIPE, stages=(stage,))
        trained, _ = run_stages(recipe, model, tokenizer, {"t": EXAMPLES}, tmp_path / str(consistency))
        ids = torch.tensor([tokenizer.encode(text).ids for text in TEXTS[:1]]).repeat(400, 1)
        with torch.no_grad():
            return float(trained.train()(ids)["sentence"].sigmoid().std())

    assert apart(5.0) < apart(0.0) / 2


@given(st.floats(-9, 9), st.floats(-9, 9))
def test_the_divergence_is_the_mean_of_both_ways(one: float, other: float) -> None:
    given_two = torch.tensor([one, other], dtype=torch.float64)
    first, second = (torch.distributions.Bernoulli(logits=logit) for logit in given_two)
    both = (torch.distributions.kl_divergence(first, second) + torch.distributions.kl_divergence(second, first)) / 2
    assert divergence(*given_two) == pytest.approx(float(both), abs=1e-9)


def test_the_best_weights_on_development_count_and_training_stops(tmp_path: Path) -> None:
    recipe = replace(RECIPE, stages=(replace(STAGE, epochs=40),), patience=2)
    moments: list[Moment] = []
    _, (curve,) = run_stages(
        recipe,
        tiny_model(),
        tiny_tokenizer(),
        {"t": EXAMPLES},
        tmp_path,
        development=EXAMPLES[:10],
        watch=moments.append,
    )
    reached = [entry["eval_macro_f1"] for entry in curve if "eval_macro_f1" in entry]
    assert max(reached) == reached[-3]  # two evaluations without a better one
    assert len(reached) < 40
    assert moments[-1].steps == 40 * (len(EXAMPLES) // 8)
    assert {moment.stage for moment in moments} == {1}


def test_stopping_goes_by_the_log_alone() -> None:
    log = [{"eval_macro_f1": value} for value in (0.5, 0.6, 0.6, 0.4)]
    assert StopEarly(2).is_due(log)
    assert not StopEarly(3).is_due(log)
    assert not StopEarly(0).is_due(log)
    assert not StopEarly(1).is_due([{"loss": 0.1}])


# Kills

KILLED = replace(RECIPE, stages=(replace(STAGE, epochs=4, learning_rate=1e-3),), patience=0)


def train_killed(folder: Path, watch: Watch | None = None) -> None:
    torch.set_num_threads(1)
    run_stages(KILLED, tiny_model(), tiny_tokenizer(), {"t": EXAMPLES}, folder, development=EXAMPLES[:10], watch=watch)


def kill_at(folder: Path, stop: int) -> None:
    """Train in a process of its own and kill it at that step, without a warning."""
    code = (
        f"import sys, time; from pathlib import Path; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_trainer import train_killed\n"
        f"def watch(m): m.step == {stop} and (print('there', flush=True), time.sleep(99))\n"
        f"train_killed(Path({str(folder)!r}), watch)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    train_killed(folder)
    return folder / "stage-1"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Killed at the last step of its third epoch, with two checkpoints."""
    folder = tmp_path_factory.mktemp("killed")
    kill_at(folder, 22)
    return folder


def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path, unbroken: Path) -> None:
    kill_at(tmp_path, 10)
    assert latest_whole(tmp_path / "checkpoints-1") is not None
    assert not (tmp_path / "stage-1").exists()
    train_killed(tmp_path)
    assert same(weights(tmp_path / "stage-1"), weights(unbroken))
    curves = [json.loads((folder / "curve.json").read_text()) for folder in (tmp_path / "stage-1", unbroken)]
    reached = [[entry["eval_macro_f1"] for entry in curve if "eval_macro_f1" in entry] for curve in curves]
    assert reached[0] == reached[1]


@pytest.mark.parametrize("harm", ["cut", "unsealed", "changed"])
def test_a_torn_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, killed: Path, unbroken: Path, harm: str
) -> None:
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "checkpoints-1"
    older, newer = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    assert is_whole(newer)
    if harm == "cut":
        with (newer / "optimizer.pt").open("r+b") as file:
            file.truncate(100)
    elif harm == "unsealed":
        (newer / "sealed.json").unlink()
    else:
        with (newer / "model.safetensors").open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\x7f")
    assert not is_whole(newer)
    assert latest_whole(folder) == older
    assert not newer.exists()
    train_killed(tmp_path)
    assert same(weights(tmp_path / "stage-1"), weights(unbroken))


def test_without_a_whole_checkpoint_it_starts_anew(tmp_path: Path) -> None:
    assert latest_whole(tmp_path) is None
    (tmp_path / "checkpoint-7").mkdir()
    assert latest_whole(tmp_path) is None
    assert not (tmp_path / "checkpoint-7").exists()
