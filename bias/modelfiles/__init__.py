"""The form of a model's files, checked before a library builds anything from them.

A digest says that a file is the one that bias.json describes, not that whoever wrote both meant well. So every file is
looked through first: no code, no pickles, no data elsewhere, no sizes that the file does not bear out.

    modelfolder.verify_file -> check_form -> onnx.py (over protobuf.py), safetensors.py, tokenizer.py, config.json here
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bias.errors import ModelError
from bias.modelfiles.jsonfile import read_json
from bias.modelfiles.onnx import check_onnx
from bias.modelfiles.safetensors import check_safetensors
from bias.modelfiles.tokenizer import check_tokenizer

__all__ = ["check_file_list", "check_form", "read_json", "refuse_code"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".mar"})
_CODE = frozenset({".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".exe"})
_REMOTE = frozenset({"auto_map", "custom_pipelines", "trust_remote_code"})
"""Keys by which a configuration has libraries import code that comes with a model."""


def check_form(path: Path) -> str:
    """Look a file of a model folder through; by its name it is ONNX, safetensors, a tokenizer or a configuration.

    Returns:
        What was checked, in words.

    Raises:
        ModelError: it is not of the form that a file of this name has, or of none that is known here.
        OSError: it cannot be read.
    """
    if path.suffix == ".onnx":
        return check_onnx(path)
    if path.suffix == ".safetensors":
        return check_safetensors(path)
    if path.name == "tokenizer.json":
        return check_tokenizer(path)
    if path.suffix == ".json":
        return _check_config(path)
    raise ModelError(f"{path}: weights are .onnx or .safetensors and the rest is .json, nothing else is opened")


def check_file_list(files: Mapping[str, Any]) -> None:
    """Check what bias.json says of files: plain names inside the folder, whole sizes, digests.

    Raises:
        ValueError: a name that is a path, or something else than a size and a digest.
    """
    for name, described in files.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:100]!r} is no plain file name")
        size, sha256 = described["bytes"], described["sha256"]
        if type(size) is not int or size < 1 or not _SHA256.fullmatch(str(sha256)):
            raise ValueError(f"{name} is described by its bytes and its sha256")


def refuse_code(folder: Path) -> None:
    """Refuse a folder that holds pickles or programs, by name: a model has neither, and some tools open what they find.

    Raises:
        ModelError: there is one.
        OSError: the folder cannot be listed.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _PICKLES:
            raise ModelError(f"{path} is a pickle or may be one, which runs code when opened: remove it")
        if path.suffix.lower() in _CODE:
            raise ModelError(f"{path} is a program, and no part of a model: remove it")


def _check_config(path: Path) -> str:
    config = read_json(path)
    if not isinstance(config, dict):
        raise ModelError(f"{path}: not a JSON object")
    if asked := sorted(set(_keys(config)) & _REMOTE):
        raise ModelError(f"{path} asks for code that comes with the model ({', '.join(asked)}), which is never run")
    return "asks for no code of its own"


def _keys(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
