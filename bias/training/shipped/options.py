"""What the commands for the shipped model have in common: options, and how they tell of long work and of figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from bias.training.card import save_figures
from bias.training.data.pages import Page
from bias.training.recipe import Recipe

Data = Annotated[Path, typer.Option("--data", help="Folder with the public data sets.")]
RecipeFile = Annotated[Path, typer.Option("--recipe", help="Recipe (TOML).")]
Work = Annotated[Path, typer.Option("--work", help="Folder for checkpoints and predictions.")]
Model = Annotated[Path, typer.Option("--model", help="Model folder.")]
Checklist = Annotated[
    Path | None, typer.Option("--checklist", help="Folder of behavioural tests; our own if not given.")
]

DEFAULT_RECIPE = Path("models/default/recipe.toml")
DEFAULT_TEACHER = Path("models/default/teacher.toml")
DEFAULT_MODEL = Path("models/default")
DEFAULT_WORK = Path("runs")


def trained_by_run(work: Path, recipe: Recipe, stage: int) -> Path:
    """What a stage came to, where `bias train --work WORK/NAME` leaves it."""
    return work / recipe.name / f"seed-{recipe.seed}" / f"stage-{stage}"


def with_bar(pages: Iterable[Page]) -> Iterator[Page]:
    """The pages, with a bar of how many have been taken."""
    with typer.progressbar(list(pages), label="scoring") as bar:
        yield from bar


def report(work: Path, part: str, values: dict[str, Any]) -> None:
    """Keep a part of the model's figures in the work folder, where `card` looks for it, and print it."""
    path = work / "figures" / f"{part}.json"
    save_figures(path, values)
    typer.echo(path.read_text("utf-8"))
