from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from encoders import ENCODERS, write_encoder

from bias.modelfolder import WEIGHTS, default_model, open_model
from bias.training.bases import open_base
from bias.training.export import check_parity, export_fp32, quantise
from bias.training.folder import CONFIG

UNLIKE = {"deberta-v2", "modernbert", "mpnet"}
"""Encoders whose attention is of another kind: relative distances, rotated positions and windows."""

TEXTS = ["the reckless vote", "a tax on the vote said the minister in the regime", "Regime!"]


@pytest.mark.parametrize("kind", ENCODERS)
def test_any_encoder_is_exported_and_computes_the_same(kind: str, tmp_path: Path) -> None:
    base = open_base(str(write_encoder(tmp_path / kind, ENCODERS[kind]())), {})
    before = base.model.encoder.config._attn_implementation
    export_fp32(base.model, tmp_path / "model.onnx")
    assert base.model.encoder.config._attn_implementation == before
    assert check_parity(base.model, tmp_path / "model.onnx", base.tokenizer, TEXTS) < 1e-5
    assert operators(tmp_path / "model.onnx").isdisjoint({"Softmax"} if kind not in UNLIKE else {"Attention"})
    quantise(tmp_path / "model.onnx", tmp_path / "small.onnx", "int8")
    assert ("QAttention" in operators(tmp_path / "small.onnx")) == (kind not in UNLIKE)
    assert (tmp_path / "small.onnx").stat().st_size < (tmp_path / "model.onnx").stat().st_size


def test_every_layer_of_the_shipped_model_is_fused() -> None:
    model = open_model(default_model())
    layers = json.loads((model.path / CONFIG).read_text("utf-8"))["base"]["num_hidden_layers"]
    used = [node.op_type for node in onnx.load(model.path / WEIGHTS).graph.node]
    assert used.count("QAttention") == layers == 6
    assert "Softmax" not in used


def operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node}
