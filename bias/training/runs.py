"""A training run: from labelled sentences to a finished model folder, with the record of how it was made."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from bias.errors import DataError, UsageError
from bias.files import ErrorsMode
from bias.output import atomic_write, refuse_existing
from bias.training import record as records
from bias.training.adapters import check_installed
from bias.training.bases import Base, open_base
from bias.training.calibration.calibrate import CalibrationReport, calibrate_on
from bias.training.card import CardTemplate, write_card
from bias.training.data.examples import Example, near_duplicates
from bias.training.data.readers import Columns, DataFile, is_named, load_data
from bias.training.data.splits import Duplicates, Split, remove_duplicates, split, write_seen
from bias.training.export import rehearse_export
from bias.training.folder import license_of, new_model_folder, write_folder
from bias.training.model import BiasModel
from bias.training.quiet import quiet
from bias.training.recipe import Recipe, write_recipe
from bias.training.trainer import Watch, choose, run_stages
from bias.training.workplace import make_folder, opened, room_for

_SEEDS = 2**32
"""Seeds there are: those after the last one begin anew."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A recipe with its data read and divided.

    `data` is what each name in the stages stands for, without what is kept apart; `parts.train` is the part of it
    that comes from the files the parts were taken from. Every seed begins anew from the same base.
    """

    recipe: Recipe
    base: str
    seeds: tuple[int, ...]
    data: Mapping[str, tuple[Example, ...]]
    parts: Split
    files: tuple[DataFile, ...]
    duplicates: Duplicates | None

    @property
    def divided(self) -> list[str]:
        """The data that the parts are taken from: the user's files, or where there are none the named sets."""
        return [name for name in self.recipe.data if not is_named(name)] or list(self.recipe.data)

    @property
    def train(self) -> tuple[Example, ...]:
        """Everything that there is to learn from; stages may leave some of it out."""
        return tuple(example for examples in self.data.values() for example in examples)

    def learned(self, seed: int) -> tuple[Example, ...]:
        """What a run by that seed learns from, over all stages."""
        return tuple(example for stage in self.recipe.stages for example in choose(stage, self.data, seed))

    def describe(self, base: Base) -> dict[str, Any]:
        """What has to be the same for an unfinished run to be gone on with: `data` as it was read, by a digest."""
        read = repr((sorted(self.data.items()), self.parts))
        described = {
            "recipe": {key: value for key, value in self.recipe.to_dict().items() if key != "name"},
            "base": [self.base, base.sha256],
            "seeds": self.seeds,
            "data": hashlib.sha256(read.encode("utf-8", "surrogatepass")).hexdigest(),
            "threads": torch.get_num_threads(),
        }
        plain: dict[str, Any] = json.loads(json.dumps(described))
        return plain


def prepare(
    recipe: Recipe,
    *,
    base: str | None = None,
    seeds: int = 1,
    columns: Columns = Columns(),  # noqa: B008, for it is frozen: no call can change it
    positive: str | None = None,
    folder: Path | None = None,
    encoding: str = "utf-8",
    errors: ErrorsMode = "strict",
) -> Plan:
    """Read the recipe's data, leave out repeats and conflicts, and set the development and test parts aside.

    The parts are taken from the user's files; named sets are only learned from, without what nearly repeats a
    sentence set aside. Where a recipe names no file, the parts are taken from the named sets.

    Args:
        base: an encoder or model folder, or a name, in place of the recipe's.
        seeds: train so many times, with the recipe's seed and those after it.
        folder: where the named sets lie.

    Raises:
        DataError: labelled data that cannot be read, or too few for the parts.
    """
    loaded = load_data(recipe.data, columns, positive=positive, folder=folder, encoding=encoding, errors=errors)
    remaining = iter(loaded.examples)
    data: Mapping[str, tuple[Example, ...]] = {
        name: tuple(islice(remaining, file.labelled)) for name, file in zip(recipe.data, loaded.files, strict=True)
    }
    parts, duplicates = Split((), (), ()), None
    if recipe.parts.development or recipe.parts.test:
        divided = [name for name in data if not is_named(name)] or list(data)
        kept, duplicates = remove_duplicates([example for name in divided for example in data[name]])
        try:
            parts = split(kept, **asdict(recipe.parts))
        except DataError as error:
            if not (lost := sum(len(data[name]) for name in divided) - len(kept)):
                raise
            raise DataError(f"{error}; {lost:,} rows were left out, for they repeat or contradict others") from error
        data = _without(data, divided, parts)
    return Plan(
        recipe=recipe,
        base=recipe.base if base is None else base,
        seeds=tuple((recipe.seed + i) % _SEEDS for i in range(seeds)),
        data=data,
        parts=parts,
        files=loaded.files,
        duplicates=duplicates,
    )


def _without(
    data: Mapping[str, tuple[Example, ...]], divided: Sequence[str], parts: Split
) -> dict[str, tuple[Example, ...]]:
    """The data less the parts: of the divided ones the training part, of the others what repeats no sentence apart."""
    train = {id(example) for example in parts.train}
    apart = [example.text for example in (*parts.development, *parts.test)]
    result = {}
    for name, examples in data.items():
        if name in divided:
            result[name] = tuple(example for example in examples if id(example) in train)
        else:
            repeats = near_duplicates([example.text for example in examples], apart)
            result[name] = tuple(e for e, again in zip(examples, repeats, strict=True) if not again)
    return result


def train(
    plan: Plan,
    output: Path,
    *,
    name: str,
    version: str = "1",
    terms: str | None = None,
    resume: bool = False,
    work: Path | None = None,
    card: CardTemplate | None = None,
    watch: Watch | None = None,
    cpu: bool = False,
) -> dict[str, Any]:
    """Train every seed of the plan, calibrate the best on the development part, and write the model folder.

    The folder appears once it is complete. Until then everything is in `work`, by default a folder beside it that is
    removed at the end; `resume` goes on from what is there.

    Returns:
        The run record, as run.json holds it.

    Raises:
        OutputError: the output exists, it or `work` cannot be written, or the disk is full.
        UsageError: there is an unfinished run and no `resume`, or the other way round, or another process is at it.
        DataError: the unfinished run is of another plan; the difference is named.
        ModelError: the base is no encoder or model folder.
    """
    refuse_existing(output, parent=False)
    scratch = work or output.with_name(f"{output.name}.unfinished")
    if output.resolve() == scratch.resolve():
        raise UsageError(f"{output} cannot be the model folder and the work folder: choose another for --work")
    if plan.recipe.adapters is not None:
        check_installed()
    base = _open_base(plan, plan.seeds[0])
    if base.from_model is None:
        rehearse_export(base.model)  # a fault that would else be found after hours
    make_folder(output.parent)
    began, clock = datetime.now(UTC), time.monotonic()
    with opened(scratch, plan.describe(base), resume), room_for(scratch, 3 * _bytes_of(base.model)), quiet():
        runs = [_run_seed(plan, seed, scratch / f"seed-{seed}", watch, cpu) for seed in plan.seeds]
        best = max(runs, key=lambda run: run.figures.get("macro_f1", 0.0))
        model = BiasModel.from_pretrained(scratch / f"seed-{best.seed}" / f"stage-{len(plan.recipe.stages)}")
        told = plan.recipe.without_folders()
        with new_model_folder(output, scratch=None if work else scratch / "finished") as folder:
            write_folder(
                folder,
                model,
                base.tokenizer,
                name=name,
                version=version,
                base=base.from_model.base if base.from_model else told.base,
                license=license_of(base.from_model, terms),
            )
            calibration: CalibrationReport | None = None
            if plan.parts.development:
                calibration = calibrate_on(folder, plan.parts.development, base=base.from_model)
            write_seen(folder, Split(plan.learned(best.seed), plan.parts.development, ()))
            write_recipe(folder / "recipe.toml", replace(told, seed=best.seed))
            record = {
                "format": records.FORMAT,
                "name": name,
                "began": began.isoformat(timespec="seconds"),
                "seconds": round(time.monotonic() - clock, 1),
                "recipe": told.to_dict(),
                "base": {"name": base.name, "sha256": base.sha256},
                "data": [asdict(file) for file in plan.files],
                "duplicates": plan.duplicates and plan.duplicates.counts(),
                "parts": {
                    "train": records.counts(plan.train),
                    "development": records.counts(plan.parts.development),
                    "test": records.counts(plan.parts.test),
                },
                "seeds": [run.to_dict() for run in runs],
                "seed": best.seed,
                "spread": records.spread(runs),
                "calibration": calibration and calibration.to_dict(),
                "versions": records.versions(),
                "machine": records.machine(cpu),
            }
            with atomic_write(folder / records.RECORD) as file:
                file.write(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
            write_card(folder, card)
    if work is None:
        shutil.rmtree(scratch)
    return record


def _bytes_of(model: BiasModel) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def _open_base(plan: Plan, seed: int) -> Base:
    set_seed(seed)  # what the base lacks of heads is drawn by it
    return open_base(plan.base, plan.recipe.losses, plan.recipe.dropout, plan.recipe.max_tokens, plan.recipe.layers)


def _run_seed(plan: Plan, seed: int, folder: Path, watch: Watch | None, cpu: bool) -> records.SeedRun:
    begun = time.monotonic()
    base = _open_base(plan, seed)
    _, curves = run_stages(
        replace(plan.recipe, seed=seed),
        base.model,
        base.tokenizer,
        plan.data,
        folder,
        development=plan.parts.development,
        watch=watch,
        cpu=cpu,
    )
    return records.SeedRun(seed, tuple(curves), time.monotonic() - begun)
