"""The wire format of Protocol Buffers, as far as it takes to look an ONNX file through without the onnx package.

Source: "Encoding" in the Protocol Buffers documentation. A message is a row of fields, each a number, a wire type and a
value. What a number means is the reader's business; nothing is copied, and nothing recurses.
"""

from __future__ import annotations

from collections.abc import Iterator

Value = int | memoryview

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """The fields of a message in order: number, and an integer (varint) or the bytes (of a fixed or a counted value).

    Raises:
        ValueError: the bytes are no message: a value reaches out of it, or a wire type is none that ONNX uses.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
        if size > len(message) - at:
            raise ValueError(f"a field of {size:,} bytes where {len(message) - at:,} are left")
        yield number, message[at : at + size]
        at += size


def varints(value: Value) -> list[int]:
    """The numbers of a repeated integer field, packed or one by one.

    Raises:
        ValueError: the bytes end within a number.
    """
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(number)
    return found


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at an offset, and the offset after it."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("the file ends within a number")
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at
    raise ValueError(f"a number of more than ten bytes at byte {at}")
