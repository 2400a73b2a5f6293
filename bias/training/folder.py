"""Writing a model folder: weights in both forms, the tokenizer, and bias.json over them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from bias.modelfolder import FORMAT, MANIFEST, TOKENIZER, TRAINABLE, WEIGHTS, digest
from bias.output import atomic_write
from bias.training.export import Precision, export_fp32, quantise
from bias.training.model import BiasModel
from bias.types import CATEGORIES

LICENSE = "weights: non-commercial use only (trained on BABE, CC BY-NC-SA 4.0, and research sets); code: Apache-2.0"
WINDOW = 256
"""Tokens that the engine reads at once; longer sentences are read in overlapping windows."""

UNCALIBRATED: Mapping[str, Any] = {
    **{
        prior: {
            "written": {"weights": {"sentence": 1.0}, "intercept": 0.0},
            "withheld": {"weights": {"sentence": 1.0}, "intercept": 0.0},
            "thresholds": {"separate": 0.5, "include": 0.5},
        }
        for prior in ("news", "balanced")
    },
    "token": {"slope": 1.0, "intercept": 0.0},
    "technique": {"slope": 1.0, "intercept": 0.0},
    "span_threshold": 0.5,
    "term": {"weights": {"word": 1.0}, "intercept": 0.0},
    "curve": {"log_odds": [0.0], "true_positive_rate": [0.5], "false_positive_rate": [0.5]},
}
"""What a model has before it is calibrated: logits taken at face value."""


def write_folder(
    folder: Path,
    model: BiasModel,
    tokenizer: Tokenizer,
    *,
    name: str,
    version: str,
    base: str,
    precision: Precision = "int8",
    samples: Sequence[Sequence[int]] = (),
) -> None:
    """Export the model into `folder`, uncalibrated and with no reference; `update_manifest` adds those."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        exact = Path(scratch) / "fp32.onnx"
        export_fp32(model, exact)
        quantise(exact, folder / WEIGHTS, precision, samples)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / TOKENIZER))
    save_trainable(model, folder)
    manifest = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "license": LICENSE,
        "base": base,
        "max_tokens": WINDOW,
        "precision": precision,
        "categories": list(CATEGORIES),
        "calibration": UNCALIBRATED,
    }
    write_manifest(folder, manifest)


def save_trainable(model: BiasModel, folder: Path) -> None:
    """The weights in fp16 with the configuration, to train on from."""
    parameters = {name: value.detach().to(torch.float16).contiguous() for name, value in model.state_dict().items()}
    model.config.base.pop("_name_or_path", None)  # where the base lay on the machine that trained it
    model.save_pretrained(folder, state_dict=parameters)


def update_manifest(folder: Path, **values: Any) -> None:
    """Replace keys of bias.json."""
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    write_manifest(folder, {**manifest, **values})


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write bias.json with the size and sha256 of every weights file as it is now."""
    names = [name for name in (WEIGHTS, TOKENIZER, TRAINABLE, "config.json") if (folder / name).is_file()]
    files = {name: {"bytes": (folder / name).stat().st_size, "sha256": digest(folder / name)} for name in names}
    with atomic_write(folder / MANIFEST) as file:
        file.write(json.dumps({**manifest, "files": files}, indent=1, ensure_ascii=False) + "\n")
