"""A trained model -> a self-contained ONNX file, in fp32, dynamic or static int8, and what the way there changes."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
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
from scipy.special import expit
from tokenizers import Tokenizer

from bias.encoder import Encoder, open_session
from bias.errors import DataError, ModelError
from bias.training.evaluation.measures import MEASURES, Array
from bias.training.fusion import fuse_attention
from bias.training.model import BiasModel
from bias.training.onesentence import OUTPUTS, OneSentence, one_segment

Precision = Literal["fp32", "int8", "int8-static"]

OPSET = 20

MAX_TOKENS = 512
"""The longest text that an exported model is made for; less where the encoder has fewer positions."""

NARROW = 16
"""Columns below which a product is left in fp32: the heads', which gain no time by int8 and lose accuracy."""

PARITY = 1e-4
"""How far a logit of the fp32 file may lie from torch's."""

COMPARED = ("macro_f1", "auroc", "calibration_error")
"""The measures of which the change by quantisation is told."""


def export_fp32(model: BiasModel, path: Path) -> None:
    """Write the model as ONNX: input `input_ids` of shape (1, tokens), outputs as `BiasOutput` names them.

    The model is moved to the CPU and put in evaluation mode.

    Raises:
        ModelError: torch's exporter cannot write an encoder of that kind; longformer and xlnet are such.
    """
    model = model.eval().cpu()
    longest = min(MAX_TOKENS, model.max_positions)
    tokens = torch.export.Dim("tokens", min=2, max=longest)
    with _eager(model), one_segment(model), _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                OneSentence(model),
                (torch.ones(1, 16, dtype=torch.long),),
                input_names=["input_ids"],
                output_names=list(OUTPUTS),
                dynamic_shapes=({1: tokens},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            kind = model.config.base.get("model_type")
            raise ModelError(f"encoders of the kind {kind} cannot be written as ONNX: choose another base") from error
    assert program is not None  # only the older exporter returns None
    proto = _without_traces(program.model_proto)
    fuse_attention(proto, longest)
    onnx.save(proto, path)


def rehearse_export(model: BiasModel) -> None:
    """Export a model and throw the file away, to know before hours of training that its encoder can be exported.

    Raises:
        ModelError: as `export_fp32`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        export_fp32(model, Path(scratch) / "rehearsal.onnx")


@contextmanager
def _eager(model: BiasModel) -> Iterator[None]:
    """Plain attention for the while, which the exporter writes as plain operators."""
    before = model.encoder.config._attn_implementation
    model.encoder.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.encoder.set_attn_implementation(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep off standard error what the libraries say of themselves, and the whole graph that a failed export prints."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


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
    else:
        options: dict[str, Any] = {
            "per_channel": True,
            "reduce_range": True,
            "weight_type": QuantType.QInt8,
            "nodes_to_exclude": _narrow(onnx.load(exact)),
        }
        with _quiet():
            if precision == "int8":
                quantize_dynamic(exact, path, **options)
            else:
                quantize_static(
                    exact,
                    path,
                    _Samples(samples),
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=["MatMul", "Gather"],
                    activation_type=QuantType.QUInt8,
                    **options,
                )
    onnx.checker.check_model(str(path))


def _narrow(proto: onnx.ModelProto) -> list[str]:
    """Names of the products with weights of few columns."""
    narrow = {weight.name for weight in proto.graph.initializer if len(weight.dims) == 2 and weight.dims[1] < NARROW}
    return [node.name for node in proto.graph.node if node.op_type == "MatMul" and not narrow.isdisjoint(node.input)]


class _Samples(CalibrationDataReader):
    def __init__(self, samples: Sequence[Sequence[int]]) -> None:
        self._rows: Iterator[dict[str, Any]] = iter([{"input_ids": np.array([ids], dtype=np.int64)} for ids in samples])

    def get_next(self) -> dict[str, Any] | None:
        """The next feed, or None at the end."""
        return next(self._rows, None)


def check_parity(
    model: BiasModel, path: Path, tokenizer: Tokenizer, texts: Sequence[str], tolerance: float = PARITY
) -> float:
    """The largest difference between a logit of torch (fp32) and of the fp32 ONNX file, over all heads and tokens.

    Read are the texts, the shortest input there is, and one of every length that doubles up to the longest: what an
    exporter gets wrong about positions and windows of attention shows only at some lengths.

    Raises:
        ModelError: the file is not a model, or the difference is above the tolerance.
    """
    longest = min(MAX_TOKENS, model.max_positions)
    encoded = [encoding.ids[:longest] for encoding in tokenizer.encode_batch(list(texts))]
    stream = [piece for ids in encoded for piece in ids]
    if not stream:
        raise ValueError("parity is checked over one text at least")
    stream *= -(-longest // len(stream))
    lengths = sorted({2, *(2**n for n in range(2, 20) if 2**n < longest), longest})
    session = open_session(path)
    model = model.eval().cpu()
    largest = 0.0
    with torch.no_grad():
        for ids in (*encoded, *(stream[:length] for length in lengths)):
            feed = torch.tensor([ids])
            output = model(feed, torch.ones_like(feed))
            for name, found in zip(OUTPUTS, session.run(list(OUTPUTS), {"input_ids": feed.numpy()}), strict=True):
                largest = max(largest, float(np.nan_to_num(np.abs(output[name].numpy() - found), nan=np.inf).max()))
    if largest > tolerance:
        raise ModelError(
            f"{path.name} gives logits that lie up to {largest:.2g} from torch's; {tolerance:g} is allowed"
        )
    return largest


@dataclass(frozen=True, slots=True)
class QuantisationChange:
    """What another precision does to the sentences' probabilities and to the figures on them.

    `moved` and `moved_mean` are the largest and the mean change of a probability; `flipped` is the number of the
    `sentences` whose label changes. `exact` and `quantised` hold each measure before and after.
    """

    sentences: int
    moved: float
    moved_mean: float
    flipped: int
    exact: Mapping[str, float]
    quantised: Mapping[str, float]


def sentence_logits(encoder: Encoder, texts: Iterable[str]) -> Array:
    """The sentence head's logits. Shape: (texts,)."""
    return np.array([encoded.sentence for encoded in encoder.encode(texts)])


def quantisation_change(
    exact: Array,
    quantised: Array,
    labels: Array,
    probability: Callable[[Array], Array] = expit,
    threshold: float = 0.5,
    measures: Sequence[str] = COMPARED,
) -> QuantisationChange:
    """Compare the logits of two precisions of one model on labelled sentences.

    Args:
        exact, quantised: logits, shape (n,) (see `sentence_logits`).
        labels: 0 or 1, or soft; one of 0.5 or more counts as opinionated. Shape (n,).
        probability: the calibrated map of logits to probabilities; by itself a logit is taken at face value.
        threshold: where a sentence is opinionated.
        measures: names in `bias.training.evaluation.measures.MEASURES`.

    Raises:
        DataError: all labels are the same, so no figure can be told.
    """
    labels = (labels >= 0.5).astype(int)
    if len(np.unique(labels)) < 2:
        raise DataError("precisions are compared on labelled sentences of both kinds, opinionated and neutral")
    before, after = probability(exact), probability(quantised)
    flags = [(found >= threshold).astype(int) for found in (before, after)]
    distance = np.abs(after - before)
    return QuantisationChange(
        sentences=len(labels),
        moved=float(distance.max()),
        moved_mean=float(distance.mean()),
        flipped=int((flags[0] != flags[1]).sum()),
        exact={name: MEASURES[name](labels, before, flags[0]) for name in measures},
        quantised={name: MEASURES[name](labels, after, flags[1]) for name in measures},
    )
