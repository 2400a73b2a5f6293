from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from encoders import ENCODERS, piece_tokenizer, write_encoder
from safetensors.torch import load_file
from transformers import Trainer, TrainingArguments, set_seed

from bias.errors import MissingExtraError, ModelError
from bias.modelfolder import TRAINABLE
from bias.training.adapters import add_adapters, load_checkpoint, merge_adapters
from bias.training.bases import open_base
from bias.training.data.examples import Example
from bias.training.features import collate, to_features
from bias.training.model import HEADS, BiasModel
from bias.training.recipe import Adapters

ADAPTERS = Adapters(rank=4, alpha=8.0, dropout=0.1)
TEXTS = ["the reckless vote", "a tax on the vote said the minister", "reckless regime", "the minister said to vote"]


def rows() -> Dataset:
    examples = [Example(text, "t", label=float("reckless" in text), spans=()) for text in TEXTS * 6]
    return to_features(examples, piece_tokenizer())


def logits_of(model: BiasModel) -> torch.Tensor:
    batch = collate(list(rows().select(range(4))))
    with torch.no_grad():
        output = model.eval()(batch["input_ids"], batch["attention_mask"])
    return torch.cat([output.sentence, output.token.flatten(), output.opinion, output.technique.flatten()])


def adapted(folder: Path) -> BiasModel:
    set_seed(3)
    return add_adapters(open_base(str(folder), dict.fromkeys(HEADS, 1.0)).model, ADAPTERS)


def train(model: BiasModel, folder: Path, resume: str | None = None) -> None:
    set_seed(5)
    arguments: dict[str, Any] = {
        "max_steps": 4,
        "save_steps": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-2,
        "remove_unused_columns": False,
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "use_cpu": True,
    }
    trainer = Trainer(model, TrainingArguments(str(folder), **arguments), collate, rows())
    trainer.train(resume_from_checkpoint=resume)


@pytest.mark.parametrize("kind", ["albert", "bert", "deberta-v2", "distilbert", "modernbert"])
def test_adapters_learn_and_merge_into_a_plain_model(kind: str, tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / kind, ENCODERS[kind]())
    plain = open_base(str(folder), dict.fromkeys(HEADS, 1.0)).model
    names = set(plain.state_dict())
    before = logits_of(plain)
    model = add_adapters(plain, ADAPTERS)
    assert model is plain
    assert torch.equal(logits_of(model), before)
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name.rpartition(".")[0] for name in learning if not name.startswith("encoder.")} == set(HEADS)
    assert all("lora_" in name for name in learning if name.startswith("encoder."))
    frozen = {name: value.clone() for name, value in model.named_parameters() if name not in learning}

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(3):
        model(**collate(list(rows()))).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert all(torch.equal(value, frozen[name]) for name, value in model.named_parameters() if name in frozen)
    learned = logits_of(model)
    assert (learned - before).abs().max() > 0.01

    merged = merge_adapters(model)
    assert set(merged.state_dict()) == names
    assert (logits_of(merged) - learned).abs().max() < 1e-5
    assert all(parameter.requires_grad for parameter in merged.parameters())
    assert logits_of(merge_adapters(merged)).equal(logits_of(merged))
    merged.save_pretrained(tmp_path / "saved")
    assert torch.allclose(logits_of(BiasModel.from_pretrained(tmp_path / "saved")), learned, atol=1e-5)
    # Another stage begins with adapters of its own.
    assert any("lora_" in name for name in add_adapters(merged, ADAPTERS).state_dict())


def test_checkpoints_of_an_adapted_model_are_whole_and_resume_to_the_same(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "bert", ENCODERS["bert"]())
    unbroken = adapted(folder)
    train(unbroken, tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoint-2"
    assert set(load_file(checkpoint / TRAINABLE)) == set(unbroken.state_dict())

    resumed = adapted(folder)
    train(resumed, tmp_path / "run", resume=str(checkpoint))
    for name, value in unbroken.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name

    loaded = adapted(folder)
    assert not torch.equal(logits_of(loaded), logits_of(unbroken))
    load_checkpoint(loaded, tmp_path / "run" / "checkpoint-4")
    assert torch.equal(logits_of(loaded), logits_of(unbroken))
    with pytest.raises(RuntimeError, match="lora_A"):
        load_checkpoint(merge_adapters(loaded), checkpoint)


def test_adapters_are_added_once_and_need_their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(write_encoder(tmp_path / "bert", ENCODERS["bert"]()))
    with pytest.raises(ModelError, match="adapters already"):
        add_adapters(model, ADAPTERS)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"newsbias\[lora\]"):
        add_adapters(model, ADAPTERS)
