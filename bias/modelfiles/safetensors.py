"""A safetensors file looked through: its header against its length (the format's own description, safetensors 0.5)."""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

from bias.errors import ModelError

MAX_HEADER_BYTES = 8_000_000
_WIDTH = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
"""Bytes of an element by its type."""


def check_safetensors(path: Path) -> str:
    """Look a file through.

    Returns:
        What was checked, in words.

    Raises:
        ModelError: it is no safetensors file, or its tensors do not fill it from end to end as their shapes say.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        beginning = file.read(8)
        length = struct.unpack("<Q", beginning)[0] if len(beginning) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
            raise ModelError(f"{path}: not a safetensors file: a header of {length:,} bytes in a file of {size:,}")
        data = file.read(length)
    try:
        header = json.loads(data)
        tensors = {name: value for name, value in header.items() if name != "__metadata__"}
        at = 0
        for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
            at = _check_tensor(name, tensor, at)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a safetensors file that is opened here: {error}") from error
    if at != size - 8 - length:
        raise ModelError(f"{path}: its tensors take {at:,} bytes, and it holds {size - 8 - length:,}")
    return f"{len(tensors):,} tensors that fill the file as their shapes say"


def _check_tensor(name: str, tensor: dict[str, Any], at: int) -> int:
    """Check that a tensor begins at an offset and is as large as its shape says; the offset after it."""
    start, end = map(_whole, tensor["data_offsets"])
    shape = list(map(_whole, tensor["shape"]))
    if tensor["dtype"] not in _WIDTH:
        raise ValueError(f"{name[:100]} holds something else than numbers")
    if start != at or end - start != prod(shape) * _WIDTH[tensor["dtype"]]:
        raise ValueError(f"{name[:100]} takes bytes {start} to {end}, which is not what its shape says")
    return end


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"a size that is no whole number: {str(value)[:100]}")
    return value
