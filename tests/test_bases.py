from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from encoders import ENCODERS, OFFSET, PIECES, POSITIONS, SIZES, piece_tokenizer, write_encoder
from safetensors.torch import load_file, save_file
from tiny import tiny_base
from transformers import (
    BertConfig,
    BertTokenizer,
    FNetConfig,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5Model,
)

from bias.errors import ModelError
from bias.modelfolder import TRAINABLE, default_model
from bias.training.bases import fetch_from_hub, open_base
from bias.training.data.examples import Example
from bias.training.features import collate, to_features
from bias.training.model import HEADS, BiasModel

LOSSES = dict.fromkeys(HEADS, 1.0)
TEXTS = ["the reckless vote", "a tax on the vote said the minister in the regime, and on", "regime"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder of a tiny encoder of a kind; read only."""
    root = tmp_path_factory.mktemp("encoders")

    def folder(kind: str) -> Path:
        path = root / kind
        return path if path.is_dir() else write_encoder(path, ENCODERS[kind]())

    return folder


@pytest.fixture
def broken(folders: Callable[[str], Path], tmp_path: Path) -> Path:
    """A copy of a tiny BERT, to break."""
    return Path(shutil.copytree(folders("bert"), tmp_path / "broken"))


def batch_of(texts: list[str]) -> dict[str, torch.Tensor]:
    examples = [Example(text, "t", label=1.0, spans=()) for text in texts]
    return collate(list(to_features(examples, piece_tokenizer())))


# Any encoder


@pytest.mark.parametrize("kind", ENCODERS)
def test_any_encoder_is_trained_saved_and_read_again(kind: str, folders: Callable[[str], Path], tmp_path: Path) -> None:
    base = open_base(str(folders(kind)), LOSSES, max_tokens=128)
    assert (base.name, base.from_model, base.max_tokens) == (kind, None, POSITIONS)
    assert base.model.max_positions == POSITIONS
    assert len(base.tokenizer.encode("vote " * 500).ids) == POSITIONS
    assert not any("pooler" in name for name, _ in base.model.named_parameters())

    batch = batch_of(TEXTS)
    model = base.model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(3):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]

    model.eval().save_pretrained(tmp_path)
    # The names in the file are the model's own: `transformers.Trainer` resumes by them.
    stored = load_file(tmp_path / TRAINABLE)
    assert set(stored) == set(model.state_dict())
    again = BiasModel.from_pretrained(tmp_path).eval()
    assert all(torch.equal(value, stored[name]) for name, value in again.state_dict().items())
    with torch.no_grad():
        for before, after in zip(model(**batch).to_tuple(), again(**batch).to_tuple(), strict=True):
            assert torch.allclose(before, after, atol=1e-6)
    check_padding(again)


def check_padding(model: BiasModel) -> None:
    """A sentence's logits are the same alone and in a batch that pads it with 0, which is no padding id here."""
    with torch.no_grad():
        together = model(**batch_of(TEXTS))
        for row, text in enumerate(TEXTS):
            alone = model(**batch_of([text]))
            assert torch.allclose(together.sentence[row], alone.sentence[0], atol=1e-5)
            assert torch.allclose(together.token[row, : alone.token.shape[1]], alone.token[0], atol=1e-5)


def test_heads_are_drawn_by_the_seed_and_the_encoder_is_as_it_came(folders: Callable[[str], Path]) -> None:
    models = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        models.append(open_base(str(folders("bert")), LOSSES, dropout=0.3).model)
    assert torch.equal(models[0].sentence.weight, models[1].sentence.weight)
    assert not torch.equal(models[0].sentence.weight, models[2].sentence.weight)
    stored = load_file(folders("bert") / TRAINABLE)
    assert torch.equal(models[0].encoder.embeddings.word_embeddings.weight, stored["embeddings.word_embeddings.weight"])
    assert models[0].dropout.p == 0.3


@pytest.mark.parametrize("kind", ["bert", "deberta-v2", "distilbert", "electra", "mpnet", "roberta"])
def test_some_layers_of_an_encoder_are_kept(kind: str, tmp_path: Path) -> None:
    config = ENCODERS[kind]()
    config.num_hidden_layers = 4
    folder = str(write_encoder(tmp_path / kind, config))
    whole, part = open_base(folder, LOSSES), open_base(folder, LOSSES, layers=(0, 2))

    def weights_of(model: BiasModel, layer: int) -> list[torch.Tensor]:
        return [w for name, w in model.encoder.named_parameters() if f"layer.{layer}." in name]

    for layer, kept in enumerate((0, 2)):
        pairs = list(zip(weights_of(part.model, layer), weights_of(whole.model, kept), strict=True))
        assert pairs
        assert all(torch.equal(*pair) for pair in pairs)
    assert not weights_of(part.model, 2)
    part.model.save_pretrained(tmp_path / "part")
    again = BiasModel.from_pretrained(tmp_path / "part").eval()
    batch = batch_of(TEXTS)
    # Not to the last bit: which kernel adds up depends on where the weights lie in memory.
    assert torch.allclose(again(**batch).sentence, part.model(**batch).sentence, atol=1e-6)


def test_layers_that_are_not_there_are_told(folders: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the base has the layers 0 to 0, not 1, 3"):
        open_base(str(folders("bert")), LOSSES, layers=(0, 1, 3))
    shared = ENCODERS["albert"]()
    shared.num_hidden_layers = 4  # all of them one
    with pytest.raises(ModelError, match="layers cannot be taken out of an encoder of the kind albert"):
        open_base(str(write_encoder(tmp_path / "albert", shared)), LOSSES, layers=(0, 2))


def test_an_encoder_inside_another_model_in_half_precision_is_found(
    tmp_path: Path, folders: Callable[[str], Path]
) -> None:
    whole = RobertaForMaskedLM(RobertaConfig(**OFFSET)).half()
    whole.save_pretrained(tmp_path)
    shutil.copy(folders("bert") / "tokenizer.json", tmp_path)
    model = open_base(str(tmp_path), LOSSES).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    stored = whole.roberta.embeddings.word_embeddings.weight.float()
    assert torch.equal(model.encoder.embeddings.word_embeddings.weight, stored)


def test_words_without_a_tokenizer_file_make_the_same_tokenizer(tmp_path: Path) -> None:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *PIECES[5:]]
    write_encoder(tmp_path, BertConfig(**{**SIZES, "pad_token_id": 0}))
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    base = open_base(str(tmp_path), LOSSES)
    expected = BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)})
    assert base.tokenizer.encode(TEXTS[1]).ids == expected(TEXTS[1])["input_ids"]
    assert base.tokenizer.encode("reckless vote").tokens == ["[CLS]", "reckless", "vote", "[SEP]"]


# Our own models


def test_the_shipped_weights_keep_their_heads() -> None:
    base = open_base("default", {"sentence": 2.0}, dropout=0.25, max_tokens=96)
    stored = load_file(default_model() / TRAINABLE)
    for name, value in base.model.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, stored[name].float())
    assert base.from_model is not None
    assert base.name == f"{base.from_model.info.name} {base.from_model.info.version}"
    assert base.sha256 == base.from_model.manifest["files"][TRAINABLE]["sha256"]
    assert (base.model.config.losses, base.model.dropout.p, base.max_tokens) == ({"sentence": 2.0}, 0.25, 96)
    assert len(base.tokenizer.encode("vote " * 500).ids) == 96


def test_weights_of_the_losses_are_kept_or_given() -> None:
    kept = json.loads((default_model() / "config.json").read_text("utf-8"))["losses"]
    assert open_base("default").model.config.losses == kept != LOSSES
    assert open_base("default", LOSSES).model.config.losses == LOSSES


def test_a_folder_of_ours_is_opened_by_its_path(tiny_folder: Path) -> None:
    base = open_base(str(tiny_folder), LOSSES, max_tokens=1000)
    assert base.from_model is not None
    assert (base.name, base.max_tokens) == ("tiny 1", tiny_base().max_position_embeddings)


@pytest.mark.parametrize("name", [TRAINABLE, "config.json", "tokenizer.json", "model.onnx"])
def test_a_changed_byte_in_a_folder_of_ours_is_found(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "copy"))
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}.*does not match its sha256"):
        open_base(str(folder), LOSSES)


def test_a_folder_of_ours_without_what_to_train_on_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "copy"))
    manifest = json.loads((folder / "bias.json").read_text())
    (folder / "bias.json").write_text(
        json.dumps({**manifest, "files": {k: v for k, v in manifest["files"].items() if k != TRAINABLE}})
    )
    with pytest.raises(ModelError, match="no weights to train on"):
        open_base(str(folder), LOSSES)
    (folder / "bias.json").unlink()
    with pytest.raises(ModelError, match=r"without its bias\.json"):
        open_base(str(folder), LOSSES)


# What is refused


def refused(base: Path | str) -> str:
    with pytest.raises(ModelError) as caught:
        open_base(str(base), LOSSES)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_pickles_are_refused_by_name(pickle: str, broken: Path) -> None:
    (broken / TRAINABLE).rename(broken / pickle)
    assert pickle in refused(broken)


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    assert "neither bias.json" in refused(tmp_path)
    (tmp_path / "notes.txt").write_text("Nothing to see.")
    assert "is a file" in refused(tmp_path / "notes.txt")
    assert "no folder" in refused(tmp_path / "missing")
    assert "no folder" in refused("./models/missing")


def test_damage_to_an_encoder_is_told(broken: Path) -> None:
    weights = (broken / TRAINABLE).read_bytes()
    (broken / TRAINABLE).write_bytes(weights[: len(weights) // 2])
    assert "cannot be read as an encoder" in refused(broken)
    (broken / TRAINABLE).write_bytes(weights[:8] + b"#" + weights[9:])
    assert "cannot be read as an encoder" in refused(broken)
    tensors = load_file_of(weights, broken)
    save_file({**tensors, "encoder.layer.0.output.dense.bias": torch.full((16,), torch.nan)}, broken / TRAINABLE)
    assert "no finite numbers" in refused(broken)
    del tensors["encoder.layer.0.output.dense.bias"]
    save_file(tensors, broken / TRAINABLE)
    assert "1 weights of the encoder are missing" in refused(broken)
    (broken / TRAINABLE).unlink()
    assert "holds no weights" in refused(broken)


def load_file_of(content: bytes, folder: Path) -> dict[str, torch.Tensor]:
    (folder / TRAINABLE).write_bytes(content)
    return load_file(folder / TRAINABLE)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("[1", "names no model_type"),
        ("[]", "names no model_type"),
        ("{}", "names no model_type"),
        ('{"model_type": "grand-new", "auto_map": {"AutoModel": "x.Y"}}', "code that comes with it"),
        ('{"model_type": "grand-new"}', "grand-new cannot be read"),
        ('{"model_type": "bert", "hidden_size": "wide"}', "cannot be read as an encoder"),
    ],
)
def test_configurations_that_cannot_be_used_are_told(config: str, told: str, broken: Path) -> None:
    (broken / "config.json").write_text(config)
    assert told in refused(broken)


def test_code_that_comes_with_an_encoder_is_never_run(broken: Path) -> None:
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "own.Own"}}))
    (broken / "own.py").write_text("raise SystemExit('run')")
    assert open_base(str(broken), LOSSES).model.config.base["model_type"] == "bert"


def test_tokenizers_that_do_not_fit_are_told(broken: Path) -> None:
    tokenizer = json.loads((broken / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["beyond"] = len(PIECES)
    (broken / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "do not belong together" in refused(broken)
    (broken / "tokenizer.json").write_text("{}")
    assert "is not a tokenizer" in refused(broken)
    (broken / "tokenizer.json").unlink()
    assert "no tokenizer" in refused(broken)


def test_models_that_are_no_encoders_of_sentences_are_told(tmp_path: Path) -> None:
    write_encoder(tmp_path / "short", BertConfig(**{**SIZES, "max_position_embeddings": 32}))
    assert "reads 32 tokens" in refused(tmp_path / "short")
    sizes = {name: value for name, value in SIZES.items() if name != "num_attention_heads"}
    write_encoder(tmp_path / "fnet", FNetConfig(**sizes))
    assert "padding" in refused(tmp_path / "fnet")
    both = T5Config(vocab_size=len(PIECES), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5Model(both).save_pretrained(tmp_path / "t5")
    assert "with a decoder" in refused(tmp_path / "t5")


# The hub


def test_a_name_on_the_hub_is_fetched(folders: Callable[[str], Path]) -> None:
    asked: list[str] = []

    def fetch(name: str) -> Path:
        asked.append(name)
        return folders("bert")

    base = open_base("someone/encoder-v1.5", LOSSES, fetch=fetch)
    assert (asked, base.name) == (["someone/encoder-v1.5"], "someone/encoder-v1.5")


def test_without_a_network_it_is_told_what_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"nothing could be fetched.*--base default or the path of a folder"):
        fetch_from_hub("someone/encoder-v1.5")
    assert "nothing could be fetched" in refused("someone/encoder-v1.5")
