"""A recipe: everything that decides what a training run makes, as a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from bias.errors import DataError
from bias.training.model import HEADS


@dataclass(frozen=True, slots=True)
class Stage:
    """One pass of training: data sets by name, and how long and how fast to learn from them.

    The heads, which start from nothing, learn `head_rate` times as fast as the encoder. `limits` caps the number of
    examples of a data set (chosen by the seed). With `apart_from`, the other data sets give no sentence that nearly
    repeats one of the named set, and none of an outlet that it holds, so that splits of that set stay clean, by
    article and by outlet. With `withhold`, sentences with attributed quotes are learned from twice, the second time
    with the quotes withheld, where the label of the outlet's own words is known.
    """

    data: tuple[str, ...]
    epochs: float
    batch_size: int
    learning_rate: float
    head_rate: float = 10.0
    warmup: float = 0.1
    weight_decay: float = 0.01
    limits: dict[str, int] = field(default_factory=dict)
    apart_from: str | None = None
    withhold: bool = True


@dataclass(frozen=True, slots=True)
class Recipe:
    """Name, base encoder, stages, weights of the losses, and the seed of a model."""

    name: str
    base: str
    stages: tuple[Stage, ...]
    losses: dict[str, float] = field(default_factory=lambda: dict.fromkeys(HEADS, 1.0))
    max_tokens: int = 128
    dropout: float = 0.1
    seed: int = 13

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as TOML and JSON hold it."""
        return asdict(self)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        DataError: the file is not TOML, or a key is missing or not known.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: not a readable recipe: {error}") from error
    stages = values.pop("stage", [])
    if not isinstance(stages, list) or not stages:
        raise DataError(f"{path}: a recipe needs at least one [[stage]]")
    made = [_build(Stage, {**stage, "data": tuple(stage.get("data", ()))}, path) for stage in stages]
    recipe: Recipe = _build(Recipe, {**values, "stages": tuple(made)}, path)
    if unknown := set(recipe.losses) - set(HEADS):
        raise DataError(f"{path}: no head is called {', '.join(sorted(unknown))}; there are {', '.join(HEADS)}")
    return recipe


def _build(kind: type[Any], values: dict[str, Any], path: Path) -> Any:
    known = {f.name for f in fields(kind)}
    if unknown := set(values) - known:
        raise DataError(f"{path}: unknown key {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    try:
        return kind(**values)
    except TypeError as error:
        raise DataError(f"{path}: {kind.__name__.lower()}: {str(error).removeprefix(kind.__name__)}") from error
