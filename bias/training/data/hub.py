"""Data sets of the Hugging Face hub through `datasets`: optional, and the only place that uses a network."""

from __future__ import annotations

import os
import re
import socket
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from bias.errors import DataError, MissingExtraError

_NAME = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)?", re.ASCII)
_HUB = "https://huggingface.co"
_ALSO = {"dev": "validation", "development": "validation", "validation": "dev"}
"""Another name that authors give a part."""
_AS_A_FILE = "get it as a .csv, .jsonl or .parquet file and name that instead"


def hub_rows(name: str, part: str) -> list[dict[str, Any]]:
    """The rows of one part (split) of a data set of the hub.

    Raises:
        DataError: there is no such set or part, or no network; the message says how else to get it.
        MissingExtraError: `datasets` is not installed.
    """
    if not _NAME.fullmatch(name):
        raise DataError(f"{name!r} is no name of a data set on the hub: OWNER/NAME is expected")
    _need_network(name)
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingExtraError("reading data sets of the hub", "train") from error
    try:
        try:
            rows = load_dataset(name, split=part)
        except ValueError:
            if part not in _ALSO:
                raise
            rows = load_dataset(name, split=_ALSO[part])
        return [dict(row) for row in rows]
    except Exception as error:  # of many libraries; all end as one line
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{name} (part {part}) could not be had from the hub: {reason}; {_AS_A_FILE}") from error


def _need_network(name: str) -> None:
    """Tell at once that there is no network, which the hub's client finds out after half a minute of new tries."""
    if os.environ.get("HF_HUB_OFFLINE") or getproxies():
        return  # the client works from its cache, or the proxy knows the hub's address
    host = urlsplit(os.environ.get("HF_ENDPOINT") or _HUB).hostname or ""
    try:
        socket.getaddrinfo(host, 443)
    except OSError as error:
        raise DataError(f"{host} cannot be reached to get {name} (no network?); {_AS_A_FILE}") from error
