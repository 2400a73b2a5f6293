"""The model card: written by a template from what the model folder holds, so that it can be written anew at any time.

Of the data it names files and counts, never a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePath
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from bias.errors import DataError, ModelError, UsageError
from bias.modelfolder import MANIFEST, TOKENIZER, TRAINABLE, WEIGHTS, open_model
from bias.output import atomic_write
from bias.reporting.marking import one_line
from bias.training.data.sources import SOURCES, read_own
from bias.training.folder import CONFIG, plain

CARD = "README.md"
METRICS = "metrics.json"
RUN = "run.json"

PARTS = ("article", "news", "pages", "cases", "precisions")
"""The figures that the shipped model's card needs, each a file of the work folder that one command writes."""

LONG_PARTS = ("outlet", "seeds", "steps", "ways")
"""Figures that take hours of training, told where they are there; no command makes "steps"."""

_FIGURE = frozenset({"value", "low", "high"})
_NAMES = frozenset({"data", "base", "name"})
"""Keys of a run record under which paths of the maker's machine may stand."""


@dataclass(frozen=True, slots=True)
class CardTemplate:
    """A template that compiles, and its name for messages."""

    name: str
    compiled: Template


def default_template() -> str:
    """The text of the template that cards are written with if no other is given, to edit."""
    return (resources.files("bias.training") / "card.md.jinja").read_text("utf-8")


def read_template(path: Path | None = None) -> CardTemplate:
    """A template of model cards (Jinja, sandboxed); None, or the path `default`, is the one that comes with newsbias.

    Its head says what a template can use.

    Raises:
        UsageError: it cannot be read, or is no Jinja template.
    """
    path = None if path == Path("default") else path
    name = "the default card template" if path is None else str(path)
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters |= {"figure": _figure, "change": _change, "percent": _percent, "flat": _flat, "cell": _cell}
    try:
        text = default_template() if path is None else path.read_text("utf-8")
        return CardTemplate(name, environment.from_string(text))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read: {error}") from error
    except TemplateSyntaxError as error:
        raise UsageError(f"{name}:{error.lineno}: no card template: {error.message}") from error


def save_figures(path: Path, values: Mapping[str, Any]) -> None:
    """Write figures as JSON; a `Figure` becomes {"value", "low", "high"}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(json.dumps(plain(values), indent=1) + "\n")


def write_metrics(folder: Path, figures: Path) -> None:
    """Write metrics.json of the shipped model from the figures of a work folder.

    Raises:
        DataError: a part of the figures has not been made.
    """
    metrics = {}
    for part in (*PARTS, *LONG_PARTS):
        path = figures / f"{part}.json"
        if not path.is_file():
            if part in LONG_PARTS:
                continue
            raise DataError(f"{path} is missing: run `python -m bias.training {part_command(part)}` first")
        metrics[part] = json.loads(path.read_text("utf-8"))
    with atomic_write(folder / METRICS) as file:
        file.write(json.dumps(metrics, indent=1) + "\n")


def write_card(folder: Path, template: CardTemplate | None = None) -> None:
    """Write README.md of a model folder from its bias.json, and from run.json and metrics.json where it has them.

    Raises:
        ModelError: the folder is no model, or one of these files is not JSON.
        UsageError: the template asks for what is not there.
    """
    text = render_card(folder, template or read_template())
    with atomic_write(folder / CARD) as file:
        file.write(text)


def render_card(folder: Path, template: CardTemplate) -> str:
    """The card as text; see `write_card`."""
    open_model.cache_clear()
    model = open_model(folder)
    try:
        text = template.compiled.render(
            model=model,
            manifest=model.manifest,
            files=[name for name in _DESCRIBED if (folder / name).is_file()],
            described=_DESCRIBED,
            calibrated=model.manifest.get("calibrated") or {},
            exported=model.manifest.get("exported"),
            run=_read(folder / RUN),
            metrics=_read(folder / METRICS),
            sources=SOURCES,
            own=f"{len(read_own()):,}",
        )
    except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise UsageError(f"{template.name} does not fit {folder}: {one_line(str(error))}") from error
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


_DESCRIBED = {
    WEIGHTS: "the model that runs: one sentence a call, no external data",
    TRAINABLE: "the same weights before quantisation, fp16, to train on from",
    CONFIG: "the shape of those weights",
    TOKENIZER: "the tokenizer of the base",
    MANIFEST: "calibration, thresholds, percentiles of the reference corpus, sha256 of the files above",
    "recipe.toml": "how it was trained",
    "teacher.toml": "how its teachers are trained",
    "ways.toml": "what the ways of training below change of the recipe",
    RUN: "the record of the training run",
    METRICS: "the figures below",
    "seen.txt": "fingerprints of the sentences that it was made from, so that no measurement takes them for new",
    "LICENSE": "the terms of the weights",
}


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path}: not a JSON object")
    return values


def part_command(part: str) -> str:
    """The command that makes a part of the figures."""
    return f"figures --by {part}" if part in {"article", "outlet"} else part


def _figure(value: Mapping[str, float] | float, digits: int = 3) -> str:
    """A figure with its interval, or a bare number."""
    if not isinstance(value, Mapping):
        return f"{value:.{digits}f}"
    return f"{value['value']:.{digits}f} ({value['low']:.{digits}f} to {value['high']:.{digits}f})"


def _change(value: Mapping[str, float], digits: int = 3) -> str:
    """A difference with its interval, each with its sign; a bare 0 where nothing ever differs."""
    shown = [f"{round(value[key], digits) + 0.0:+.{digits}f}" for key in ("value", "low", "high")]
    return f"{shown[0]} ({shown[1]} to {shown[2]})" if any(value.values()) else "0"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _cell(value: Any) -> str:
    """A value in the cell of a Markdown table."""
    return one_line(str(value)).replace("|", "\\|")


def _flat(values: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(name, value) for every value of nested ones, its name the path to it; folders are left out of file names."""
    if isinstance(values, Mapping) and not values.keys() >= _FIGURE:
        for key, value in values.items():
            yield from _flat(value, f"{name} {key}".strip())
    elif isinstance(values, list) and any(isinstance(value, Mapping) for value in values):
        for number, value in enumerate(values, 1):
            yield from _flat(value, f"{name} {number}".strip())
    else:
        bare = name.rpartition(" ")[2] in _NAMES
        shown = [_shown(value, bare) for value in (values if isinstance(values, list) else [values])]
        yield _cell(name), _cell(", ".join(shown))


def _shown(value: Any, bare: bool) -> str:
    if isinstance(value, Mapping):
        return _figure(value)
    if isinstance(value, str) and bare and not value.startswith("hf:"):
        path = PurePath(value)
        return path.name if path.is_absolute() or path.suffix or value.startswith(".") else value
    return f"{value:.5g}" if isinstance(value, float) else str(value)
