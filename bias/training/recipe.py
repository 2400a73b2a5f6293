"""A recipe: everything that decides what a training run makes, as a TOML file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path, PurePath
from typing import Any, get_args

import tomli

from bias.errors import DataError
from bias.output import atomic_write
from bias.training.data.splits import By
from bias.training.model import HEADS


@dataclass(frozen=True, slots=True)
class Stage:
    """One pass of training: data sets by name, and how long and how fast to learn from them.

    The heads, which start from nothing, learn `head_rate` times as fast as the encoder. `limits` caps the number of
    examples of a data set (chosen by the seed). With `apart_from`, the other data sets give no sentence that nearly
    repeats one of the named set and, unless `apart_by` is article, none of an outlet that it holds, so that splits of
    that set stay clean. With `withhold`, sentences with attributed quotes are learned from twice, the second time
    with the quotes withheld, where the label of the outlet's own words is known.

    `soft_labels` is the part that the share of the annotators' votes has in a label, where it is known (Uma et al.
    2021; true is all of it). `soft_words` learns the words from the share of annotators that marked each, or
    from what teachers say of each. `auxiliary` data sets, whose label is something akin to opinion, teach the opinion
    head alone. `insertions` is the share of the stage's sentences that are learned from once more with a word put in
    (`bias.training.data.augmentation`). `class_weights` weighs the two labels as if each were half of the stage. With a
    `soup` of several, the stage is trained that many times, by the recipe's seed and those after it, and ends with the
    mean of their weights (Wortsman et al. 2022): part of what an ensemble gains, at the price of one model in use.
    `consistency` is the weight of the loss by which two readings of a sentence with different dropout should agree
    (R-Drop, Liang et al. 2021; their alpha is twice this).
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
    apart_by: By = "outlet"
    withhold: bool = True
    soft_labels: float = 0.0
    soft_words: bool = False
    auxiliary: tuple[str, ...] = ()
    insertions: float = 0.0
    class_weights: bool = False
    soup: int = 1
    consistency: float = 0.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What is kept apart from training, as shares of the user's own files: whole articles (or outlets) at a time.

    `development` stops the training early and calibrates the model; `test` is left for `bias evaluate`. The parts have
    a seed of their own, so that models of several seeds are measured on the same sentences.
    """

    development: float = 0.0
    test: float = 0.0
    by: By = "article"
    seed: int = 13


@dataclass(frozen=True, slots=True)
class Adapters:
    """Low-rank adapters in place of full training (LoRA, Hu et al. 2022), for encoders too large for it."""

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Name, base encoder, stages, weights of the losses, what is kept apart, and the seed of a model.

    A `blind` model reads stand-ins for the names of parties, people, faiths and places (`bias.blinding`). With
    `patience`, a stage ends after that many evaluations without a better macro-F1 on the development part, and its best
    weights count. Of the base's layers only those of the numbers `layers` are kept, from 0 on; None keeps all.
    """

    name: str
    base: str
    stages: tuple[Stage, ...]
    losses: dict[str, float] = field(default_factory=lambda: dict.fromkeys(HEADS, 1.0))
    max_tokens: int = 128
    dropout: float = 0.1
    seed: int = 13
    blind: bool = True
    patience: int = 3
    parts: Parts = Parts()
    adapters: Adapters | None = None
    layers: tuple[int, ...] | None = None

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
                auxiliary=tuple(map(bare, stage.auxiliary)),
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
            `max_tokens`, `blind` and `lora` (the rank of adapters; 0 for none).
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
        **{key: settings[key] for key in ("patience", "max_tokens", "blind") if key in settings},
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
        DataError: the file is not TOML, a key is missing or not known, or `check` refuses a value.
    """
    try:
        values = tomli.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError) as error:
        raise DataError(f"{path}: not a readable recipe: {error}") from error
    return recipe_of(values, str(path))


def recipe_of(values: Mapping[str, Any], source: str) -> Recipe:
    """The recipe of plain values, as `Recipe.to_dict` gives them; `source` is where they are from.

    Raises:
        DataError: a key is missing or not known, or `check` refuses a value.
    """
    values = {
        name: tuple(value) if name == "layers" and isinstance(value, list) else value for name, value in values.items()
    }
    stages = values.pop("stage", [])
    if not isinstance(stages, list) or not stages:
        raise DataError(f"{source}: a recipe needs at least one [[stage]]")
    made = [_build(Stage, _with_tuple(stage), source) for stage in stages]
    parts = _build(Parts, values.pop("parts", {}), source)
    adapters = values.pop("adapters", None)
    adapters = None if adapters is None else _build(Adapters, adapters, source)
    recipe: Recipe = _build(Recipe, {**values, "stages": tuple(made), "parts": parts, "adapters": adapters}, source)
    check(recipe, source)
    return recipe


def _with_tuple(stage: Any) -> Any:
    """The stage with its lists as tuples; what is no list stays for the check to refuse."""
    if not isinstance(stage, dict):
        return stage
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stage.items()}


def check(recipe: Recipe, source: str) -> None:
    """Refuse values that no run can work with, before anything is read.

    Raises:
        DataError: a value of the wrong kind or out of range, or a data set that no stage learns from; `source` is
            where the recipe is from.
    """
    _check_values(recipe, _OF_RECIPE, source)
    if unknown := set(recipe.losses) - set(HEADS):
        raise DataError(f"{source}: no head is called {', '.join(sorted(unknown))}; there are {', '.join(HEADS)}")
    _check_values(recipe.parts, _OF_PARTS, f"{source}: parts")
    if recipe.adapters is not None:
        _check_values(recipe.adapters, _OF_ADAPTERS, f"{source}: adapters")
    for stage in recipe.stages:
        _check_values(stage, _OF_STAGE, source)
        for name, given in (("limits", set(stage.limits)), ("auxiliary", set(stage.auxiliary))):
            if unknown := given - set(stage.data):
                raise DataError(
                    f"{source}: {name} names {', '.join(sorted(unknown))}, which its stage does not learn from"
                )
    named = {stage.apart_from for stage in recipe.stages if stage.apart_from}
    if unknown := named - set(recipe.data):
        raise DataError(f"{source}: apart_from names {', '.join(sorted(unknown))}, which no stage learns from")


def _check_values(of: Any, expected: Mapping[str, tuple[str, Callable[[Any], bool]]], source: str) -> None:
    for name, (what, is_fit) in expected.items():
        value = getattr(of, name)
        if not is_fit(value):
            shown = list(value) if isinstance(value, tuple) else value
            raise DataError(f"{source}: {name} is {what}, not {shown!r}")


def _number(value: Any, above: float = -math.inf, least: float = -math.inf, below: float = math.inf) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and above < value < below and value >= least


def _is_part(value: Any) -> bool:
    return _number(value, least=0) and value <= 1


def _whole(value: Any, least: int, below: float = math.inf) -> bool:
    return isinstance(value, int) and _number(value, least=least, below=below)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


_ABOVE_0 = "a number above 0", lambda value: _number(value, above=0)
_NOT_BELOW_0 = "a number of 0 or more", lambda value: _number(value, least=0)
_SHARE = "a number from 0 to below 1", lambda value: _number(value, least=0, below=1)
_COUNT = "a whole number above 0", lambda value: _whole(value, 1)
_TEXT = "a text", _is_text
_BOOL = "true or false", _is_bool
_SEED = "a whole number from 0 to 4294967295", lambda value: _whole(value, 0, 2**32)  # that numpy's generator takes

_OF_STAGE: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "data": (
        "a list of files and names of sets",
        lambda value: isinstance(value, tuple) and bool(value) and all(map(_is_text, value)),
    ),
    "epochs": _ABOVE_0,
    "batch_size": _COUNT,
    "learning_rate": _ABOVE_0,
    "head_rate": _ABOVE_0,
    "warmup": _NOT_BELOW_0,
    "weight_decay": _NOT_BELOW_0,
    "limits": (
        "a table of data sets with a whole number above 0 each",
        lambda value: isinstance(value, dict) and all(_whole(limit, 1) for limit in value.values()),
    ),
    "apart_from": ("the name of a data set", lambda value: value is None or _is_text(value)),
    "apart_by": (" or ".join(get_args(By)), lambda value: value in get_args(By)),
    "withhold": _BOOL,
    "soft_labels": ("true, false or a number from 0 to 1", lambda value: _is_bool(value) or _is_part(value)),
    "soft_words": _BOOL,
    "auxiliary": (
        "a list of names of sets",
        lambda value: isinstance(value, tuple) and all(map(_is_text, value)),
    ),
    "insertions": _NOT_BELOW_0,
    "class_weights": _BOOL,
    "soup": _COUNT,
    "consistency": _NOT_BELOW_0,
}
_OF_PARTS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "development": _SHARE,
    "test": _SHARE,
    "by": (" or ".join(get_args(By)), lambda value: value in get_args(By)),
    "seed": _SEED,
}
_OF_ADAPTERS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "rank": _COUNT,
    "alpha": _ABOVE_0,
    "dropout": _SHARE,
}
_OF_RECIPE: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "name": _TEXT,
    "base": _TEXT,
    "losses": (
        "a table of heads with a number of 0 or more each, not all 0",
        lambda value: (
            isinstance(value, dict)
            and all(_number(weight, least=0) for weight in value.values())
            and any(value.values())
        ),
    ),
    "max_tokens": ("a whole number of 8 or more", lambda value: _whole(value, 8)),
    "dropout": _SHARE,
    "seed": _SEED,
    "blind": _BOOL,
    "patience": ("a whole number of 0 or more", lambda value: _whole(value, 0)),
    "layers": (
        "a list of whole numbers of 0 or more, each above the one before",
        lambda value: (
            value is None
            or (
                isinstance(value, tuple)
                and bool(value)
                and all(_whole(layer, 0) for layer in value)
                and list(value) == sorted(set(value))
            )
        ),
    ),
}
"""What each value is, and whether one is that."""


def _build(kind: type[Any], values: Any, source: str) -> Any:
    if not isinstance(values, dict):
        raise DataError(f"{source}: {kind.__name__.lower()} is a table of keys and values, not {values!r}")
    known = {f.name for f in fields(kind)}
    if unknown := set(values) - known:
        raise DataError(f"{source}: unknown key {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in needed if name not in values]:
        raise DataError(f"{source}: {kind.__name__.lower()}: missing {', '.join(missing)}")
    return kind(**values)
