"""`bias evaluate`: how good a model is on labelled sentences, and whether it is better than another."""

from __future__ import annotations

import json
from collections.abc import Iterable
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
    columns_of,
    needs_training,
    note_files,
    read_data,
)
from bias.cli.options import (
    Debug,
    Encoding,
    Errors,
    MaxBytes,
    Model,
    Prior,
    Quotes,
    TextColumn,
    Threshold,
    check_prior,
)
from bias.cli.progress import track
from bias.cli.status import ExitStatus
from bias.cli.streams import note
from bias.errors import UsageError
from bias.files import MAX_BYTES
from bias.types import Prediction, QuotesMode

if TYPE_CHECKING:
    from bias.detector import Detector
    from bias.training.checklist.results import CapabilityResult
    from bias.training.data.readers import Loaded
    from bias.training.data.splits import By
    from bias.training.evaluation.outcome import Evaluation

_MEASURING = "Measuring"


def evaluate(
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA",
            help="CSV, JSONL or Parquet files of labelled sentences, names of public sets (babe, anno-lexical, ...), "
            "or hf:NAME[:SPLIT] from the Hugging Face hub. None is needed for --checklist.",
            show_default=False,
        ),
    ] = None,
    model: Model = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Another model folder to hold it against, on the same sentences.",
            rich_help_panel=_MEASURING,
            show_default=False,
        ),
    ] = None,
    prior: Prior = "balanced",
    quotes: Quotes = "include",
    threshold: Threshold = None,
    by: Annotated[
        Literal["article", "outlet"],
        typer.Option(help="What is drawn together for the intervals.", rich_help_panel=_MEASURING),
    ] = "article",
    include_seen: Annotated[
        bool,
        typer.Option(
            "--include-seen",
            help="Measure also on sentences that a model was made from: the figures are too good then.",
            rich_help_panel=_MEASURING,
        ),
    ] = False,
    checklist: Annotated[
        bool,
        typer.Option(
            "--checklist", help="Put our own behavioural tests to the model as well.", rich_help_panel=_MEASURING
        ),
    ] = False,
    output_format: Annotated[
        Literal["full", "json", "markdown"],
        typer.Option(help="A view for the terminal, a JSON object, or tables for a page."),
    ] = "full",
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR",
            help="A new folder for the figures, tables of sentences and slices, and plots (SVG and PNG).",
            show_default=False,
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
    data_folder: DataFolder = None,
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    max_bytes: MaxBytes = MAX_BYTES,
    debug: Debug = False,
) -> ExitStatus:
    """Measure a model on labelled sentences that it has not seen, each figure with its 95 % interval."""
    check_prior(prior)
    if not data and not checklist:
        raise UsageError("name the labelled sentences to measure on, or pass --checklist")
    if not data and (compare or output_dir):
        raise UsageError("--compare and -o need labelled sentences: name them")
    with needs_training("bias evaluate"):
        from bias.detector import Detector
        from bias.output import refuse_existing
        from bias.training.evaluation import outcome  # noqa: F401, to tell now if a package is missing

    if output_dir is not None:
        refuse_existing(output_dir)
    detectors = [Detector(folder) for folder in (model, *([compare] if compare else []))]
    results = _checklist(detectors[0], prior) if checklist else None
    if not data:
        _print_checklist(results or (), output_format)
        return ExitStatus.DONE
    columns = columns_of(
        text=text_column,
        label=label_column,
        spans=spans_column,
        votes=votes_column,
        group=group_column,
        outlet=outlet_column,
        leaning=leaning_column,
        topic=topic_column,
    )
    loaded = read_data(
        data,
        columns,
        positive=positive,
        data_folder=data_folder,
        encoding=encoding,
        errors=errors,
        max_bytes=max_bytes,
    )
    note_files(loaded.files)
    evaluation = _evaluate(loaded, detectors, prior, quotes, threshold, by, include_seen, results)
    _print(evaluation, output_format)
    if results is not None and output_format != "json":
        _print_checklist(results, output_format)
    if output_dir is not None:
        evaluation.save(output_dir)
        note(f"wrote {output_dir}")
    return ExitStatus.DONE


def _evaluate(
    loaded: Loaded,
    detectors: list[Detector],
    prior: str,
    quotes: QuotesMode,
    threshold: float | None,
    by: By,
    include_seen: bool,
    results: tuple[CapabilityResult, ...] | None,
) -> Evaluation:
    from bias.cli.checklist_view import checklist_record
    from bias.modelfolder import default_model
    from bias.training.evaluation.comparison import compare
    from bias.training.evaluation.measuring import measure, predict
    from bias.training.evaluation.outcome import Evaluation, without_seen

    labelled = [e for e in loaded.examples if e.label is not None or e.outlet_label is not None]
    shipped = default_model()
    folders = {
        "the shipped model" if detector.model.path == shipped else str(detector.model.path): detector.model.path
        for detector in detectors
    }
    unseen = without_seen(labelled, folders, include=include_seen)
    total = len(unseen.examples)

    def watch(predictions: Iterable[Prediction]) -> Iterable[Prediction]:
        return track(predictions, "sentences", total)

    measured = [
        measure(predict(detector, unseen.examples, prior=prior, quotes=quotes, threshold=threshold, by=by, watch=watch))
        for detector in detectors
    ]
    return Evaluation(
        measurement=measured[0],
        comparison=compare(*measured) if len(measured) == 2 else None,
        files=loaded.files,
        unseen=unseen,
        checklist=None if results is None else checklist_record(results),
    )


def _checklist(detector: Detector, prior: str) -> tuple[CapabilityResult, ...]:
    from bias.training.checklist.capabilities import read_checklist
    from bias.training.checklist.running import run_checklist

    return run_checklist(
        detector, read_checklist(), prior, watch=lambda predictions, total: track(predictions, "sentences", total)
    )


def _print(evaluation: Evaluation, output_format: Literal["full", "json", "markdown"]) -> None:
    if output_format == "json":
        _print_json(evaluation.to_dict())
    elif output_format == "markdown":
        print(evaluation.to_markdown(), end="")
    else:
        from bias.cli.evaluate_view import render_evaluation

        console = _console()
        for part in render_evaluation(evaluation, console.width):
            console.print(part)


def _print_checklist(results: tuple[CapabilityResult, ...], output_format: Literal["full", "json", "markdown"]) -> None:
    from bias.cli.checklist_view import checklist_markdown, checklist_record, render_checklist

    if output_format == "json":
        _print_json({"schema_version": 1, "checklist": checklist_record(results)})
    elif output_format == "markdown":
        print(f"\n## Checklist\n\n{checklist_markdown(results)}", end="")
    else:
        console = _console()
        console.print()
        console.print("Checklist", style="bold")
        console.print(render_checklist(results))


def _print_json(record: dict[str, Any]) -> None:
    print(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
