"""The encoder's products with its weights and nothing else: what is left if all the rest took no time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20


def make_products(path: Path, hidden: int, inner: int, layers: int, precision: str) -> None:
    """Write an ONNX file that multiplies its inputs by random weights of an encoder's shapes.

    A layer has four matrices of shape (hidden, hidden), for query, key, value and output, and the two of the
    feed-forward part. The products of queries with keys and with values are left out: a few hundredths of the work at
    the length of a sentence.

    Inputs: `hidden` of shape (tokens, hidden), `inner` of shape (tokens, inner); float32, or uint8 for int8.
    """
    is_int8 = precision == "int8"
    kind = TensorProto.UINT8 if is_int8 else TensorProto.FLOAT
    result = TensorProto.INT32 if is_int8 else TensorProto.FLOAT
    generator = np.random.default_rng(0)
    nodes, weights, outputs = [], [], []
    for name, source, shape in _matrices(hidden, inner, layers):
        drawn = generator.integers(-64, 64, shape).astype(np.int8) if is_int8 else generator.normal(size=shape)
        weights.append(numpy_helper.from_array(drawn if is_int8 else drawn.astype(np.float32), f"{name}_weight"))
        operator = "MatMulInteger" if is_int8 else "MatMul"
        nodes.append(helper.make_node(operator, [source, f"{name}_weight"], [name]))
        outputs.append(helper.make_tensor_value_info(name, result, ["tokens", shape[1]]))
    inputs = [
        helper.make_tensor_value_info(name, kind, ["tokens", width])
        for name, width in (("hidden", hidden), ("inner", inner))
    ]
    graph = helper.make_graph(nodes, "products", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _matrices(hidden: int, inner: int, layers: int) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """(name, input, shape) of every matrix."""
    for layer in range(layers):
        for name in ("query", "key", "value", "output"):
            yield f"{name}_{layer}", "hidden", (hidden, hidden)
        yield f"up_{layer}", "hidden", (hidden, inner)
        yield f"down_{layer}", "inner", (inner, hidden)
