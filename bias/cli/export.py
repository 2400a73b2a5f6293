"""`bias export`: trained weights in, a complete model folder out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bias.cli.calibrate import CardTemplateFile
from bias.cli.data import (
    DataFolder,
    LabelColumn,
    Positive,
    columns_of,
    needs_training,
    note_files,
    read_data,
)
from bias.cli.options import Debug, Encoding, Errors, TextColumn
from bias.cli.progress import track
from bias.cli.status import ExitStatus
from bias.cli.streams import note
from bias.errors import UsageError

if TYPE_CHECKING:
    from bias.training.exporting import Exported

_WARNINGS = {
    "other": "the calibration is of another precision: calibrate the new folder anew (bias calibrate)",
    "missing": "a checkpoint has no calibration: calibrate the new folder before use (bias calibrate)",
}


def _print_template(wanted: bool) -> None:
    if wanted:
        with needs_training("bias export"):
            from bias.training.card import default_template
        print(default_template(), end="")
        raise typer.Exit


def export(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Model folder, or a checkpoint of its training.", show_default=False)
    ],
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA...]",
            help="Labelled sentences to tell what the precision changes; the project's own by default.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="The model folder to make; it must not exist.", show_default=False
        ),
    ] = None,
    precision: Annotated[
        Literal["int8", "fp32", "int8-static"],
        typer.Option(help="int8 takes the range of activations from each sentence, int8-static from DATA."),
    ] = "int8",
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the model; that of MODEL by default.", show_default=False),
    ] = None,
    version: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Its version; that of MODEL by default.", show_default=False)
    ] = None,
    terms: Annotated[
        str | None,
        typer.Option(
            "--license",
            metavar="TEXT",
            help="The terms of a checkpoint's weights; those of a model folder go on as they are.",
            show_default=False,
        ),
    ] = None,
    card_template: CardTemplateFile = None,
    print_card_template: Annotated[
        bool,
        typer.Option(
            "--print-card-template",
            callback=_print_template,
            is_eager=True,
            help="Print the default template of model cards, to edit, and exit.",
        ),
    ] = False,
    output_format: Annotated[Literal["full", "json"], typer.Option(help="Text, or a JSON object.")] = "full",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    positive: Positive = None,
    data_folder: DataFolder = None,
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    debug: Debug = False,
) -> ExitStatus:
    """Export trained weights to a new model folder, and tell what its precision changes."""
    if output is None:
        raise UsageError("name the folder to make: -o DIR")
    with needs_training("bias export"):
        from bias.modelfolder import model_folder
        from bias.output import refuse_existing
        from bias.training.card import read_template
        from bias.training.data.sources import read_own
        from bias.training.exporting import export_model, open_trained

    refuse_existing(output)
    template = read_template(card_template)
    trained = open_trained(model_folder(model))
    if terms is not None and trained.folder is not None:
        raise UsageError(f"{model} has terms that go on ({trained.folder.license}): leave --license away")
    if data:
        columns = columns_of(text=text_column, label=label_column)
        loaded = read_data(data, columns, positive=positive, data_folder=data_folder, encoding=encoding, errors=errors)
        note_files(loaded.files)
        examples, of = loaded.examples, ", ".join(file.name for file in loaded.files)
    else:
        examples, of = tuple(read_own()), "our own sentences (the shipped model was trained on them)"
    exported = export_model(
        trained,
        output,
        examples,
        precision=precision,
        name=name,
        version=version,
        terms=terms,
        template=template,
        watch=_with_bar,
    )
    if output_format == "json":
        change = asdict(exported.change) if exported.change else None
        facts = {"model": str(output), "precision": precision, "parity": exported.parity, "change": change}
        print(json.dumps({**facts, "of": of if change else None, "calibration": exported.calibration}, indent=2))
    else:
        for line in _lines(exported, precision, of):
            print(line)
    if exported.calibration in _WARNINGS:
        note(f"warning: {_WARNINGS[exported.calibration]}")
    note(f"wrote {output}")
    return ExitStatus.DONE


def _with_bar(texts: Iterable[str]) -> Iterator[str]:
    kept = list(texts)
    return track(kept, "sentences", len(kept))


def _lines(exported: Exported, precision: str, of: str) -> Iterator[str]:
    yield f"fp32: a logit lies at most {exported.parity:.1e} from that of the trained weights"
    change = exported.change
    if change is None:
        return
    yield f"{precision}: on {change.sentences:,} sentences of {of}"
    for name, before in change.exact.items():
        after = change.quantised[name]
        yield f"  {name.replace('_', ' '):<18} {before:.4f} in fp32, {after:.4f} ({after - before:+.4f})"
    yield f"  a probability moves by {change.moved_mean:.4f} on average, by {change.moved:.3f} at most"
    yield f"  {change.flipped:,} sentences change their label"
