"""The run record: how a model came about, beside its weights. It holds figures and names of files, never a text."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bias import __version__
from bias.cpus import available_cpus
from bias.errors import ModelError
from bias.training.data.examples import Example
from bias.training.trainer import Curve

RECORD = "run.json"

FORMAT = 1
"""Version of the layout of run.json."""

PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "scikit-learn", "numpy", "onnx", "onnxruntime")

_BEST = ("eval_macro_f1", "eval_auroc", "eval_log_loss", "epoch")
_LOGGED = ("step", "loss", "learning_rate", "eval_loss", *_BEST)


@dataclass(frozen=True, slots=True)
class SeedRun:
    """What one seed came to: the curves of its stages and the time it took."""

    seed: int
    curves: tuple[Curve, ...]
    seconds: float

    @property
    def figures(self) -> dict[str, float]:
        """The best development figures of the last stage, before calibration; empty without a development part."""
        evaluated = [entry for entry in self.curves[-1] if "eval_macro_f1" in entry]
        best = max(evaluated, key=lambda entry: entry["eval_macro_f1"], default={})
        return {key.removeprefix("eval_"): best[key] for key in _BEST if key in best}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for run.json."""
        return {
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "figures": {name: round(value, 4) for name, value in self.figures.items()},
            "curves": [
                [
                    {key.removeprefix("eval_"): float(f"{entry[key]:.5g}") for key in _LOGGED if key in entry}
                    for entry in curve
                ]
                for curve in self.curves
            ],
        }


def spread(runs: Sequence[SeedRun]) -> dict[str, Any] | None:
    """Mean and standard deviation of the development figures over the seeds; None for one seed or no figures."""
    if len(runs) < 2 or not runs[0].figures:
        return None
    values = {name: [run.figures[name] for run in runs] for name in runs[0].figures if name != "epoch"}
    return {
        name: {"mean": round(float(np.mean(of)), 4), "sd": round(float(np.std(of, ddof=1)), 4)}
        for name, of in values.items()
    }


def counts(examples: Sequence[Example]) -> dict[str, int]:
    """Sentences, those with a label, and those labelled opinionated."""
    labels = [example.label for example in examples if example.label is not None]
    return {
        "sentences": len(examples),
        "labelled": len(labels),
        "opinionated": sum(label >= 0.5 for label in labels),
    }


def versions() -> dict[str, str]:
    """The versions of newsbias and of what it trains with."""
    return {"newsbias": __version__, **{package: metadata.version(package) for package in PACKAGES}}


def machine(cpu: bool) -> dict[str, Any]:
    """What the run was made on: kinds and numbers, no name that tells whose it is."""
    on_gpu = torch.cuda.is_available() and not cpu
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "processor": _processor(),
        "processors": available_cpus(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name(0) if on_gpu else None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def read_record(folder: Path) -> dict[str, Any] | None:
    """The run record of a model folder; None if it has none.

    Raises:
        ModelError: it is not JSON of this format.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_text("utf-8"))
        known = record["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a run record: {error}") from error
    if not known:
        raise ModelError(f"{path}: format {record['format']} is not known here; update newsbias")
    return record
