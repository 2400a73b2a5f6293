"""`bias info`: what a model is, what it was made of, and how good it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bias.cli.options import Debug
from bias.cli.status import ExitStatus
from bias.reporting.marking import one_line

if TYPE_CHECKING:
    from bias.modelfolder import ModelFolder

_OPTIONAL = ("data", "metrics")
"""Keys of bias.json that a model need not have: what it was trained on, and its figures."""


def info(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Model folder; the shipped model by default.", show_default=False),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every file against its digest, the weights to train from too.")
    ] = False,
    output_format: Annotated[Literal["full", "json"], typer.Option(help="Text, or a JSON object.")] = "full",
    debug: Debug = False,
) -> ExitStatus:
    """Show a model's name, licence, data, figures, thresholds and digests."""
    from bias.modelfolder import default_model, open_model, verify_file

    model = open_model(folder or default_model())
    if verify:
        for name, described in model.manifest["files"].items():
            verify_file(model.path / name, described)
    facts = describe(model) | ({"verified": True} if verify else {})
    if output_format == "json":
        print(json.dumps(facts, indent=2))
    else:
        lines = tuple(_flattened(facts))
        width = max(len(name) for name, _ in lines)
        for name, value in lines:
            print(f"{name:<{width}}  {value}")
    return ExitStatus.DONE


def describe(model: ModelFolder) -> dict[str, Any]:
    """What is known of a model, ready for `json.dumps`."""
    calibration = model.calibration
    return {
        "name": model.info.name,
        "version": model.info.version,
        "path": str(model.path),
        "license": model.license,
        "base": model.base,
        "max_tokens": model.max_tokens,
        **{key: model.manifest[key] for key in _OPTIONAL if key in model.manifest},
        "thresholds": {name: dict(calibration.prior(name).thresholds) for name in ("news", "balanced")},
        "span_threshold": calibration.span_threshold,
        "reference": model.reference.corpus if model.reference else None,
        "files": model.manifest["files"],
    }


def _flattened(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """A line for each value, its name the path to it."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name} ")
        elif isinstance(value, list):
            yield f"{prefix}{name}", one_line(", ".join(map(str, value)))
        else:
            yield f"{prefix}{name}", "none" if value is None else one_line(str(value))
