"""What the commands over labelled data share: their options, how they read, and what they say about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bias.cli.streams import note
from bias.errors import MissingExtraError
from bias.files import MAX_BYTES, ErrorsMode

if TYPE_CHECKING:
    from bias.training.data.readers import Columns, DataFile, Labels, Loaded
    from bias.training.data.splits import Duplicates

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


@contextmanager
def needs_training(what: str) -> Iterator[None]:
    """Around imports of the packages that training needs.

    Raises:
        MissingExtraError: one is not installed; `what` is what asks for it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "bias":
            raise  # a fault of ours, not a package that is missing
        raise MissingExtraError(what, "train") from error


def columns_of(
    text: str = "text",
    label: str = "label",
    spans: str | None = None,
    votes: str | None = None,
    group: str | None = None,
    outlet: str | None = None,
    leaning: str | None = None,
    topic: str | None = None,
    weight: str | None = None,
) -> Columns:
    """The columns that the options name.

    Raises:
        MissingExtraError: the packages for training are not installed.
    """
    with needs_training("reading labelled data"):
        from bias.training.data.readers import Columns
    return Columns(text, label, spans, votes, group, outlet, leaning, topic, weight)


def read_data(
    data: Sequence[str],
    columns: Columns,
    *,
    positive: str | None = None,
    data_folder: Path | None = None,
    encoding: str = "utf-8",
    errors: ErrorsMode = "strict",
    max_bytes: int = MAX_BYTES,
    labels: Labels = "required",
) -> Loaded:
    """Read what the options ask for; the errors are those of `bias.training.data.readers.load_data`."""
    from bias.training.data.readers import load_data

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
    note_files(loaded.files)
    if duplicates is not None:
        note_duplicates(duplicates)


def note_files(files: Sequence[DataFile]) -> None:
    """Say on standard error what was read of each file."""
    for file in files:
        line = f"{file.name}: {_count(file.rows, 'row')}"
        line += f" of weight {file.weight:g}" if file.weight != 1 else ""
        line += f", {file.unlabelled:,} without a label" if file.unlabelled else ""
        line += f", {_count(file.missed, 'span')} whose words are not in the text" if file.missed else ""
        note(line)


def note_duplicates(duplicates: Duplicates) -> None:
    """Say on standard error which rows were left out for others of the same text, and where they stand."""
    if duplicates.repeated:
        places = [f"{again} (as {first})" for again, first in duplicates.repeated]
        note(f"left out {_count(len(places), 'repeat')}: {_first(places)}")
    if duplicates.conflicting:
        places = [" and ".join(conflict.places) for conflict in duplicates.conflicting]
        texts = _count(len(places), "text")
        note(f"left out {texts} with labels that contradict each other, for you to settle: {_first(places)}")


def _first(items: Sequence[str]) -> str:
    more = f"; and {len(items) - _MANY:,} more" if len(items) > _MANY else ""
    return "; ".join(items[:_MANY]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
