"""`bias score`: articles in, reports out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from bias.cli.options import (
    Debug,
    Encoding,
    Errors,
    ExitZero,
    FailAbove,
    MaxBytes,
    Model,
    OutputFormat,
    Prior,
    Quotes,
    TextColumn,
    Threshold,
    check_prior,
)
from bias.cli.progress import track
from bias.cli.status import ExitStatus, until_closed
from bias.cli.streams import complain, is_piped, standard_input
from bias.errors import UsageError
from bias.types import Article, ArticleReport, QuotesMode

if TYPE_CHECKING:
    from bias.reading import ReadFailure
    from bias.reporting.records import Outcome

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
    model: Model = None,
    prior: Prior = "news",
    threshold: Threshold = None,
    quotes: Quotes = "separate",
    fail_above: FailAbove = None,
    exit_zero: ExitZero = False,
    stdin_filename: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What to call standard input; its suffix tells the format."),
    ] = None,
    text_column: TextColumn = "text",
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    max_bytes: MaxBytes = 20_000_000,
    debug: Debug = False,
) -> ExitStatus:
    """Score articles: how much of the outlet's own wording is opinionated, and which words are loaded."""
    check_prior(prior)
    to_file = output_file not in (None, "-")
    chosen = output_format or _format_of(output_file)

    from bias.reading import read_all

    inputs = read_all(
        paths or _piped(),
        encoding=encoding,
        errors=errors,
        max_bytes=max_bytes,
        text_column=text_column,
        stdin=standard_input(),
        stdin_filename=stdin_filename,
    )
    outcomes = _score_all(inputs, model, prior=prior, threshold=threshold, quotes=quotes)
    if to_file or not sys.stdout.isatty():
        outcomes = track(outcomes, "articles")
    status = ExitStatus.DONE

    def watched() -> Iterator[Outcome]:
        nonlocal status
        for outcome in outcomes:
            verdict, line = _verdict(outcome, fail_above)
            status = max(status, verdict)
            if line:
                complain(line)
            if verdict != ExitStatus.ERROR or chosen not in FOR_READERS:
                yield outcome

    with until_closed(), _open_output(output_file if to_file else None) as out:
        for text in _rendered(watched(), chosen, out):
            out.write(text)
            out.flush()
    return ExitStatus.DONE if exit_zero and status == ExitStatus.EXCEEDED else status


def _format_of(output_file: str | None) -> OutputFormat:
    """The format that the output file's suffix asks for."""
    suffix = Path(output_file or "").suffix.lower()
    if suffix in FORMATS:
        return FORMATS[suffix]
    if suffix in PLAIN:
        return "full"
    known = ", ".join(sorted({*FORMATS, *PLAIN}))
    raise UsageError(f"no format goes by {suffix}: name one with --output-format, or use {known}")


def _piped() -> list[str]:
    """Standard input, in place of the paths that nobody named."""
    if not is_piped():
        raise UsageError("nothing to score: name files or folders (bias score article.txt), or pipe a text in")
    return ["-"]


def _score_all(
    inputs: Iterable[Article | ReadFailure],
    model: Path | None,
    *,
    prior: str,
    threshold: float | None,
    quotes: QuotesMode,
) -> Iterator[Outcome]:
    """A report for each article; the model is loaded when the first one has been read."""
    from bias.language import NOT_ENGLISH, looks_english

    detector = None
    for article in inputs:
        if not isinstance(article, Article):
            yield article
            continue
        if not looks_english(article.text):
            article = replace(article, warnings=(*article.warnings, NOT_ENGLISH))
        if detector is None:
            from bias.detector import Detector

            detector = Detector(model)
        yield detector.score(article, prior=prior, threshold=threshold, quotes=quotes)


def _verdict(outcome: Outcome, fail_above: float | None) -> tuple[ExitStatus, str]:
    """The status that one outcome asks for, and what there is to say of it."""
    if not isinstance(outcome, ArticleReport):
        return ExitStatus.ERROR, f"{outcome.source}: {outcome.error}"
    if fail_above is not None and outcome.score is not None and outcome.score > fail_above:
        return ExitStatus.EXCEEDED, f"{outcome.article.source}: score {outcome.score:.1f} is above {fail_above:g}"
    return ExitStatus.DONE, ""


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
