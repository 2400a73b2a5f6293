"""`bias train`: labelled sentences in, a model folder out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bias.cli.data import (
    DataFolder,
    GroupColumn,
    LabelColumn,
    LeaningColumn,
    OutletColumn,
    Positive,
    SpansColumn,
    TopicColumn,
    VotesColumn,
    WeightColumn,
    columns_of,
    needs_training,
    note_duplicates,
    note_files,
)
from bias.cli.options import Debug, Encoding, Errors, TextColumn
from bias.cli.status import ExitStatus
from bias.cli.train_view import note_plan, progress, tell
from bias.errors import UsageError

if TYPE_CHECKING:
    from bias.training.recipe import Recipe

_TRAINING = "Training"
_PARTS = "What is kept apart"
_RUN = "The run"


def train(
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA...",
            help="Labelled sentences: a CSV, JSONL or Parquet file, one sentence a row; the name of a public set "
            "(babe, own, ...); or hf:NAME for the hub. DATA@2 counts its sentences twice.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="The model folder to make; it must not exist.", show_default=False
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH|default",
            help="What to start from: the shipped weights (default), a model folder, an encoder's folder, or an "
            "encoder's name on the hub.",
            show_default=False,
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A TOML file that says all of this, such as the recipe.toml of a model folder.",
            show_default=False,
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option(
            min=0.01, metavar="N", help="Passes over the data at most; 5 by default.", rich_help_panel=_TRAINING
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Sentences a step; 16 by default.", rich_help_panel=_TRAINING),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=1e-9, metavar="X", help="Learning rate; 3e-5 by default.", rich_help_panel=_TRAINING),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Stop after so many evaluations without a better macro-F1 on the development part; 0 never stops; "
            "3 by default.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            min=8,
            metavar="N",
            help="Cut longer sentences, in training alone; 128 by default.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    soft_labels: Annotated[
        bool | None,
        typer.Option(
            "--soft-labels", help="Learn from the share of votes where votes are known.", rich_help_panel=_TRAINING
        ),
    ] = None,
    class_weights: Annotated[
        bool | None,
        typer.Option("--class-weights", help="Weigh the rarer label up.", rich_help_panel=_TRAINING),
    ] = None,
    blind: Annotated[
        bool | None,
        typer.Option(
            "--blind/--in-sight",
            help="Read stand-ins for the names of parties, people, faiths and places, so that none of them makes a "
            "difference; the default.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    adapter_rank: Annotated[
        int | None,
        typer.Option(
            "--lora",
            min=0,
            metavar="RANK",
            help="Train low-rank adapters of the encoder in place of all its weights: for large encoders.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    development: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.8,
            metavar="SHARE",
            help="The part that stops the training and calibrates the model; 0.2 by default.",
            rich_help_panel=_PARTS,
        ),
    ] = None,
    test: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.8,
            metavar="SHARE",
            help="The part left for `bias evaluate`, which finds it by itself; 0.2 by default.",
            rich_help_panel=_PARTS,
        ),
    ] = None,
    split_by: Annotated[
        Literal["article", "outlet"] | None,
        typer.Option(help="Keep whole articles or whole outlets apart; article by default.", rich_help_panel=_PARTS),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Seed of the training; 13 by default. The parts kept apart stay the same.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Train so often, tell the spread, keep the best on development.",
            rich_help_panel=_RUN,
        ),
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped.", rich_help_panel=_RUN)
    ] = False,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for checkpoints and finished stages, kept at the end; else DIR.unfinished, which is removed.",
            show_default=False,
            rich_help_panel=_RUN,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processors to use; all by default.", rich_help_panel=_RUN),
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Leave a graphics card alone.", rich_help_panel=_RUN)] = False,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model's name; that of its folder by default.", show_default=False),
    ] = None,
    terms: Annotated[
        str | None,
        typer.Option("--license", metavar="TEXT", help="The terms under which you give it away.", show_default=False),
    ] = None,
    card_template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Template of the model card, in place of the usual one (Jinja).", show_default=False
        ),
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    positive: Positive = None,
    spans_column: SpansColumn = None,
    votes_column: VotesColumn = None,
    group_column: GroupColumn = None,
    outlet_column: OutletColumn = None,
    leaning_column: LeaningColumn = None,
    topic_column: TopicColumn = None,
    weight_column: WeightColumn = None,
    data_folder: DataFolder = None,
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    debug: Debug = False,
) -> ExitStatus:
    """Train a model of your own on labelled sentences, calibrate it, and write its folder."""
    if output is None:
        raise UsageError("name the folder to make: -o DIR")
    if not output.name:
        raise UsageError(f"{output} is no name for a new folder: -o DIR")
    settings = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "patience": patience,
        "max_tokens": max_tokens,
        "soft_labels": soft_labels,
        "class_weights": class_weights,
        "blind": blind,
        "lora": adapter_rank,
        "development": development,
        "test": test,
        "split_by": split_by,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    # Threads that wait busily slow one another down many times where other programs use the processors too.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with needs_training("training"):
        from bias.output import refuse_existing
        from bias.training import runs
        from bias.training.card import read_template
    card = read_template(card_template)
    refuse_existing(output, parent=False)
    plan = runs.prepare(
        _recipe(data or [], base, recipe, given, seed, name or output.name),
        base=base,
        seeds=seeds,
        columns=columns_of(
            text=text_column,
            label=label_column,
            spans=spans_column,
            votes=votes_column,
            group=group_column,
            outlet=outlet_column,
            leaning=leaning_column,
            topic=topic_column,
            weight=weight_column,
        ),
        positive=positive,
        folder=data_folder,
        encoding=encoding,
        errors=errors,
    )
    note_files(plan.files)
    if plan.duplicates is not None:
        note_duplicates(plan.duplicates)
    note_plan(plan)
    if threads is not None:
        _use(threads)
    with progress(plan) as watch:
        record = runs.train(
            plan,
            output,
            name=name or plan.recipe.name,
            terms=terms,
            resume=resume,
            work=work,
            card=card,
            watch=watch,
            cpu=cpu,
        )
    reading = {
        "--text-column": (text_column, "text"),
        "--label-column": (label_column, "label"),
        "--positive": (positive, None),
        "--spans-column": (spans_column, None),
        "--votes-column": (votes_column, None),
        "--group-column": (group_column, None),
        "--outlet-column": (outlet_column, None),
        "--leaning-column": (leaning_column, None),
        "--topic-column": (topic_column, None),
        "--data-folder": (data_folder, None),
        "--encoding": (encoding, "utf-8"),
        "--errors": (errors, "strict"),
    }
    given_to_read = [
        part for option, (value, usual) in reading.items() if value != usual for part in (option, str(value))
    ]
    tell(record, output, [*plan.divided, *given_to_read])
    return ExitStatus.DONE


def _recipe(
    data: list[str], base: str | None, path: Path | None, given: Mapping[str, Any], seed: int | None, name: str
) -> Recipe:
    """The recipe of a file, or of one stage by the options.

    Raises:
        UsageError: no data, or options beside a recipe that says the same.
        DataError: a value that no run can work with.
    """
    from bias.training.recipe import check, one_stage, read_recipe

    if path is None:
        if not data:
            raise UsageError("name the data to learn from: a CSV, JSONL or Parquet file, or a public set")
        recipe = one_stage(name, "default" if base is None else base, data, given)
    else:
        recipe = read_recipe(path)
        if data:
            raise UsageError(f"{path} names its data: leave {', '.join(data)} away, or write it into the recipe")
        if given:
            option = f"--{next(iter(given)).replace('_', '-')}"
            raise UsageError(f"{path} says how to train: write it into the recipe in place of {option}")
    recipe = recipe if seed is None else replace(recipe, seed=seed)
    check(recipe, "the options" if path is None else str(path))
    return recipe


def _use(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
