"""`bias score`: articles in, reports out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from bias.cli.gates import Gates
from bias.cli.options import (
    Allow,
    BaselineFile,
    Config,
    Debug,
    Encoding,
    Errors,
    Exclude,
    ExitZero,
    FailAbove,
    FailLevel,
    ForceExclude,
    Isolated,
    MaxBytes,
    MinLevel,
    Model,
    OutputFormat,
    PriorSetting,
    QuotesSetting,
    ShowSettings,
    TextColumn,
    Threshold,
    UpdateBaseline,
    check_prior,
)
from bias.cli.progress import track
from bias.cli.settings_view import settings_in_force
from bias.cli.status import ExitStatus, until_closed
from bias.cli.streams import is_piped, standard_input
from bias.cli.targets import refuse_input
from bias.errors import UsageError
from bias.types import Article, ArticleReport

if TYPE_CHECKING:
    from bias.reading import ReadFailure
    from bias.reporting.records import Outcome
    from bias.settings import Configuration, Settings

FORMATS: dict[str, OutputFormat] = {
    ".csv": "csv",
    ".htm": "html",
    ".html": "html",
    ".json": "json",
    ".jsonl": "jsonl",
    ".markdown": "markdown",
    ".md": "markdown",
    ".sarif": "sarif",
}
"""The format that an output file's suffix asks for."""

PLAIN = frozenset({"", ".log", ".txt"})
"""Suffixes of files that hold the full view."""

STREAMED = frozenset({"full", "concise", "jsonl", "markdown", "github"})
"""Formats whose articles are printed as they come; the others are one document."""

FOR_READERS = frozenset({"full", "concise"})
"""Formats that leave failures to standard error; the others hold a record of each."""


def score(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH|-]...",
            help="Text, Markdown or HTML files, JSONL, CSV or Parquet files of articles, folders of such files, "
            "or - for standard input.",
            show_default=False,
        ),
    ] = None,
    output_format: Annotated[
        OutputFormat | None,
        typer.Option(help="By default what the suffix of the output file says, else full.", show_default=False),
    ] = None,
    output_file: Annotated[
        str | None,
        typer.Option("--output-file", "-o", metavar="FILE", help="Write here instead of to standard output."),
    ] = None,
    min_level: MinLevel = None,
    model: Model = None,
    prior: PriorSetting = None,
    threshold: Threshold = None,
    quotes: QuotesSetting = None,
    allow: Allow = None,
    fail_level: FailLevel = None,
    fail_above: FailAbove = None,
    exit_zero: ExitZero = False,
    baseline: BaselineFile = None,
    update_baseline: UpdateBaseline = False,
    config: Config = None,
    isolated: Isolated = False,
    show_settings: ShowSettings = False,
    exclude: Exclude = None,
    force_exclude: ForceExclude = False,
    stdin_filename: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What to call standard input; its suffix tells the format, its folder the settings.",
            rich_help_panel="Reading",
        ),
    ] = None,
    text_column: TextColumn = "text",
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    max_bytes: MaxBytes = 20_000_000,
    debug: Debug = False,
) -> ExitStatus:
    """Score articles: how much of the outlet's own wording is opinionated, and which words are loaded."""
    if prior is not None:
        check_prior(prior)
    to_file = output_file not in (None, "-")
    chosen = output_format or _format_of(output_file)

    from bias.reading import find_files, read_all
    from bias.settings import Configuration

    given = {
        "prior": prior,
        "threshold": threshold,
        "quotes": quotes,
        "allow": tuple(allow) if allow else None,
        "exclude": tuple(exclude) if exclude else None,
        "min_level": min_level,
        "fail_level": fail_level,
        "fail_above": fail_above,
    }
    set_here = {name: value for name, value in given.items() if value is not None}
    configuration = Configuration(set_here, file=config, isolated=isolated)

    def excluded(path: Path, named: bool) -> bool:
        return (force_exclude or not named) and configuration.excludes(path)

    if show_settings:
        sys.stdout.writelines(settings_in_force(configuration, find_files(paths or ["-"], excluded), stdin_filename))
        return ExitStatus.DONE
    refuse_input(output_file, (file for file in find_files(paths or [], excluded) if isinstance(file, Path)))
    inputs = read_all(
        paths or _piped(),
        encoding=encoding,
        errors=errors,
        max_bytes=max_bytes,
        text_column=text_column,
        stdin=standard_input(),
        stdin_filename=stdin_filename,
        excluded=excluded,
    )
    gates = Gates(baseline, update_baseline)
    outcomes = _score_all(inputs, model, configuration)
    if to_file or not sys.stdout.isatty():
        outcomes = track(outcomes, "articles")

    def passed() -> Iterator[Outcome]:
        for outcome in outcomes:
            shown = gates.passed(outcome, _in_force(configuration, outcome))
            if isinstance(shown, ArticleReport) or chosen not in FOR_READERS:
                yield shown

    with until_closed(), _open_output(output_file if to_file else None) as out:
        for text in _rendered(passed(), chosen, out):
            out.write(text)
            out.flush()
    gates.close()
    return ExitStatus.DONE if exit_zero and gates.status == ExitStatus.EXCEEDED else gates.status


def _format_of(output_file: str | None) -> OutputFormat:
    """The format that the output file's suffix asks for."""
    suffix = Path(output_file or "").suffix.lower()
    if suffix in FORMATS:
        return FORMATS[suffix]
    if suffix in PLAIN:
        return "full"
    known = ", ".join(sorted(filter(None, {*FORMATS, *PLAIN})))
    raise UsageError(f"no format goes by {suffix}: name one with --output-format, or use {known}")


def _piped() -> list[str]:
    """Standard input, in place of the paths that nobody named."""
    if not is_piped():
        raise UsageError("nothing to score: name files or folders (bias score article.txt), or pipe a text in")
    return ["-"]


def _score_all(
    inputs: Iterable[Article | ReadFailure], model: Path | None, configuration: Configuration
) -> Iterator[Outcome]:
    """A report for each article; the model is loaded when the first one has been read."""
    from bias.language import with_warning

    detector = None
    for article in inputs:
        if not isinstance(article, Article):
            yield article
            continue
        chosen = _in_force(configuration, article)
        if detector is None:
            from bias.detector import Detector

            detector = Detector(model)
        yield detector.score(
            with_warning(article),
            prior=chosen.prior,
            threshold=chosen.threshold,
            quotes=chosen.quotes,
            allow=chosen.allow,
        )


def _in_force(configuration: Configuration, of: Article | Outcome) -> Settings:
    """The settings for the file that something was read from."""
    from bias.reading import STDIN
    from bias.reporting.findings import file_of

    file, _ = file_of(of.article.source if isinstance(of, ArticleReport) else of.source)
    return configuration.of(None if file == STDIN else file).settings


def _rendered(outcomes: Iterable[Outcome], output_format: OutputFormat, out: TextIO) -> Iterator[str]:
    """The output in parts: as many as there are outcomes where the format allows, else one."""
    from bias.reporting import renderer

    render = renderer(output_format)
    if output_format == "full":
        from bias.reporting.terminal import Terminal, render_full

        render = partial(render_full, terminal=Terminal.of(out))
    if output_format in STREAMED:
        yield from (render([outcome]) for outcome in outcomes)
    else:
        yield render(list(outcomes))


@contextmanager
def _open_output(path: str | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    from bias.output import atomic_write

    with atomic_write(Path(path)) as file:
        yield file
