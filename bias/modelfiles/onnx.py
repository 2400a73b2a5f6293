"""An ONNX file looked through before ONNX Runtime opens it, by the fields of onnx.proto3 (ONNX 1.17).

It must be one flat graph of operators that are known here, with all weights in it, each as large as its shape says,
from the token ids to the heads that `bias.encoder` reads.
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from bias.errors import ModelError
from bias.modelfiles.protobuf import Value, fields, varints
from bias.types import CATEGORIES

MAX_BYTES = 2**31 - 1
"""Protocol Buffers bear no larger message."""

MAX_DIMENSIONS = 8
MAX_ELEMENTS = 2**31

INPUT = "input_ids"
OUTPUTS: Mapping[str, int] = {"sentence": 1, "token": 2, "opinion": 1, "technique": 2}
"""The heads, and the number of their dimensions."""

_DOMAINS = frozenset({"", "ai.onnx"})
_FUSED = frozenset({("com.microsoft", "Attention"), ("com.microsoft", "QAttention")})
"""What `bias export` writes: ONNX's own operators and attention as ONNX Runtime has it. Others would be another
program's, or a library's that is loaded for them."""

_FLOAT, _INT64 = 1, 7
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 16: 16}
"""Size of an element by TensorProto.DataType; strings, complex numbers and parts of bytes are not used."""

_FIXED_WIDTH = {4: 4, 10: 8}
"""Typed fields of a tensor with elements of one size: float_data, double_data. The others hold varints."""

_TYPED = frozenset({4, 5, 7, 10, 11})

Fields = Mapping[int, list[Value]]


def check_onnx(path: Path) -> str:
    """Look a file through.

    Returns:
        What was checked, in words.

    Raises:
        ModelError: it is no ONNX file, or one that is not self-contained, flat and of the expected form.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if not 0 < size <= MAX_BYTES:
            raise ModelError(f"{path}: {size:,} bytes, where an ONNX file has 1 to {MAX_BYTES:,}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
            try:
                return _check_model(view)
            except ValueError as error:
                # Its traceback holds parts of the file, which could then not be closed.
                reason = str(error)
    raise ModelError(f"{path}: not a model file that is opened here: {reason}")


def _check_model(data: memoryview) -> str:
    model = _fields(data)
    for number, what in ((20, "steps of training"), (25, "functions of its own")):
        if model[number]:
            raise ValueError(f"it holds {what}, and only a flat graph is read")
    graph = _fields(_one(model, 7, "graph"))
    if graph[15]:
        raise ValueError("it holds sparse tensors")
    names = [_check_tensor(_message(tensor)) for tensor in graph[5]]
    for node in graph[1]:
        _check_node(_fields(_message(node)))
    inputs = {name: rest for name, *rest in map(_described, graph[11]) if name not in set(names)}
    if set(inputs) != {INPUT} or inputs[INPUT] not in ([_INT64, 2, None], [_INT64, None, None]):
        raise ValueError(f"its input is not {INPUT}, whole numbers in two dimensions, but {_listed(inputs)}")
    outputs = {name: rest for name, *rest in map(_described, graph[12])}
    if set(outputs) != set(OUTPUTS):
        raise ValueError(f"its outputs are not {', '.join(OUTPUTS)}, but {_listed(outputs)}")
    for name, (kind, rank, last) in outputs.items():
        if kind != _FLOAT or rank not in (OUTPUTS[name], None):
            raise ValueError(f"its output {name} has not {OUTPUTS[name]} dimensions of numbers")
        if name == "technique" and last not in (len(CATEGORIES), None):
            raise ValueError(f"its output technique has {last} columns, not {len(CATEGORIES)}")
    return f"{len(graph[1]):,} known operators, {len(names):,} tensors inside the file, input and outputs"


def _check_node(node: Fields) -> None:
    kind = _text(node[4][-1]) if node[4] else "nothing"
    domains = (_text(value) for value in node[7])
    domain = next((name for name in domains if name not in _DOMAINS and (name, kind) not in _FUSED), None)
    if domain is not None:
        raise ValueError(f"it uses the operator {kind} of {domain}, and only those of ONNX and its attention are run")
    for value in node[5]:
        attribute = _fields(_message(value))
        if attribute[6] or attribute[11]:
            raise ValueError(f"the operator {kind} holds a graph of its own, and only a flat one is read")
        if attribute[22] or attribute[23]:
            raise ValueError("it holds sparse tensors")
        for tensor in (*attribute[5], *attribute[10]):
            _check_tensor(_message(tensor))


def _check_tensor(data: memoryview) -> str:
    """Check that a tensor is in the file, as large as its shape says; its name."""
    tensor = _fields(data)
    name = _text(tensor[8][-1]) if tensor[8] else "without a name"
    if tensor[13] or any(tensor[14]):
        places = [_text(entry[2][-1]) for entry in map(_fields, map(_message, tensor[13])) if entry[2]]
        raise ValueError(f"the tensor {name} lies in another file ({_short(', '.join(places))}), which is never read")
    dimensions = [size for value in tensor[1] for size in varints(value)]
    if len(dimensions) > MAX_DIMENSIONS or prod(dimensions) > MAX_ELEMENTS:
        raise ValueError(f"the tensor {name} is oversized: {_short(' x '.join(map(str, dimensions)))}")
    kinds = [kind for kind in tensor[2] if isinstance(kind, int)]
    if len(kinds) != 1 or kinds[0] not in _BITS:
        raise ValueError(f"the tensor {name} holds something else than numbers")
    if len(tensor[9]) > 1 or tensor[3]:
        raise ValueError(f"the tensor {name} is in parts")
    expected = prod(dimensions)
    held = len(_message(tensor[9][0])) * 8 / _BITS[kinds[0]] if tensor[9] else _typed_elements(tensor)
    if held != expected:
        raise ValueError(f"the tensor {name} has {expected:,} elements by its shape, and holds {held:,g}")
    return name


def _typed_elements(tensor: Fields) -> float:
    """How many elements the typed fields hold, packed or one by one."""
    held = 0.0
    for number in _TYPED:
        for value in tensor[number]:
            if isinstance(value, int):
                held += 1
            elif number in _FIXED_WIDTH:
                held += len(value) / _FIXED_WIDTH[number]
            else:  # every varint ends in a byte without the highest bit
                held += np.count_nonzero(np.frombuffer(value, np.uint8) < 0x80)
    return held


def _described(value: Value) -> tuple[str, int | None, int | None, int | None]:
    """Name, element type, number of dimensions and last dimension of an input or output, None where not stated."""
    described = _fields(_message(value))
    name = _text(described[1][-1]) if described[1] else ""
    kind = _fields(_one(_fields(_one(described, 2, f"type of {name}")), 1, f"tensor type of {name}"))
    element = kind[1][-1] if kind[1] else None
    if not kind[2]:
        return name, element if isinstance(element, int) else None, None, None
    dimensions = _fields(_one(kind, 2, f"shape of {name}"))[1]
    last = _fields(_message(dimensions[-1]))[1] if dimensions else []
    size = last[-1] if last else None
    return (
        name,
        element if isinstance(element, int) else None,
        len(dimensions),
        size if isinstance(size, int) else None,
    )


def _fields(message: memoryview) -> Fields:
    """The values of a message by the number of their field, none for a field that is not there."""
    found: defaultdict[int, list[Value]] = defaultdict(list)
    for number, value in fields(message):
        found[number].append(value)
    return found


def _one(message: Fields, number: int, what: str) -> memoryview:
    """The one value of a field. Parsers join several, so that each alone could pass and the whole be another."""
    if len(message[number]) != 1:
        raise ValueError(f"it has {len(message[number])} of: {_short(what)}")
    return _message(message[number][0])


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _text(value: Value) -> str:
    return _short(bytes(_message(value)[:300]).decode("utf-8", "replace"))


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}..."


def _listed(names: Mapping[str, object]) -> str:
    return _short(", ".join(names)) or "none"
