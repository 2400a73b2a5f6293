from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.cli import main
from bias.detector import Detector
from bias.errors import ModelError, UsageError
from bias.modelfolder import MANIFEST, TRAINABLE, digest, open_model
from bias.training.data.examples import near_duplicates
from bias.training.data.readers import load_data
from bias.training.data.splits import Split, fingerprint, write_seen
from bias.training.labels.embedding import embed, load_trainable, read_texts, run_model
from bias.training.labels.suggest import (
    Tally,
    alone,
    apart_from,
    choose,
    draw,
    gradients,
    of_article,
    shortlist,
    suggest,
)
from bias.types import Article

PLACES = ("harbour", "museum", "stadium", "library", "clinic", "railway", "market", "orchard")
ACTS = ("closed", "opened", "burned", "reckless", "voted")
WHO = ("council", "minister", "report", "neighbour", "regime")
SENTENCES = [
    f"The {act} {place} {who} {place} {who} {act}, {act} {who} {place}."
    for place in PLACES
    for act in ACTS
    for who in WHO
]
"""200 sentences; no two share half of their runs of three words."""


# Vectors


def test_vectors_are_what_the_sentence_head_reads(tiny_folder: Path) -> None:
    model, tokenizer = load_trainable(tiny_folder)
    text = SENTENCES[3]
    ids = torch.tensor([tokenizer.encode(text).ids])
    with torch.inference_mode():
        hidden = model.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        logit = model(input_ids=ids, attention_mask=torch.ones_like(ids)).sentence
    read = read_texts(tiny_folder, [text])
    assert np.allclose(read.vectors[0], hidden[0].mean(0).numpy(), atol=1e-5)
    assert np.array_equal(read.features, [[*read.vectors[0], *read.logits]])
    assert read.logits[0] == pytest.approx(float(logit[0]), abs=1e-5)
    weight, bias = model.sentence.weight.detach().numpy(), model.sentence.bias.detach().numpy()
    assert read.logits == pytest.approx((read.vectors @ weight.T + bias)[:, 0], abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([*SENTENCES[:30], "No.", "word " * 90]), min_size=1, max_size=40))
def test_a_text_has_the_same_vector_in_any_company(tiny_folder: Path, texts: list[str]) -> None:
    model, tokenizer = load_trainable(tiny_folder)
    together = run_model(model, tokenizer, texts)
    for i in {0, len(texts) // 2, len(texts) - 1}:
        by_itself = run_model(model, tokenizer, [texts[i]])
        assert np.allclose(together.vectors[i], by_itself.vectors[0], atol=1e-4)
        assert together.logits[i] == pytest.approx(by_itself.logits[0], abs=1e-4)


def test_a_long_text_is_read_in_windows_and_none_is_cut(tiny_folder: Path) -> None:
    model, tokenizer = load_trainable(tiny_folder)
    start = "the minister said " * 80
    one, other = start + "reckless " * 200, start + "of a tax " * 200
    vectors = run_model(model, tokenizer, [one, other, start]).vectors
    assert not np.allclose(vectors[0], vectors[1], atol=1e-3)
    encoding = tokenizer.encode(one)
    windows = [encoding.ids, *(more.ids for more in encoding.overflowing)]
    parts = [
        model.encoder(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0).detach().numpy() for ids in windows
    ]
    assert len(parts) > 1
    assert np.allclose(vectors[0], np.mean(parts, axis=0), atol=1e-4)


def test_no_texts_no_vectors_and_progress_sees_each_text(tiny_folder: Path) -> None:
    assert embed(tiny_folder, []).shape == (0, 32)
    met: list[int] = []

    def watched(items: Iterable[int]) -> Iterator[int]:
        for item in items:
            met.append(item)
            yield item

    embed(tiny_folder, SENTENCES[:40], watched)
    assert sorted(met) == list(range(40))


def test_damaged_or_missing_weights_are_one_clear_error(tiny_folder: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(tiny_folder, tmp_path / "changed")
    data = bytearray((changed / TRAINABLE).read_bytes())
    data[-1] ^= 1
    (changed / TRAINABLE).write_bytes(data)
    with pytest.raises(ModelError, match="sha256"):
        embed(changed, ["Text."])
    bare = shutil.copytree(tiny_folder, tmp_path / "bare")
    (bare / TRAINABLE).unlink()
    with pytest.raises(ModelError, match=TRAINABLE):
        embed(bare, ["Text."])
    manifest = json.loads((bare / MANIFEST).read_text("utf-8"))  # of a folder that never had any
    del manifest["files"][TRAINABLE]
    (bare / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    open_model.cache_clear()
    with pytest.raises(ModelError, match="no weights to train on from"):
        embed(bare, ["Text."])
    other = shutil.copytree(tiny_folder, tmp_path / "other")
    (other / TRAINABLE).write_bytes(b"no weights at all")
    manifest["files"][TRAINABLE] = {"bytes": 17, "sha256": digest(other / TRAINABLE)}
    (other / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(ModelError, match="not a safetensors file"):
        embed(other, ["Text."])


# Choosing


def test_gradients_are_those_of_the_loss_in_the_heads_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors, logits = torch.randn(6, 5, generator=generator), torch.randn(6, generator=generator)
    found = gradients(torch.sigmoid(logits).double().numpy(), vectors.numpy())
    for vector, logit, gradient in zip(vectors, logits, found, strict=True):
        weight = (vector * logit / vector.dot(vector)).requires_grad_()  # a head with just that logit
        label = (logit >= 0).float()
        torch.nn.functional.binary_cross_entropy_with_logits(weight.dot(vector), label).backward()  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        assert np.allclose(gradient, weight.grad.numpy(), atol=1e-6)


def made_up_pool(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of 600 sentences, most of them certain, and vectors in five heaps of very unequal size."""
    generator = np.random.default_rng(seed)
    heap = generator.choice(5, size=600, p=[0.8, 0.08, 0.06, 0.04, 0.02])
    vectors = 4 * np.eye(5, 16)[heap] + 0.3 * generator.normal(size=(600, 16))
    return generator.beta(0.4, 0.4, size=600), vectors


def uncovered(points: np.ndarray, chosen: Sequence[int]) -> float:
    """The mean squared distance of a sentence of the pool to the nearest chosen one."""
    return float((np.linalg.norm(points[:, None] - points[chosen][None], axis=2).min(axis=1) ** 2).mean())


@pytest.mark.parametrize("seed", range(5))
def test_what_is_chosen_is_less_certain_and_more_diverse_than_at_random(seed: int) -> None:
    probabilities, vectors = made_up_pool(seed)
    points = gradients(probabilities, vectors)
    chosen = draw(points, 40, seed)
    at_random = np.random.default_rng(seed).choice(600, size=40, replace=False).tolist()
    uncertainty = np.minimum(probabilities, 1 - probabilities)
    assert uncertainty[chosen].mean() > 1.3 * uncertainty[at_random].mean()
    assert uncovered(points, chosen) < 0.8 * uncovered(points, at_random)
    most_uncertain = np.argsort(-uncertainty)[:40].tolist()  # what uncertainty alone would choose: more of the same
    assert uncovered(points, chosen) < 0.5 * uncovered(points, most_uncertain)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 40),
    st.integers(0, 2**31),
    st.lists(st.integers(0, 8), min_size=30, max_size=30),
)
def test_what_is_refused_is_not_drawn_and_the_seed_decides(points: int, count: int, seed: int, keys: list[int]) -> None:
    values = np.random.default_rng(seed).normal(size=(points, 4))

    def same_key(point: int, drawn: Sequence[int]) -> bool:
        return keys[point] in {keys[i] for i in drawn}

    chosen = draw(values, count, seed, same_key)
    assert len({keys[i] for i in chosen}) == len(chosen) == min(count, len(set(keys[:points])))
    assert chosen == draw(values, count, seed, same_key)
    assert len(set(draw(values, count, seed))) == min(count, points)


def test_nothing_to_draw_from() -> None:
    assert draw(np.zeros((0, 4)), 3, 0) == []
    assert draw(np.zeros((5, 4)), 3, 0) == [0]  # points that do not differ


def test_the_most_uncertain_of_the_pool_are_kept(tiny_detector: Detector) -> None:
    maps = tiny_detector.model.calibration.balanced
    tally = Tally()
    pool = [alone(text, f"p:{i}") for i, text in enumerate([*SENTENCES, "Page 3", SENTENCES[0].upper(), SENTENCES[5]])]
    known = {fingerprint(SENTENCES[1])}
    everything = shortlist(pool, tiny_detector, maps, 10_000, known, Tally())
    kept = shortlist(iter(pool), tiny_detector, maps, 20, known, tally)
    assert (tally.read, tally.short, tally.known, tally.repeated) == (203, 1, 1, 2)
    assert len(everything) == 199
    uncertainty = sorted((c.uncertainty for c in everything), reverse=True)
    assert [c.uncertainty for c in kept] == uncertainty[:20]


def test_near_repeats_of_others_and_of_each_other_are_left_out(tiny_detector: Detector) -> None:
    long = "The council voted on Tuesday to close the library on Mill Lane for good"
    texts = [f"{long}.", f"{long}, it said.", "Snow fell in the hills all night.", "Rain fell on the empty pier."]
    maps = tiny_detector.model.calibration.balanced
    kept = shortlist([alone(text, "p") for text in texts], tiny_detector, maps, 10, set(), Tally())
    for seed in range(5):
        vectors = np.random.default_rng(seed).normal(size=(4, 8))
        chosen = {candidate.of.sentence.text for candidate in choose(kept, vectors, 4, seed)}
        assert len(chosen) == 3
        assert chosen >= set(texts[2:])
    tally = Tally()
    left = apart_from(kept, ["Snow fell in the hills all night, he wrote."], tally)
    assert {c.of.sentence.text for c in left} == {*texts} - {texts[2]}
    assert tally.near_known == 1


def test_suggestions_in_one_call(tiny_detector: Detector) -> None:
    pool = [alone(text, f"p:{i}") for i, text in enumerate([*SENTENCES[:40], "Page 3"])]
    read: list[int] = []

    def progress(items: Iterable[int]) -> Iterator[int]:
        for item in items:
            read.append(item)
            yield item

    found = suggest(pool, tiny_detector, 5, exclude=SENTENCES[:10], candidates=25, progress=progress)
    texts = [row["text"] for row in found.rows]
    assert len(set(texts)) == 5
    assert set(texts) <= set(SENTENCES[10:40])
    assert (found.candidates, len(read)) == (25, 25)
    assert (found.tally.read, found.tally.short, found.tally.known) == (41, 1, 10)
    assert suggest([], tiny_detector, 5).rows == ()
    with pytest.raises(UsageError, match="prior"):
        suggest(pool, tiny_detector, 5, prior="2.0")


def test_sentences_of_an_article_know_their_line_and_voice() -> None:
    text = 'The mayor left early.\n\n"This is a shameless giveaway," Ana Reyes said. It rained.\nThe end came soon.'
    found = list(of_article(Article(text, "story.txt")))
    assert [item.place for item in found] == ["story.txt:1", "story.txt:3", "story.txt:3", "story.txt:4"]
    assert [item.sentence.voice for item in found] == ["outlet", "quoted", "outlet", "outlet"]
    assert all(item.text[item.sentence.start : item.sentence.end] == item.sentence.text for item in found)
    assert {item.group for item in found} == {"story.txt"}


# The command


def run(folder: Path, *arguments: str | Path | int) -> int:
    return main(["suggest", "--model", str(folder), *map(str, arguments)])


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    path = tmp_path / "pool.jsonl"
    rows = [
        {"text": text, "label": 1, "article": f"a{i // 5}", "outlet": "The Gazette", "id": i, "votes": "2/3"}
        for i, text in enumerate(SENTENCES)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_rows_come_back_as_training_data_once_labelled(
    pool: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "todo.jsonl"
    assert run(tiny_folder, pool, "--n", 12, "-o", target) == 0
    assert "12 chosen" in capsys.readouterr().err
    rows = lines(target.read_text("utf-8"))
    assert len(rows) == 12
    assert all(row["label"] is None and row["spans"] is None for row in rows)
    loaded = load_data([str(target)], labels="optional").examples
    assert all(e.label is None and e.spans is None and e.votes is None for e in loaded)
    for i, row in enumerate(rows):
        row["label"] = ["neutral", "opinionated"][i % 2]
    rows[1]["spans"] = [[0, 3]]
    target.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    loaded = load_data([str(target)]).examples
    assert [e.label for e in loaded] == [float(i % 2) for i in range(12)]
    assert loaded[1].spans == ((0, 3),)
    assert loaded[0].spans is None  # what the model suggests is not taken for what a person marked
    for row, example in zip(rows, loaded, strict=True):
        place = int(row["place"].rpartition(":")[2])
        assert SENTENCES[place - 1] == row["text"] == example.text
        assert (example.group, example.outlet) == (f"a{(place - 1) // 5}", "the gazette")
        assert row["voice"] in ("outlet", "quoted", "mixed")
        assert 0 <= row["outlet_probability"] <= 1
        assert all(row["text"][s["start"] : s["end"]] == s["text"] for s in row["suggested_spans"])


def test_the_seed_decides_and_probabilities_are_those_of_predict(
    pool: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = []
    for seed in (13, 13, 14):
        assert run(tiny_folder, pool, "--n", 10, "--seed", seed, "--candidates", 60) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != outputs[2]
    assert main(["predict", "--model", str(tiny_folder), "--prior", "balanced", str(pool)]) == 0
    predicted = {row["text"]: row for row in lines(capsys.readouterr().out)}
    for row in lines(outputs[0]):
        same = predicted[row["text"]]
        assert row["probability"] == pytest.approx(same["probability"], abs=1e-6)
        assert row["suggested_spans"] == same["spans"]


def test_excluded_and_seen_sentences_are_never_suggested(
    pool: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    examples = load_data([str(pool)]).examples
    write_seen(folder, Split(train=examples[:75], development=examples[75:100], test=()))
    labelled = tmp_path / "labelled.csv"
    labelled.write_text("text\n" + "".join(f'"{text} Indeed."\n' for text in SENTENCES[100:150]), "utf-8")
    assert run(folder, pool, "--n", 100, "--exclude", labelled) == 0
    captured = capsys.readouterr()
    texts = [row["text"] for row in lines(captured.out)]
    assert texts
    assert set(texts) <= set(SENTENCES[150:])
    assert not near_duplicates(texts, SENTENCES[100:150]).any()
    assert not any(near_duplicates([text], [t for t in texts if t != text]).any() for text in texts)
    assert "150 labelled, excluded or seen" in captured.err


def test_articles_in_a_folder_are_a_pool_and_a_bad_file_stops_none(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "news"
    folder.mkdir()
    for i in range(3):
        text = " ".join(SENTENCES[50 * i : 50 * i + 50 : 7]) + '\n\n"It is a shameless farce," the mayor said.\n'
        (folder / f"story{i}.txt").write_text(text, "utf-8")
    (folder / "bad.txt").write_bytes(b"caf\xe9 culture is on the rise")
    assert run(tiny_folder, folder, "--n", 5) == 2
    captured = capsys.readouterr()
    rows = lines(captured.out)
    assert len(rows) == 5
    assert "bad.txt" in captured.err
    assert {row["group"] for row in rows} <= {str(folder / f"story{i}.txt") for i in range(3)}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--n", "9", "--candidates", "8"], "--candidates"),
        (["--n", "0"], "--n"),
        (["--text-column", "body"], "--text-column"),
        (["--group-column", "url"], "--group-column"),
        (["-o", "todo.csv"], ".jsonl"),
        (["--prior", "2"], "--prior"),
        (["--exclude", "none.csv"], "none.csv"),
    ],
)
def test_bad_usage_is_one_line(
    pool: Path, tiny_folder: Path, arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tiny_folder, pool, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert named in captured.err


def test_filled_in_labels_are_not_written_over(
    pool: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "todo.jsonl"
    target.write_text("mine", "utf-8")
    assert run(tiny_folder, pool, "-o", target) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert target.read_text("utf-8") == "mine"
    empty = tmp_path / "empty.jsonl"
    empty.write_text("", "utf-8")
    assert run(tiny_folder, empty) == 2
    assert "no sentence" in capsys.readouterr().err
