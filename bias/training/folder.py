"""Writing a model folder: weights in both forms, the tokenizer, and bias.json over them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from bias.modelfolder import (
    FORMAT,
    MANIFEST,
    TOKENIZER,
    TRAINABLE,
    WEIGHTS,
    ModelFolder,
    digest,
    open_model,
    verify_file,
)
from bias.output import atomic_write, new_folder
from bias.training.export import Precision, check_parity, export_fp32, quantise
from bias.training.model import BiasModel
from bias.training.quiet import quiet
from bias.types import CATEGORIES

NOT_STATED = "not stated"
"""The terms of a model whose maker gave none."""

INHERITED = "inherited from "
"""Before the name of the model whose terms go on."""

CONFIG = "config.json"

WINDOW = 256
"""Tokens that the engine reads at once; longer sentences are read in overlapping windows."""

PARITY_TEXTS = (
    "The council voted 7 to 4 on Tuesday to close the library on Mill Lane.",
    'The minister, who never learns, called the plan "a shameless farce" and stormed out.',
    "Prices rose by 2.1 % in May, the statistics office said.",
)
"""Sentences that torch and the exported file are compared on."""

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
    license: str | None = None,
    precision: Precision = "int8",
    samples: Sequence[Sequence[int]] = (),
    exact: Path | None = None,
) -> float:
    """Export the model into `folder`, uncalibrated and with no reference; `update_manifest` adds those.

    Args:
        license: the terms of the weights in a line; `license_of` gives those of weights trained on from others.
        samples: token ids, for `int8-static` alone (see `quantise`).
        exact: where to leave the fp32 file that the quantised one is made from; None is nowhere.

    Returns:
        How far a logit of the fp32 file lies from torch's (`check_parity`).

    Raises:
        ModelError: the encoder cannot be exported, or the exported file gives other logits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        exact = exact or Path(scratch) / "fp32.onnx"
        export_fp32(model, exact)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        parity = check_parity(model, exact, tokenizer, PARITY_TEXTS)
        quantise(exact, folder / WEIGHTS, precision, samples)
    tokenizer.save(str(folder / TOKENIZER))
    save_trainable(model, folder)
    manifest = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "license": license or NOT_STATED,
        "base": base,
        "max_tokens": min(WINDOW, model.max_positions),
        "precision": precision,
        "blind": model.config.blind,
        "categories": list(CATEGORIES),
        "calibration": UNCALIBRATED,
    }
    write_manifest(folder, manifest)
    return parity


def license_of(start: ModelFolder | None, stated: str | None = None) -> str:
    """The terms of weights trained on from those of a model folder (None: from no such folder).

    What was learned from data under some terms stays in the weights that training began from, so their terms go on to
    all that descends from them; `stated` are the terms that the user gives for what was added.
    """
    added = (stated or "").strip()
    if start is None or start.license == NOT_STATED:
        return added or NOT_STATED
    origin = start.license if INHERITED in start.license else f"{start.license}; {INHERITED}{start.info.name}"
    return f"{origin}; for what was added: {added}" if added and added not in origin else origin


def save_trainable(model: BiasModel, folder: Path) -> None:
    """The weights in fp16 with the configuration, to train on from."""
    parameters = {name: value.detach().to(torch.float16).contiguous() for name, value in model.state_dict().items()}
    model.config.base.pop("_name_or_path", None)  # where the base lay on the machine that trained it
    with quiet():
        model.save_pretrained(folder, state_dict=parameters)


def plain(value: Any) -> Any:
    """The value in the types of JSON, numbers to four digits: a `Figure` becomes {"value", "low", "high"}."""
    match value:
        case float():
            return round(value, 4)
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    return plain(asdict(value)) if is_dataclass(value) and not isinstance(value, type) else value


def read_manifest(folder: Path) -> dict[str, Any]:
    """The content of bias.json as it is; `open_model` is what checks it."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return manifest


def update_manifest(folder: Path, **values: Any) -> None:
    """Replace keys of bias.json, atomically; the digests stay, so a weights file that was changed stays found out."""
    _write(folder, {**read_manifest(folder), **values})


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write bias.json with the size and sha256 of every weights file as it is now."""
    names = [name for name in (WEIGHTS, TOKENIZER, TRAINABLE, CONFIG) if (folder / name).is_file()]
    files = {name: {"bytes": (folder / name).stat().st_size, "sha256": digest(folder / name)} for name in names}
    _write(folder, {**manifest, "files": files})


def _write(folder: Path, manifest: Mapping[str, Any]) -> None:
    with atomic_write(folder / MANIFEST) as file:
        file.write(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    open_model.cache_clear()


@contextmanager
def new_model_folder(target: Path, scratch: Path | None = None) -> Iterator[Path]:
    """A new folder (see `bias.output.new_folder`) that is opened as a model, every digest checked, before it counts.

    Raises:
        OutputError: the target exists (an empty folder may), or cannot be written.
        ModelError: what was written is no valid model folder.
    """
    try:
        with new_folder(target, scratch) as folder:
            yield folder
            for name, described in open_model(folder).manifest["files"].items():
                verify_file(folder / name, described)
    finally:
        open_model.cache_clear()
