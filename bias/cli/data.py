"""What the commands over labelled data share: their options, how they read, and what they say about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bias.cli.streams import complain

if TYPE_CHECKING:
    from bias.training.readers import Labels, Loaded
    from bias.training.splits import Duplicates

_READING = "Reading"
_MANY = 5

Data = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA...",
        help="CSV, JSONL or Parquet files of labelled sentences, names of public sets (babe, anno-lexical, ...), or "
        "hf:NAME[:SPLIT] from the Hugging Face hub; each may end in @WEIGHT.",
        show_default=False,
    ),
]
LabelColumn = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The column with the labels: 1/0, opinionated/neutral, biased/non-biased, or a number from 0 to 1.",
        rich_help_panel=_READING,
    ),
]


def _column(what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        metavar="NAME", help=what, show_default=False, rich_help_panel=_READING
    )
    return option


SpansColumn = Annotated[
    str | None, _column("The column with the loaded words, as offsets or words; 'spans' if there is one, '' for none.")
]
VotesColumn = Annotated[
    str | None,
    _column("The column with the annotators' votes, [1, 0, 1] or 2/3, or two columns as BIASED/ALL; 'votes' if any."),
]
GroupColumn = Annotated[
    str | None,
    _column("The column that names the article; 'group', 'news_link' or 'article' if there is one."),
]
OutletColumn = Annotated[str | None, _column("The column with the outlet; 'outlet' if there is one.")]
LeaningColumn = Annotated[str | None, _column("The column with the outlet's leaning; 'leaning' if there is one.")]
TopicColumn = Annotated[str | None, _column("The column with the topic; 'topic' if there is one.")]
WeightColumn = Annotated[str | None, _column("The column with the row's weight; 'weight' if there is one.")]
OutletLabelColumn = Annotated[
    str | None, _column("The column with the label of the outlet's own words; 'outlet_label' if there is one.")
]
OpinionColumn = Annotated[str | None, _column("The column with the degree of opinion, 0 to 1; 'opinion' if any.")]
Positive = Annotated[
    str | None,
    typer.Option(
        metavar="VALUE",
        help="The label that means opinionated, every other being neutral, where labels have other names than ours.",
        show_default=False,
        rich_help_panel=_READING,
    ),
]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where the files of public sets lie; those it lacks are asked for on the hub.",
        show_default=False,
        rich_help_panel=_READING,
    ),
]


def read_data(
    data: list[str],
    *,
    text_column: str = "text",
    label_column: str = "label",
    spans_column: str | None = None,
    votes_column: str | None = None,
    group_column: str | None = None,
    outlet_column: str | None = None,
    leaning_column: str | None = None,
    topic_column: str | None = None,
    weight_column: str | None = None,
    outlet_label_column: str | None = None,
    opinion_column: str | None = None,
    positive: str | None = None,
    data_folder: Path | None = None,
    encoding: str = "utf-8",
    errors: Literal["strict", "replace"] = "strict",
    max_bytes: int = 20_000_000,
    labels: Labels = "required",
) -> Loaded:
    """Read what the options ask for; see `bias.training.readers.load_data` for the errors."""
    from bias.training.readers import Columns, load_data

    columns = Columns(
        text=text_column,
        label=label_column,
        spans=spans_column,
        votes=votes_column,
        group=group_column,
        outlet=outlet_column,
        leaning=leaning_column,
        topic=topic_column,
        weight=weight_column,
        outlet_label=outlet_label_column,
        opinion=opinion_column,
    )
    return load_data(
        data,
        columns,
        positive=positive,
        folder=data_folder,
        encoding=encoding,
        errors=errors,
        max_bytes=max_bytes,
        labels=labels,
    )


def print_notes(loaded: Loaded, duplicates: Duplicates | None = None) -> None:
    """Say on standard error what was read, what was left out, and what a person has to settle."""
    for line in notes(loaded, duplicates):
        complain(line)


def notes(loaded: Loaded, duplicates: Duplicates | None = None) -> list[str]:
    """The lines that `print_notes` prints."""
    lines = []
    for file in loaded.files:
        line = f"{file.name}: {_count(file.rows, 'row')}"
        line += f" of weight {file.weight:g}" if file.weight != 1 else ""
        line += f", {file.unlabelled:,} without a label" if file.unlabelled else ""
        line += f"; {_count(file.missed, 'word')} given as spans not found in their texts" if file.missed else ""
        lines.append(line)
    if duplicates is None:
        return lines
    if duplicates.repeated:
        shown = [f"{again} repeats {first}" for again, first in duplicates.repeated]
        lines.append(f"{_count(len(shown), 'repeat')} left out: {_first(shown)}")
    if duplicates.conflicting:
        shown = [" and ".join(conflict.places) for conflict in duplicates.conflicting]
        lines.append(f"{_count(len(shown), 'text')} with labels that contradict each other left out: {_first(shown)}")
    return lines


def _first(items: list[str]) -> str:
    more = f"; and {len(items) - _MANY:,} more" if len(items) > _MANY else ""
    return "; ".join(items[:_MANY]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
