"""JSON files of a model folder, within a size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bias.errors import ModelError

MAX_JSON_BYTES = 4_000_000


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """The value in a JSON file.

    Raises:
        ModelError: it is too large, cannot be read, or is not JSON.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > max_bytes:
        raise ModelError(f"{path} is over {max_bytes:,} bytes, which none of a model's is")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # bytes that are no text, nesting without end, endless integers
        raise ModelError(f"{path} cannot be read as JSON: {error}") from error
