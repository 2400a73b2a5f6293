"""A trained model -> a self-contained ONNX file, in fp32, dynamic int8 or static int8."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from torch import Tensor, nn

from bias.training.model import BiasModel

Precision = Literal["fp32", "int8", "int8-static"]

OUTPUTS = ("sentence", "token", "opinion", "technique")
OPSET = 20
MAX_TOKENS = 512


class _OneSentence(nn.Module):
    """The model as the engine calls it: one sentence, no padding, so no attention mask."""

    def __init__(self, model: BiasModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor) -> tuple[Tensor, ...]:
        output = self.model(input_ids, torch.ones_like(input_ids))
        return tuple(output[name] for name in OUTPUTS)


def export_fp32(model: BiasModel, path: Path) -> None:
    """Write the model as ONNX: input `input_ids` of shape (1, tokens), outputs as `BiasOutput` names them."""
    model = model.eval()
    model.encoder.set_attn_implementation("eager")
    tokens = torch.export.Dim("tokens", min=2, max=MAX_TOKENS)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _OneSentence(model),
            (torch.ones(1, 16, dtype=torch.long),),
            input_names=["input_ids"],
            output_names=list(OUTPUTS),
            dynamic_shapes=({1: tokens},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # only the older exporter returns None
    onnx.save(_without_traces(program.model_proto), path)


def _without_traces(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the exporter's notes on where each node came from: they hold paths of the machine."""
    graph = proto.graph
    for part in (proto, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return proto


def quantise(exact: Path, path: Path, precision: Precision, samples: Sequence[Sequence[int]] = ()) -> None:
    """Write the fp32 file at `exact` in another precision.

    Weights are int8 a channel and of reduced range (7 bits): processors with AVX2 but without VNNI add pairs of
    products in 16 bits, which full-range weights overflow. `samples` are token ids that static int8 takes the range
    of activations from.
    """
    if precision == "fp32":
        path.write_bytes(exact.read_bytes())
    elif precision == "int8":
        quantize_dynamic(exact, path, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
    else:
        quantize_static(
            exact,
            path,
            _Samples(samples),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul", "Gather"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    onnx.checker.check_model(str(path))


class _Samples(CalibrationDataReader):
    def __init__(self, samples: Sequence[Sequence[int]]) -> None:
        self._rows: Iterator[dict[str, Any]] = iter([{"input_ids": np.array([ids], dtype=np.int64)} for ids in samples])

    def get_next(self) -> dict[str, Any] | None:
        """The next feed, or None at the end."""
        return next(self._rows, None)
