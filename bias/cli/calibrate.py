"""`bias calibrate`: a model's probabilities, thresholds and percentiles made anew; its weights stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bias.cli.data import (
    DataFolder,
    GroupColumn,
    LabelColumn,
    Positive,
    SpansColumn,
    VotesColumn,
    columns_of,
    needs_training,
    note_duplicates,
    note_files,
    read_data,
)
from bias.cli.options import Debug, Encoding, Errors, TextColumn
from bias.cli.progress import track
from bias.cli.status import ExitStatus
from bias.cli.streams import note
from bias.errors import UsageError

if TYPE_CHECKING:
    from bias.training.calibration.recalibrate import Material, Outcome
    from bias.training.data.pages import Page

CardTemplateFile = Annotated[
    Path | None,
    typer.Option(
        "--card-template",
        metavar="FILE|default",
        help="Write the model card by this Jinja template, or by the default one: default "
        "(bias export --print-card-template prints it).",
        show_default=False,
    ),
]

_FITTING = "Fitting"
_REFERENCE = "Percentiles"


def calibrate(
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA...",
            help="Labelled sentences kept apart from training: CSV, JSONL or Parquet files, or names of public sets.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="DIR", help="Model folder; with -o, the shipped model by default."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Write a calibrated copy here, and leave the model as it is."
        ),
    ] = None,
    method: Annotated[
        Literal["platt", "temperature"],
        typer.Option(help="Slope and intercept of the logits, or the slope alone.", rich_help_panel=_FITTING),
    ] = "platt",
    threshold_rule: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="The threshold of --prior balanced: the best macro-f1 or f1, precision=P, recall=R, or a probability.",
            rich_help_panel=_FITTING,
        ),
    ] = "macro-f1",
    articles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Whole annotated articles in BASIL's JSONL, for the maps of --prior news.",
            show_default=False,
            rich_help_panel=_FITTING,
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER|TABLE",
            help="Pages to rank scores among: a folder with news/ and opinion/, or a table with text and section.",
            show_default=False,
            rich_help_panel=_REFERENCE,
        ),
    ] = None,
    reference_name: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What these pages are, with years and country, as reports will tell it; the file's name by default.",
            show_default=False,
            rich_help_panel=_REFERENCE,
        ),
    ] = None,
    reference_pages: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Take so many pages of each section and leaning at most, drawn with a fixed seed; all by default.",
            show_default=False,
            rich_help_panel=_REFERENCE,
        ),
    ] = None,
    card_template: CardTemplateFile = None,
    output_format: Annotated[Literal["full", "json"], typer.Option(help="Text, or a JSON object.")] = "full",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    positive: Positive = None,
    spans_column: SpansColumn = None,
    votes_column: VotesColumn = None,
    group_column: GroupColumn = None,
    data_folder: DataFolder = None,
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    debug: Debug = False,
) -> ExitStatus:
    """Calibrate a model anew on DATA, --articles or --reference; any one of them will do.

    Without -o, bias.json of --model is replaced. What a model was trained on is left out.
    """
    if not (data or articles or reference):
        raise UsageError("nothing to calibrate on: give labelled sentences, --articles FILE or --reference FOLDER")
    if model is None and output is None:
        raise UsageError("name the model to change by --model DIR, or write a copy of the shipped one with -o DIR")
    with needs_training("bias calibrate"):
        from bias.modelfolder import model_folder
        from bias.output import refuse_existing
        from bias.training.calibration.recalibrate import Material, recalibrate, refuse_packaged
        from bias.training.calibration.thresholds import parse_rule
        from bias.training.card import read_template
        from bias.training.data.basil import read_basil
        from bias.training.data.pages import read_pages
        from bias.training.data.splits import remove_duplicates

    # What can go wrong in a moment is found out before what takes minutes.
    parse_rule(threshold_rule)
    template = None if card_template is None else read_template(card_template)
    folder = model_folder(model)
    if output is None:
        refuse_packaged(folder)
    else:
        refuse_existing(output)
    material = Material(reference=reference_name or (reference.name if reference else ""))
    if data:
        columns = columns_of(
            text=text_column,
            label=label_column,
            spans=spans_column,
            votes=votes_column,
            group=group_column,
        )
        loaded = read_data(data, columns, positive=positive, data_folder=data_folder, encoding=encoding, errors=errors)
        note_files(loaded.files)
        examples, duplicates = remove_duplicates([e for e in loaded.examples if e.label is not None])
        note_duplicates(duplicates)
        material = _with(material, examples=examples, files=loaded.files)
    if articles:
        material = _with(material, articles=read_basil(articles))
    if reference:
        material = _with(material, pages=read_pages(reference, encoding=encoding))
    outcome = recalibrate(
        folder,
        material,
        method=method,
        rule=threshold_rule,
        each=reference_pages,
        output=output,
        template=template,
        watch=_with_bar,
    )
    if output_format == "json":
        print(json.dumps(_facts(outcome, output or folder), indent=2, ensure_ascii=False))
    else:
        for line in _lines(outcome):
            print(line)
    note(f"wrote {output}" if output else f"changed {folder / 'bias.json'}")
    if output is None and template is None and (folder / "README.md").is_file():
        note(f"{folder / 'README.md'} still tells of the former calibration: --card-template default writes it anew")
    return ExitStatus.DONE


def _with(material: Material, **values: Any) -> Material:
    from dataclasses import replace

    return replace(material, **values)


def _with_bar(pages: Any) -> Iterator[Page]:
    kept = list(pages)
    return track(kept, "pages", len(kept))


def _lines(outcome: Outcome) -> Iterator[str]:
    from bias.training.calibration.calibrate import NEWS_SHARE

    if outcome.seen_sentences:
        yield f"left out {outcome.seen_sentences:,} sentences that the model was trained on"
    if (found := outcome.balanced) is not None:
        yield (
            f"balanced: {found.method} on {found.sentences:,} sentences of {found.articles:,} articles, "
            f"{found.opinionated:g} opinionated"
        )
        if found.before is not None and found.after is not None:
            yield f"  Brier score        {found.before.brier} before, {found.after.brier} after"
            yield f"  calibration error  {found.before.calibration_error} before, {found.after.calibration_error} after"
            yield "  (after: each article by a map fitted on the others; 95 % intervals)"
        yield f"  threshold          {found.threshold:.3f}, by the rule {found.rule}"
        origin = {"development": "of these sentences", "inherited": "as they were", "none": "none"}[found.spans]
        yield f"  maps of words      {origin} ({found.marked_words:,} marked words)"
        yield from (f"  note: {text}" for text in found.notes)
        if outcome.moved_news:
            yield f"news: balanced moved to a share of {NEWS_SHARE:.0%} opinionated sentences; --articles measures it"
    if outcome.seen_articles:
        yield f"left out {outcome.seen_articles:,} articles that the model was trained on"
    if outcome.news is not None:
        yield from _news_lines(outcome.news)
    if outcome.seen_pages:
        yield f"left out {outcome.seen_pages:,} pages that the model was trained on"
    if outcome.corpus is not None:
        yield f"percentiles: {outcome.corpus}"
    for prior in outcome.dropped:
        yield f"percentiles of --prior {prior} dropped, for its maps have changed: --reference makes them anew"


def _news_lines(news: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"news: {news['articles']:,} articles of {news['events']:,} events, {news['sentences']:,} sentences, "
        f"{news['written']:,} marked, {news['outlets_own']:,} in the outlet's own words"
    )
    figures = news["figures"]
    for key, title in (("written_figures", "probability"), ("outlet", "outlet_probability")):
        yield f"  {title}, each event by maps fitted on the others (95 % intervals):"
        for name, value in figures[key].items():
            yield f"    {name.replace('_', ' '):<24} {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"
    yield f"  the interval of the score held the annotators' share in {figures['coverage']:.0%} of the articles"


def _facts(outcome: Outcome, folder: Path) -> dict[str, Any]:
    return {
        "model": str(folder),
        "balanced": outcome.balanced.to_dict() if outcome.balanced else None,
        "seen_sentences": outcome.seen_sentences,
        "news": outcome.news,
        "seen_articles": outcome.seen_articles,
        "seen_pages": outcome.seen_pages,
        "reference": outcome.corpus,
        "dropped": list(outcome.dropped),
    }
