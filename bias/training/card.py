"""The model card: figures kept as JSON beside the weights, and the page written from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from bias.errors import DataError
from bias.modelfolder import MANIFEST, open_model
from bias.output import atomic_write
from bias.training.sources import SOURCES, read_own

PARTS = ("article", "outlet", "news", "cases", "precisions")
"""The figures that a card needs, each a file of the work folder that one command writes."""


def save_figures(path: Path, values: Mapping[str, Any]) -> None:
    """Write figures as JSON; a `Figure` becomes {"value", "low", "high"}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(json.dumps(_plain(values), indent=1) + "\n")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def write_card(model: Path, figures: Path) -> None:
    """Write metrics.json and README.md of the model folder from the figures.

    Raises:
        DataError: a part of the figures has not been made.
    """
    metrics = {}
    for part in PARTS:
        path = figures / f"{part}.json"
        if not path.is_file():
            raise DataError(f"{path} is missing: run `python -m bias.training {part_command(part)}` first")
        metrics[part] = json.loads(path.read_text("utf-8"))
    with atomic_write(model / "metrics.json") as file:
        file.write(json.dumps(metrics, indent=1) + "\n")
    template = (resources.files("bias.training") / "card.md.jinja").read_text("utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters["figure"] = _figure
    environment.filters["percent"] = lambda value: f"{100 * value:.1f} %"
    open_model.cache_clear()
    described = open_model(model)
    with atomic_write(model / "README.md") as file:
        file.write(
            environment.from_string(template).render(
                model=described,
                manifest=json.loads((model / MANIFEST).read_text("utf-8")),
                sources=SOURCES,
                own=f"{len(read_own()):,}",
                **metrics,
            )
        )


def part_command(part: str) -> str:
    """The command that makes a part of the figures."""
    return f"figures --by {part}" if part in {"article", "outlet"} else part


def _figure(value: Mapping[str, float], digits: int = 3) -> str:
    return f"{value['value']:.{digits}f} ({value['low']:.{digits}f} to {value['high']:.{digits}f})"
