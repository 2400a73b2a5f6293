"""The options that commands share, each spelled once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

OutputFormat = Literal["full", "concise", "json", "jsonl", "csv", "html", "markdown", "sarif", "github"]

Levels = Literal["low", "medium", "high"]

_SCORING = "Scoring"
_READING = "Reading"
_GATES = "Gates"
_SETTINGS = "Settings"


def a_number(value: float | None) -> float | None:
    """Refuse "nan", which lies between any bounds."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number.")
    return value


Model = Annotated[
    Path | None,
    typer.Option(
        "--model", metavar="DIR", help="Model folder; the shipped model by default.", rich_help_panel=_SCORING
    ),
]
_PRIOR = {
    "metavar": "news|balanced|P",
    "help": "The share of opinionated sentences to expect: of news, one half, or a number between 0 and 1.",
    "rich_help_panel": _SCORING,
}
Prior = Annotated[str, typer.Option(**_PRIOR)]
PriorSetting = Annotated[str | None, typer.Option(**_PRIOR, show_default="news, or as the settings say")]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        callback=a_number,
        metavar="P",
        help="Call a sentence opinionated from this probability on; the model's own threshold by default.",
        rich_help_panel=_SCORING,
    ),
]
_QUOTES = {
    "help": "Judge the outlet's own words alone, or the quotes with them.",
    "rich_help_panel": _SCORING,
}
Quotes = Annotated[Literal["separate", "include"], typer.Option(**_QUOTES)]
QuotesSetting = Annotated[
    Literal["separate", "include"] | None, typer.Option(**_QUOTES, show_default="separate, or as the settings say")
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TERM",
        help="Do not mark this word or phrase, or the lexicon's entry of this id; may be repeated, and replaces the "
        "settings' list. No probability changes.",
        rich_help_panel=_SCORING,
    ),
]
MinLevel = Annotated[
    Levels | None,
    typer.Option(
        help="Display findings from this level on; json, jsonl and csv hold all.",
        show_default="low, or as the settings say",
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
        callback=a_number,
        metavar="SCORE",
        help="Exit with status 1 if the score of any article is above this.",
        rich_help_panel=_GATES,
    ),
]
FailLevel = Annotated[
    Literal["low", "medium", "high", "none"] | None,
    typer.Option(
        help="Exit with status 1 if the outlet's own voice has a finding of this level or above, displayed or not.",
        rich_help_panel=_GATES,
    ),
]
BaselineFile = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="Leave out the findings in this file: concise, markdown, sarif and github show new ones alone, and "
        "--fail-level counts no others.",
        rich_help_panel=_GATES,
    ),
]
UpdateBaseline = Annotated[
    bool,
    typer.Option(
        "--update-baseline",
        help="Write the findings to the --baseline file: new ones are added, those that are gone are dropped.",
        rich_help_panel=_GATES,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Use the settings of this file, instead of the bias.toml or pyproject.toml nearest to each article.",
        rich_help_panel=_SETTINGS,
    ),
]
Isolated = Annotated[bool, typer.Option("--isolated", help="Ignore all files of settings.", rich_help_panel=_SETTINGS)]
ShowSettings = Annotated[
    bool,
    typer.Option(
        "--show-settings",
        help="Show the settings for each file and where they come from, and score nothing.",
        rich_help_panel=_SETTINGS,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Pass over files and folders below the named ones that fit; may be repeated, and replaces the settings' "
        "list.",
        rich_help_panel=_SETTINGS,
    ),
]
ForceExclude = Annotated[
    bool,
    typer.Option(
        "--force-exclude",
        help="Pass over excluded files even where they are named themselves, as pre-commit does.",
        rich_help_panel=_SETTINGS,
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
