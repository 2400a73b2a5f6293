"""Ways of training, each measured alone and together: the ablations of the model card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tomli
from tokenizers import Tokenizer
from transformers import set_seed

from bias.errors import DataError
from bias.training.bases import open_base
from bias.training.folder import new_model_folder, write_folder
from bias.training.model import BiasModel
from bias.training.quiet import quiet
from bias.training.recipe import Recipe, Stage, recipe_of
from bias.training.shipped.folds import Data, shared_stages
from bias.training.trainer import Watch, run_stages


@dataclass(frozen=True, slots=True)
class Way:
    """A recipe under a name, with what it is about, and the name of the way that it is held against."""

    name: str
    about: str
    beside: str
    recipe: Recipe


def read_ways(path: Path, recipe: Recipe) -> list[Way]:
    """The ways of a TOML file: the first as what it changes of the recipe, the others of the way that each is beside.

    A `[[way]]` has `name` and `about`, and optionally `beside`, a list of ways before it (the first if not given),
    `stages`, the numbers of the stages that it keeps, `stage`, a table of changes by the number of a stage, `losses`
    and `blind`. Beside several it is as many ways; beside another than the first it is named after both.

    Raises:
        DataError: the file is not in that form, a name comes twice, or a way is no recipe, is beside none that comes
            before it, or changes a stage that it does not keep.
    """
    ways: list[Way] = []
    changes: dict[str, Mapping[str, Any]] = {}
    try:
        for values in tomli.loads(path.read_text("utf-8"))["way"]:
            first = ways[0].name if ways else values["name"]
            if unknown := values.keys() - _KEYS:
                raise DataError(f"{path}: {values['name']}: unknown key {min(unknown)}; known: {sorted(_KEYS)}")
            for beside in values.get("beside", [first]):
                name = values["name"] if beside == first else f"{beside}, {values['name']}"
                source = f"{path}: {name}"
                if name in changes:
                    raise DataError(f"{source}: there are two ways of this name")
                if beside not in (changes or {first}):
                    raise DataError(f"{source}: is beside {beside!r}, which is none of those before it: {[*changes]}")
                changes[name] = _joined(changes.get(beside, {}), values)
                ways.append(Way(name, values["about"], beside, _changed(recipe, changes[name], source)))
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:  # ValueError: no UTF-8 or TOML as well
        raise DataError(f"{path}: not a readable file of ways: {error!r}") from error
    return ways


_KEYS = frozenset({"name", "about", "beside", "stages", "stage", "losses", "blind"})
"""What a way can have."""


def _joined(changes: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Changes with more of them on top."""
    stages = (changes.get("stage", {}), more.get("stage", {}))
    return {
        **changes,
        **more,
        "losses": {**changes.get("losses", {}), **more.get("losses", {})},
        "stage": {n: {**stages[0].get(n, {}), **stages[1].get(n, {})} for n in {**stages[0], **stages[1]}},
    }


def _changed(recipe: Recipe, changes: Mapping[str, Any], source: str) -> Recipe:
    """The recipe with changes."""
    plain = recipe.to_dict()
    stages = {str(number): stage for number, stage in enumerate(plain["stage"], 1)}
    kept = [str(number) for number in changes.get("stages", stages)]
    if others := changes["stage"].keys() - set(kept):
        raise DataError(f"{source}: changes stage {min(others)}, which is none of its own: {', '.join(kept)}")
    changed = {
        **plain,
        "stage": [{**stages[number], **changes["stage"].get(number, {})} for number in kept],
        "losses": {**plain["losses"], **changes["losses"]},
        "blind": changes.get("blind", plain["blind"]),
    }
    return recipe_of(changed, source)


def train_way(way: Way, fold: int, data: Data, base: str, folder: Path, watch: Watch | None = None) -> Path:
    """The calibratable model of a way on a fold's data; its seed is the recipe's and the fold's number.

    The data must have been parted from all of BABE before (`apart_from_babe`).
    The last stage is a way's own. Those before it are trained once for all ways that are alike so far, and for all
    folds as long as they know nothing of BABE. What is in the folder is not trained again. Returns the model folder.
    """
    model_folder = folder / way.name / str(fold) / "model"
    if model_folder.is_dir():
        return model_folder
    data = {name: data[name] for name in dict.fromkeys((*way.recipe.data, "babe"))}
    last = len(way.recipe.stages) - 1
    of_fold = _of_fold(way.recipe, fold)
    with quiet():
        model, tokenizer = _after(way.recipe, last, fold, data, base, folder / "shared")
        model, _ = run_stages(of_fold, model, tokenizer, data, model_folder.parent, first=last, watch=watch)
        with new_model_folder(model_folder) as scratch:
            write_folder(scratch, model, tokenizer, name=way.name, version="0", base=way.recipe.base)
    return model_folder


def _after(recipe: Recipe, count: int, fold: int, data: Data, base: str, folder: Path) -> tuple[BiasModel, Tokenizer]:
    """The model after the first `count` stages, each trained once for all ways that are alike so far."""
    if not count:
        set_seed(recipe.seed)
        opened = open_base(base, recipe.losses, recipe.dropout, recipe.max_tokens, recipe.layers)
        return opened.model, opened.tokenizer
    seeded = recipe if count <= shared_stages(recipe) else _of_fold(recipe, fold)
    so_far = replace(seeded, stages=recipe.stages[:count])
    place = folder / _digest(so_far, data, base)
    trained = place / f"stage-{count}"
    if not trained.is_dir():
        model, tokenizer = _after(recipe, count - 1, fold, data, base, folder)
        run_stages(so_far, model, tokenizer, data, place, first=count - 1)
    tokenizer = Tokenizer.from_file(str(trained / "tokenizer.json"))
    tokenizer.enable_truncation(recipe.max_tokens)
    return BiasModel.from_pretrained(trained), tokenizer


def _of_fold(recipe: Recipe, fold: int) -> Recipe:
    return replace(recipe, seed=recipe.seed + fold)


def _digest(recipe: Recipe, data: Data, base: str) -> str:
    """What decides the recipe's stages, as a name for their folder.

    What they are kept apart from has no part in it: `data` has nothing of that left, whichever the fold. Nor has what
    is at its default, so that a new key of recipes leaves the names as they were.
    """
    names = dict.fromkeys(name for stage in recipe.stages for name in stage.data)
    default = asdict(Stage((), 0, 0, 0)).items()
    decided = [
        [dict(item for item in asdict(stage).items() if item not in default) for stage in recipe.stages],
        recipe.losses,
        recipe.seed,
        recipe.max_tokens,
        recipe.blind,
        recipe.layers,
        recipe.dropout,
        base,
        {name: hashlib.sha256("\n".join(map(repr, data[name])).encode()).hexdigest() for name in names},
    ]
    return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:12]
