"""A model folder as a checked value: nothing in it is used before its sizes, digests and form have been verified."""

from __future__ import annotations

import hashlib
import math
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from bias.calibration import Calibration, Curve, LogisticMap, Platt, PriorMap
from bias.errors import ModelError
from bias.evidence import FEATURES
from bias.modelfiles import check_file_list, check_form, read_json, refuse_code
from bias.types import CATEGORIES, ModelInfo

MANIFEST = "bias.json"
WEIGHTS = "model.onnx"
TOKENIZER = "tokenizer.json"
TRAINABLE = "model.safetensors"

FORMAT = 1
"""Version of the layout of bias.json."""

BLOCK = 2**20
"""Bytes that are read at once for a digest: in small blocks a thread waits for the others at each of them."""

MAX_TOKENS = 100_000
"""Of a window; the longest encoders read a tenth of it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Scores of a reference corpus: 101 percentiles (0 to 100) by section, for one prior and quotes mode each.

    The key of `quantiles` is "prior/quotes", as "news/separate"; its value maps "news" and "opinion" to percentiles.
    """

    corpus: str
    quantiles: Mapping[str, Mapping[str, tuple[float, ...]]]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What is known of a verified model folder; `blind` models read stand-ins for names (`bias.blinding`)."""

    path: Path
    info: ModelInfo
    license: str
    base: str
    max_tokens: int
    blind: bool
    calibration: Calibration
    reference: Reference | None
    manifest: Mapping[str, Any]


DEFAULT = "default"
"""What the shipped model is called where a folder is asked for."""


def model_folder(name: str | Path | None) -> Path:
    """The folder that is meant: the shipped model's for None, and for "default" where no folder is called so."""
    if name is None or (str(name) == DEFAULT and not Path(name).exists()):
        return default_model()
    return Path(name)


def default_model() -> Path:
    """The folder of the shipped model: inside the installed package, or beside it in a checkout."""
    packaged = Path(str(resources.files("bias"))) / "models" / "default"
    checkout = Path(str(resources.files("bias"))).parent / "models" / "default"
    return packaged if packaged.is_dir() else checkout


@cache
def open_model(path: Path) -> ModelFolder:
    """Read and verify a model folder.

    Raises:
        ModelError: a file is missing, of another size or digest than bias.json says or of a form that is not opened
            (`bias.modelfiles`), the folder holds code, or bias.json is not valid.
    """
    manifest = _read_manifest(path)
    try:
        refuse_code(path)
        if manifest["format"] != FORMAT:
            raise ModelError(f"{path / MANIFEST}: format {manifest['format']} is not known here; update newsbias")
        if tuple(manifest["categories"]) != CATEGORIES:
            raise ModelError(f"{path / MANIFEST}: categories other than {', '.join(CATEGORIES)}")
        files = manifest["files"]
        check_file_list(files)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: verify_file(path / name, files[name]), (WEIGHTS, TOKENIZER)))
        return ModelFolder(
            path=path,
            info=ModelInfo(str(manifest["name"]), str(manifest["version"]), str(files[WEIGHTS]["sha256"])),
            license=str(manifest["license"]),
            base=str(manifest["base"]),
            max_tokens=_whole(manifest["max_tokens"], MAX_TOKENS),
            blind=manifest.get("blind", False) is True,
            calibration=read_calibration(manifest["calibration"]),
            reference=_reference(manifest.get("reference")),
            manifest=manifest,
        )
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"{path / MANIFEST}: not a valid model description: {error!r}") from error


def verify_file(path: Path, described: Mapping[str, Any]) -> str:
    """Check a file's size and sha256 against its description ({"bytes": int, "sha256": str}), then its form.

    Returns:
        What was checked, in words.

    Raises:
        ModelError: it is missing, differs, or is of a form that is not opened (`bias.modelfiles`).
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path} is no file: get the model again")
        if status.st_size != described["bytes"]:
            raise ModelError(
                f"{path} has {status.st_size} bytes, {MANIFEST} says {described['bytes']}: get the model again"
            )
        if digest(path) != described["sha256"]:
            raise ModelError(f"{path} does not match its sha256 in {MANIFEST}: it was changed, get the model again")
        return f"{status.st_size:,} bytes, sha256; {check_form(path)}"
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise ModelError(f"{path} is not a folder; a model is a folder with {MANIFEST}, {WEIGHTS} and {TOKENIZER}")
    file = path / MANIFEST
    if not file.is_file():
        raise ModelError(f"{path} is no model folder: {MANIFEST} is missing")
    manifest = read_json(file)
    if not isinstance(manifest, dict):
        raise ModelError(f"{file}: not a JSON object")
    return manifest


def read_calibration(values: Mapping[str, Any]) -> Calibration:
    """The calibration as bias.json holds it."""
    curve = values["curve"]
    rows = [tuple(map(float, curve[name])) for name in ("log_odds", "true_positive_rate", "false_positive_rate")]
    if not rows[0] or len({len(row) for row in rows}) != 1:
        raise ValueError("the development curve needs three rows of one length")
    return Calibration(
        news=_prior_map(values["news"]),
        balanced=_prior_map(values["balanced"]),
        token=_platt(values["token"]),
        technique=_platt(values["technique"]),
        span_threshold=_share(values["span_threshold"]),
        term=_map(values["term"]),
        curve=Curve(*rows),
    )


def _prior_map(values: Mapping[str, Any]) -> PriorMap:
    thresholds = values["thresholds"]
    return PriorMap(
        written=_map(values["written"]),
        withheld=_map(values["withheld"]),
        thresholds={"separate": _share(thresholds["separate"]), "include": _share(thresholds["include"])},
    )


def _map(values: Mapping[str, Any]) -> LogisticMap:
    weights = {str(name): _finite(weight) for name, weight in values["weights"].items()}
    if unknown := set(weights) - set(FEATURES):
        raise ValueError(f"unknown feature {', '.join(sorted(unknown))}")
    return LogisticMap(weights, _finite(values["intercept"]))


def _platt(values: Mapping[str, Any]) -> Platt:
    return Platt(_finite(values["slope"]), _finite(values["intercept"]))


def _finite(value: Any) -> float:
    if not math.isfinite(float(value)):
        raise ValueError(f"a coefficient is a finite number, not {value}")
    return float(value)


def _whole(value: Any, most: int) -> int:
    if type(value) is not int or not 0 < value <= most:
        raise ValueError(f"a number of tokens is a whole number up to {most:,}, not {str(value)[:100]}")
    return value


def _share(value: Any) -> float:
    if not 0.0 <= float(value) <= 1.0:
        raise ValueError(f"a threshold lies between 0 and 1, not {value}")
    return float(value)


def _reference(values: Mapping[str, Any] | None) -> Reference | None:
    if values is None:
        return None
    quantiles = {
        key: {section: tuple(map(float, row)) for section, row in sections.items()}
        for key, sections in values["quantiles"].items()
    }
    if any(len(row) != 101 for sections in quantiles.values() for row in sections.values()):
        raise ValueError("a reference has 101 percentiles a section")
    return Reference(str(values["corpus"]), quantiles)
