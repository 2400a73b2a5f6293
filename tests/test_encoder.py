from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Barrier, active_count
from time import sleep

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_model, tiny_tokenizer

from bias.cpus import available_cpus
from bias.encoder import OVERLAP, OnnxEncoder, map_ordered
from bias.errors import ModelError
from bias.modelfolder import TOKENIZER, WEIGHTS
from bias.training.data.examples import Example
from bias.training.export import Precision, export_fp32, quantise
from bias.training.features import collate, to_features
from bias.words import WORD, first_pieces

TEXTS = [
    "The minister said the vote on the tax was reckless.",
    "A regime!",
    "Of the 12 in the town, a few voted to tax the minister's well-known vote-counting machine.",
    "No.",
]


def open_encoder(folder: Path, threads: int = 2, max_tokens: int = 64) -> OnnxEncoder:
    return OnnxEncoder(folder / WEIGHTS, folder / TOKENIZER, max_tokens, threads)


def test_a_text_gets_the_same_result_whatever_else_is_asked_for(tiny_folder: Path) -> None:
    encoder = open_encoder(tiny_folder)
    alone = [next(encoder.encode([text])) for text in TEXTS]
    mixed = TEXTS * 20
    random.Random(0).shuffle(mixed)
    for text, result in zip(mixed, encoder.encode(mixed), strict=True):
        assert result == alone[TEXTS.index(text)]


def test_threads_do_not_change_results(tiny_folder: Path) -> None:
    assert list(open_encoder(tiny_folder, 1).encode(TEXTS)) == list(open_encoder(tiny_folder, 4).encode(TEXTS))


def test_results_are_lazy() -> None:
    taken: list[int] = []

    def items() -> object:
        for i in range(1000):
            taken.append(i)
            yield i

    results = map_ordered(lambda i: i * i, items(), 2)  # type: ignore[arg-type]  # a generator
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) < 100


def test_texts_are_read_lazily(tiny_folder: Path) -> None:
    taken: list[str] = []

    def texts() -> Iterator[str]:
        for i in range(1000):
            taken.append(f"The vote on tax {i}.")
            yield taken[-1]

    results = open_encoder(tiny_folder).encode(texts())
    assert [next(results) for _ in range(5)] == list(open_encoder(tiny_folder).encode(taken[:5]))
    assert len(taken) < 100


@given(pauses=st.lists(st.sampled_from((0, 0, 0, 1e-3)), max_size=90), threads=st.integers(1, 4))
def test_results_are_in_order_whoever_is_done_first(pauses: list[float], threads: int) -> None:
    def pause(item: tuple[int, float]) -> int:
        sleep(item[1])
        return item[0]

    assert list(map_ordered(pause, enumerate(pauses), threads)) == list(range(len(pauses)))


def test_the_threads_share_the_work() -> None:
    met = Barrier(3, timeout=60)  # passed by three at once, or not at all
    assert len(list(map_ordered(lambda _: met.wait(), range(9), 3))) == 9


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_error_comes_in_its_turn_and_leaves_no_thread(threads: int) -> None:
    before = active_count()
    results = map_ordered(lambda i: 1 // (7 - i), range(1000), threads)
    assert [next(results) for _ in range(7)] == [1 // (7 - i) for i in range(7)]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert active_count() == before


def test_results_that_nobody_asks_for_are_not_computed() -> None:
    computed: list[int] = []
    before = active_count()
    results = map_ordered(computed.append, range(1000), 3)
    next(results)
    results.close()  # type: ignore[attr-defined]  # a generator
    assert active_count() == before
    assert len(computed) < 100


@pytest.mark.parametrize("threads", [1, 2])
def test_a_text_that_comes_again_is_not_read_again(
    tiny_folder: Path, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"The vote on tax {i}." for i in range(9)]
    encoder = open_encoder(tiny_folder, threads)
    first = list(encoder.encode(texts))
    monkeypatch.setattr(encoder, "_run", None)
    assert list(encoder.encode(texts)) == first
    forgetful = OnnxEncoder(tiny_folder / WEIGHTS, tiny_folder / TOKENIZER, 64, threads, remembered=0)
    assert list(forgetful.encode(texts)) == first
    monkeypatch.setattr(forgetful, "_run", None)
    with pytest.raises(TypeError):
        list(forgetful.encode(texts))


def test_every_word_has_a_score_at_its_offsets(tiny_folder: Path) -> None:
    for text, result in zip(TEXTS, open_encoder(tiny_folder).encode(TEXTS), strict=True):
        assert [text[start:end] for start, end, _ in result.words] == WORD.findall(text)


def test_a_long_text_is_read_whole_in_overlapping_windows(tiny_folder: Path) -> None:
    text = " ".join(f"vote{i}" for i in range(200))
    encoder = open_encoder(tiny_folder, max_tokens=64)
    (result,) = encoder.encode([text])
    assert len(result.words) == 200
    encoding = encoder._tokenizer.encode(text)
    windows = [encoding, *encoding.overflowing]
    for before, after in pairwise(windows):
        shared = set(before.offsets) & set(after.offsets) - {(0, 0)}
        assert len(shared) == OVERLAP
    strongest = max(next(encoder.encode([text[w.offsets[1][0] : w.offsets[-2][1]]])).sentence for w in windows)
    assert result.sentence == pytest.approx(strongest, abs=0.2)


def test_the_rest_of_a_word_is_no_word() -> None:
    text = "A well-known vote isn't don't--do it"
    inside = [(at, at + 1) for at in range(len(text))]
    found = [(word[0], piece) for word, piece in first_pieces(text, [(0, 0), *inside, (0, 0)])]
    assert found == [(word[0], word.start() + 1) for word in WORD.finditer(text)]
    window = [(0, 0), *inside[text.index("known") : text.index("do it") + 1], (0, 0)]
    assert [word[0] for word, _ in first_pieces(text, window)] == ["vote", "isn't", "don't", "do"]


def test_a_word_whose_accents_stand_behind_their_letters_is_whole() -> None:
    text = unicodedata.normalize("NFD", "The naïve mayor’s Élysée café-owner cheered.")
    words = ["The", "naïve", "mayor’s", "Élysée", "café-owner", "cheered"]
    assert [unicodedata.normalize("NFC", match[0]) for match in WORD.finditer(text)] == words
    offsets = tiny_tokenizer().encode(text).offsets
    assert [match.span() for match, _ in first_pieces(text, offsets)] == [m.span() for m in WORD.finditer(text)]


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fp32 export of `tiny_model(3)` with its tokenizer beside it."""
    folder = tmp_path_factory.mktemp("exact")
    export_fp32(tiny_model(3), folder / "exact.onnx")
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    return folder / "exact.onnx"


def test_the_exported_model_computes_what_torch_computes(exact: Path) -> None:
    model = tiny_model(3).eval()
    encoder = OnnxEncoder(exact, exact.with_name("tokenizer.json"), 64, 1)
    rows = to_features([Example(text, "test") for text in TEXTS], tiny_tokenizer())
    for row, text in zip(rows, TEXTS, strict=True):
        batch = collate([row])
        with torch.no_grad():
            output = model(batch["input_ids"], batch["attention_mask"])
        result = next(encoder.encode([text]))
        assert result.sentence == pytest.approx(float(output.sentence[0]), abs=1e-4)
        assert result.technique == pytest.approx(tuple(output.technique[0].tolist()), abs=1e-4)
        pieces = [piece for _, piece in first_pieces(text, tiny_tokenizer().encode(text).offsets)]
        assert [logit for _, _, logit in result.words] == pytest.approx(
            output.token[0].numpy()[pieces].tolist(), abs=1e-4
        )


def test_padding_does_not_change_what_torch_computes() -> None:
    model = tiny_model(4).eval()
    rows = list(to_features([Example(text, "test") for text in TEXTS], tiny_tokenizer()))
    with torch.no_grad():
        batch = collate(rows)
        together = model(batch["input_ids"], batch["attention_mask"]).sentence
        alone = [model(b["input_ids"], b["attention_mask"]).sentence for b in (collate([row]) for row in rows)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


@pytest.mark.parametrize("precision", ["int8", "int8-static"])
def test_quantised_models_stay_close(exact: Path, tmp_path: Path, precision: Precision) -> None:
    small = tmp_path / "small.onnx"
    quantise(exact, small, precision, [tiny_tokenizer().encode(text).ids for text in TEXTS])
    assert small.stat().st_size < exact.stat().st_size
    of_exact, of_small = (
        OnnxEncoder(path, exact.with_name("tokenizer.json"), 64, 1).encode(TEXTS) for path in (exact, small)
    )
    for a, b in zip(of_exact, of_small, strict=True):
        assert a.sentence == pytest.approx(b.sentence, abs=0.1)
        assert a.sentence != b.sentence


def test_files_that_are_no_model_are_refused(tmp_path: Path, tiny_folder: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        OnnxEncoder(tmp_path / "bad.onnx", tiny_folder / TOKENIZER, 64)
    with pytest.raises(ModelError, match=r"bad\.json"):
        OnnxEncoder(tiny_folder / WEIGHTS, tmp_path / "bad.json", 64)


@pytest.mark.parametrize(
    ("files", "cap"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu.max": "garbage"}, None),
    ],
)
def test_the_quota_of_the_control_group_counts(tmp_path: Path, files: dict[str, str], cap: int | None) -> None:
    unlimited = available_cpus(tmp_path / "nowhere")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert available_cpus(tmp_path) == (unlimited if cap is None else min(cap, unlimited))
