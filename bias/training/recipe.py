"""A recipe: everything that decides what a training run makes, as a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePath
from typing import Any

from bias.errors import DataError
from bias.output import atomic_write
from bias.training.model import HEADS
from bias.training.splits import By


@dataclass(frozen=True, slots=True)
class Stage:
    """One pass of training: data sets by name, and how long and how fast to learn from them.

    The heads, which start from nothing, learn `head_rate` times as fast as the encoder. `limits` caps the number of
    examples of a data set (chosen by the seed). With `apart_from`, the other data sets give no sentence that nearly
    repeats one of the named set, and none of an outlet that it holds, so that splits of that set stay clean, by
    article and by outlet. With `withhold`, sentences with attributed quotes are learned from twice, the second time
    with the quotes withheld, where the label of the outlet's own words is known. `soft_labels` learns from the share of
    the annotators' votes where it is known (Uma et al. 2021). `class_weights` weighs the two labels as if each were
    half of the stage.
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
    soft_labels: bool = False
    class_weights: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """What is kept apart from training, as shares of the user's own files: whole articles (or outlets) at a time.

    `development` stops the training early and calibrates the model; `test` is left for `bias evaluate`.
    """

    development: float = 0.0
    test: float = 0.0
    by: By = "article"


@dataclass(frozen=True, slots=True)
class Adapters:
    """Low-rank adapters in place of full training (LoRA, Hu et al. 2022), for encoders too large for it."""

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Name, base encoder, stages, weights of the losses, what is kept apart, and the seed of a model.

    With `patience`, a stage ends after that many evaluations without a better macro-F1 on the development part, and
    its best weights count.
    """

    name: str
    base: str
    stages: tuple[Stage, ...]
    losses: dict[str, float] = field(default_factory=lambda: dict.fromkeys(HEADS, 1.0))
    max_tokens: int = 128
    dropout: float = 0.1
    seed: int = 13
    patience: int = 3
    parts: Parts = Parts()
    adapters: Adapters | None = None

    @property
    def data(self) -> tuple[str, ...]:
        """Every data set or file of the stages, each once, in order."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.data))

    def without_folders(self) -> Recipe:
        """The recipe with files by their names alone, to give away: it is run again where they lie."""

        def bare(name: str) -> str:
            return PurePath(name).name if Path(name).is_absolute() or Path(name.partition("@")[0]).exists() else name

        stages = tuple(
            replace(
                stage,
                data=tuple(map(bare, stage.data)),
                limits={bare(name): limit for name, limit in stage.limits.items()},
                apart_from=stage.apart_from and bare(stage.apart_from),
            )
            for stage in self.stages
        )
        return replace(self, base=bare(self.base), stages=stages)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, as TOML and JSON hold it."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        values["stage"] = [
            {name: value for name, value in stage.items() if value is not None} for stage in values.pop("stages")
        ]
        return values


def one_stage(name: str, base: str, data: Sequence[str], settings: Mapping[str, Any]) -> Recipe:
    """A recipe of one stage over the data, a fifth of which is for development and a fifth for the test.

    Args:
        settings: what differs from the defaults, by the names of `Stage`, of `Parts` (but `split_by`), and `patience`,
            `max_tokens` and `lora` (the rank of adapters; 0 for none).
    """
    stage = {"epochs": 5.0, "batch_size": 16, "learning_rate": 3e-5, **_chosen(settings, Stage)}
    parts = {"development": 0.2, "test": 0.2, **_chosen(settings, Parts)}
    if "split_by" in settings:
        parts["by"] = settings["split_by"]
    rank = settings.get("lora", 0)
    return Recipe(
        name=name,
        base=base,
        stages=(Stage(data=tuple(data), **stage),),
        parts=Parts(**parts),
        adapters=Adapters(rank=rank, alpha=2.0 * rank) if rank else None,
        **{key: settings[key] for key in ("patience", "max_tokens") if key in settings},
    )


def _chosen(settings: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    known = {f.name for f in fields(kind)}
    return {name: value for name, value in settings.items() if name in known}


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write the recipe as TOML that `read_recipe` reads."""
    import tomli_w

    with atomic_write(path) as file:
        file.write(tomli_w.dumps(recipe.to_dict()))


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
    parts = _build(Parts, values.pop("parts", {}), path)
    adapters = values.pop("adapters", None)
    adapters = None if adapters is None else _build(Adapters, adapters, path)
    recipe: Recipe = _build(Recipe, {**values, "stages": tuple(made), "parts": parts, "adapters": adapters}, path)
    _check(recipe, path)
    return recipe


def _check(recipe: Recipe, path: Path) -> None:
    if unknown := set(recipe.losses) - set(HEADS):
        raise DataError(f"{path}: no head is called {', '.join(sorted(unknown))}; there are {', '.join(HEADS)}")
    for stage in recipe.stages:
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(stage, name) > 0:
                raise DataError(f"{path}: {name} is a number above 0, not {getattr(stage, name)}")
        if not stage.data:
            raise DataError(f"{path}: a stage names the data that it learns from: data = [...]")


def _build(kind: type[Any], values: dict[str, Any], path: Path) -> Any:
    known = {f.name for f in fields(kind)}
    if unknown := set(values) - known:
        raise DataError(f"{path}: unknown key {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    try:
        return kind(**values)
    except TypeError as error:
        raise DataError(f"{path}: {kind.__name__.lower()}: {str(error).removeprefix(kind.__name__)}") from error
