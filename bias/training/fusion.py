"""Self-attention as ONNX Runtime's one operator for it, in place of the plain ones that torch's exporter writes.

ONNX Runtime's own fusions know what older exporters wrote; in what this one writes they find no attention.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper
from onnx.utils import Extractor
from onnxruntime import InferenceSession
from onnxruntime.transformers.onnx_model import OnnxModel

DOMAIN = "com.microsoft"
"""Of the operators that are ONNX Runtime's own: `Attention` and, once quantised, `QAttention`."""

BY_HEAD = [0, 2, 1, 3]
"""(1, tokens, heads, size) -> (1, heads, tokens, size), and back."""
KEYS = [0, 2, 3, 1]
"""(1, tokens, heads, size) -> (1, heads, size, tokens)."""

Producers = Mapping[str, NodeProto]


@dataclass(frozen=True, slots=True)
class _Projection:
    """A linear layer over `source`, split by heads. Shape of weight: (width of source, hidden); of bias: (hidden,)."""

    source: str
    weight: np.ndarray
    bias: np.ndarray
    heads: int
    size: int


def fuse_attention(proto: onnx.ModelProto, longest: int) -> int:
    """Put an `Attention` node in the place of every plain self-attention, in the model given; how many there were.

    It computes queries, keys and values in one product. Attention of another kind (a window, positions that are rotated
    or added, keys of another source) is left as it is. A mask counts as none if it masks nothing of a text of `longest`
    tokens: one that stands alone is never padded.
    """
    model = OnnxModel(proto)
    producers = model.output_name_to_node()
    scored = {softmax.name: _scaled(producers, softmax) for softmax in model.get_nodes_by_op_type("Softmax")}
    idle = _idle(proto, {mask for _, mask in scored.values() if mask is not None}, longest)
    fused = 0
    for softmax in model.get_nodes_by_op_type("Softmax"):
        scaled, mask = scored[softmax.name]
        mixed = model.match_child_path(softmax, ["MatMul", "Transpose", "Reshape"])
        if scaled is None or mixed is None or not (mask is None or mask in idle):
            continue
        projections = _projections(model, producers, scaled, mixed[0])
        if _permutation(mixed[1]) == BY_HEAD and _is_plain(model, scaled, projections):
            _replace(model, projections, mixed[2], fused)
            fused += 1
    if fused:
        if DOMAIN not in {opset.domain for opset in proto.opset_import}:
            proto.opset_import.append(helper.make_opsetid(DOMAIN, 1))
        model.prune_graph()
        model.topological_sort()
    return fused


def _scaled(producers: Producers, softmax: NodeProto) -> tuple[NodeProto | None, str | None]:
    """The node that scales what the softmax is of, and the name of what is added to it between."""
    node, mask = producers[softmax.input[0]], None
    if node.op_type == "Add":
        node, mask = producers[node.input[0]], node.input[1]
    return (node, mask) if node.op_type == "Mul" and node.input[0] in producers else (None, None)


def _idle(proto: onnx.ModelProto, masks: set[str], longest: int) -> set[str]:
    """Those of the masks that are 0 everywhere for the longest text."""
    if not masks:
        return set()
    names = sorted(masks)
    part = Extractor(onnx.shape_inference.infer_shapes(proto)).extract_model(["input_ids"], names)
    session = InferenceSession(part.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(names, {"input_ids": np.ones((1, longest), dtype=np.int64)})
    return {name for name, values in zip(names, found, strict=True) if not values.any()}


def _projections(model: OnnxModel, producers: Producers, scaled: NodeProto, mixed: NodeProto) -> list[_Projection]:
    """Queries, keys and values, as far as they are what they are in plain attention."""
    scores = producers[scaled.input[0]]
    wanted = ((scores, 0, BY_HEAD), (scores, 1, KEYS), (mixed, 1, BY_HEAD))
    found = (_projection(model, producers, *each) for each in wanted)
    return [projection for projection in found if projection is not None]


def _projection(
    model: OnnxModel, producers: Producers, product: NodeProto, side: int, permutation: list[int]
) -> _Projection | None:
    path = model.match_parent_path(product, ["Transpose", "Reshape", "Add"], [side, 0, 0], producers)
    if path is None or _permutation(path[0]) != permutation:
        return None
    _, reshape, add = path
    shape = model.get_initializer(reshape.input[1])
    biases = [model.get_initializer(name) for name in add.input]
    linear = [producers[name] for name in add.input if name in producers and producers[name].op_type == "MatMul"]
    if shape is None or len(linear) != 1 or (weight := model.get_initializer(linear[0].input[1])) is None:
        return None
    known = [bias for bias in biases if bias is not None]
    if len(known) != 1:
        return None
    *_, heads, size = numpy_helper.to_array(shape).tolist()
    return _Projection(linear[0].input[0], numpy_helper.to_array(weight), numpy_helper.to_array(known[0]), heads, size)


def _is_plain(model: OnnxModel, scaled: NodeProto, projections: Sequence[_Projection]) -> bool:
    """Whether all three are of one source and one shape, and scaled as the operator scales (Vaswani et al. 2017)."""
    kinds = {(each.source, each.weight.shape, each.heads, each.size) for each in projections}
    scale = next((found for name in scaled.input if (found := model.get_initializer(name)) is not None), None)
    if len(projections) != 3 or len(kinds) != 1 or scale is None:
        return False
    hidden, size = projections[0].weight.shape[1], projections[0].size
    is_whole = hidden == projections[0].heads * size
    return is_whole and math.isclose(float(numpy_helper.to_array(scale)), size**-0.5, rel_tol=1e-4)


def _replace(model: OnnxModel, projections: list[_Projection], result: NodeProto, number: int) -> None:
    names = f"attention_{number}_weight", f"attention_{number}_bias"
    weight = np.concatenate([each.weight for each in projections], axis=1)
    bias = np.concatenate([each.bias for each in projections])
    for name, values in zip(names, (weight, bias), strict=True):
        model.add_initializer(numpy_helper.from_array(values, name))
    node = helper.make_node(
        "Attention",
        [projections[0].source, *names],
        [result.output[0]],
        name=f"attention_{number}",
        domain=DOMAIN,
        num_heads=projections[0].heads,
    )
    result.output[0] += "_unfused"  # nothing reads it now, so that it is pruned with all that led to it alone
    model.add_node(node)


def _permutation(node: NodeProto) -> list[int]:
    return next((list(given.ints) for given in node.attribute if given.name == "perm"), [])
