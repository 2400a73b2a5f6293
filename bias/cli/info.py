"""`bias info`: what a model is, what it was made of, and how good it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tomli
import typer

from bias.cli.options import Debug
from bias.cli.status import ExitStatus
from bias.errors import ModelError
from bias.reporting.marking import one_line

if TYPE_CHECKING:
    from bias.modelfolder import ModelFolder

_RECIPE = "recipe.toml"
_METRICS = "metrics.json"
_RECORD = "run.json"
_SENTENCE = "The council voted 7 to 4 on Tuesday to close the library, a reckless plan, said Ann Lee."
_FIGURE = {"value", "low", "high"}
"""The keys of a figure with its 95 % interval."""

_TABLES = frozenset({"seeds", "steps", "ways"})
"""Parts of the figures that compare trainings, with hundreds of values: the card has them as tables."""


def info(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Model folder; the shipped model by default.", show_default=False),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Check digest and form of every file, the weights to train from too, and try it."
        ),
    ] = False,
    output_format: Annotated[Literal["full", "json"], typer.Option(help="Text, or a JSON object.")] = "full",
    debug: Debug = False,
) -> ExitStatus:
    """Show a model's name, licence, data, thresholds, digests and figures."""
    from bias.modelfolder import model_folder, open_model

    model = open_model(model_folder(folder))
    verified = "files for scoring and training" if verify else "files for scoring"
    facts = {**describe(model), "verified": verified, "figures": figures(model)}
    if verify:
        facts["checked"] = checked(model)
    record = training(model)
    if record is not None or output_format == "json":
        facts["training"] = record
    if output_format == "json":
        print(json.dumps(facts, indent=2))
    else:
        lines = tuple(_flattened({**facts, "figures": _without_tables(facts["figures"])}))
        width = max(len(name) for name, _ in lines)
        for name, value in lines:
            print(f"{name:<{width}}  {value}")
    return ExitStatus.DONE


def describe(model: ModelFolder) -> dict[str, Any]:
    """What a model is, ready for `json.dumps`. `data` names what it was trained on, where its recipe is at hand.

    Raises:
        ModelError: the recipe cannot be read.
    """
    calibration = model.calibration
    return {
        "name": model.info.name,
        "version": model.info.version,
        "path": str(model.path),
        "license": model.license,
        "base": model.base,
        "data": _data_sets(model.path / _RECIPE),
        "max_tokens": model.max_tokens,
        "blind": model.blind,
        "thresholds": {prior: dict(calibration.prior(prior).thresholds) for prior in ("news", "balanced")},
        "span_threshold": calibration.span_threshold,
        "reference": model.reference.corpus if model.reference else None,
        "files": model.manifest["files"],
    }


def checked(model: ModelFolder) -> dict[str, str]:
    """Verify every file that bias.json lists, then read a sentence: what was checked, by file.

    Raises:
        ModelError: a file is not as it was or not of a form that is opened, or the model does not read.
    """
    from bias.detector import Detector
    from bias.modelfolder import MANIFEST, verify_file

    told = {name: verify_file(model.path / name, described) for name, described in model.manifest["files"].items()}
    told[MANIFEST] = "names, sizes, digests, calibration; no code and no pickles beside it"
    Detector(model.path, threads=1).score(_SENTENCE)
    told["in use"] = "loads, and gives finite numbers for a sentence"
    if others := sorted(path.name for path in model.path.iterdir() if path.name not in told):
        told["not for scoring or training, not checked"] = ", ".join(others)
    return told


def figures(model: ModelFolder) -> Any:
    """The content of the model's metrics.json; None if it has none.

    Raises:
        ModelError: the file cannot be read.
    """
    from bias.modelfiles import read_json

    path = model.path / _METRICS
    return read_json(path) if path.is_file() else None


def _without_tables(measured: Any) -> Any:
    """The figures without those that compare trainings, and where these are."""
    if not isinstance(measured, Mapping) or not (tables := measured.keys() & _TABLES):
        return measured
    kept = {name: value for name, value in measured.items() if name not in tables}
    return {**kept, "of other trainings": "in README.md of the model, and here with --output-format json"}


def training(model: ModelFolder) -> dict[str, Any] | None:
    """What run.json tells of how a model was trained; None if it has none.

    Raises:
        ModelError: the file cannot be read.
    """
    from bias.modelfiles import read_json

    path = model.path / _RECORD
    try:
        if not path.is_file():
            return None
        record = read_json(path)
        kept = next(run for run in record["seeds"] if run["seed"] == record["seed"])
        told = {name: record.get(name) for name in ("began", "seconds", "base", "parts", "seed", "spread")}
        return {**told, "development": kept["figures"]}
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise ModelError(f"{path} cannot be read: {error!r}") from error


def _data_sets(recipe: Path) -> list[str] | None:
    try:
        stages = tomli.loads(recipe.read_text("utf-8"))["stage"] if recipe.is_file() else None
        return stages and list(dict.fromkeys(str(name) for stage in stages for name in stage["data"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{recipe} cannot be read: {error!r}") from error


def _flattened(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """A line for each value, its name the path to it."""
    for key, value in facts.items():
        name = one_line(f"{prefix}{key}")
        if isinstance(value, Mapping) and value.keys() == _FIGURE:
            yield name, one_line(f"{value['value']} ({value['low']} to {value['high']})")
        elif isinstance(value, Mapping):
            yield from _flattened(value, f"{name} ")
        elif isinstance(value, list):
            yield name, one_line(", ".join(map(str, value)))
        else:
            yield name, "none" if value is None else one_line(str(value))
