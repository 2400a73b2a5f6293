"""The options that commands share, each spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

OutputFormat = Literal["full", "concise", "json", "jsonl", "csv", "html", "markdown", "sarif", "github"]

_SCORING = "Scoring"
_READING = "Reading"
_GATES = "Gates"

Model = Annotated[
    Path | None,
    typer.Option(
        "--model", metavar="DIR", help="Model folder; the shipped model by default.", rich_help_panel=_SCORING
    ),
]
Prior = Annotated[
    str,
    typer.Option(
        metavar="news|balanced|P",
        help="The share of opinionated sentences to expect: of news, one half, or a number between 0 and 1.",
        rich_help_panel=_SCORING,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="P",
        help="Call a sentence opinionated from this probability on; the model's own threshold by default.",
        rich_help_panel=_SCORING,
    ),
]
Quotes = Annotated[
    Literal["separate", "include"],
    typer.Option(
        help="Judge the outlet's own words alone, or the quotes with them.",
        rich_help_panel=_SCORING,
    ),
]
TextColumn = Annotated[
    str,
    typer.Option(metavar="NAME", help="The column of a table that holds the text.", rich_help_panel=_READING),
]
Encoding = Annotated[
    str, typer.Option(metavar="NAME", help="Character encoding of the input.", rich_help_panel=_READING)
]
Errors = Annotated[
    Literal["strict", "replace"],
    typer.Option(help="Refuse invalid bytes, or replace and count them.", rich_help_panel=_READING),
]
MaxBytes = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="Refuse a file, or a row of a table, that is larger.",
        rich_help_panel=_READING,
    ),
]
FailAbove = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=100,
        metavar="SCORE",
        help="Exit with status 1 if the score of any article is above this.",
        rich_help_panel=_GATES,
    ),
]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with status 0 even then.", rich_help_panel=_GATES)]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def check_prior(prior: str) -> None:
    """Refuse a prior that no model can have, before any is loaded.

    Raises:
        UsageError: it is not news, balanced, or a number above 0 and below 1.
    """
    from bias.calibration import PRIORS, parse_share

    if prior not in PRIORS:
        parse_share(prior)
