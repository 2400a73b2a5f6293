"""`bias corpus`: whole corpora scored, and summed up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

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
from bias.cli.status import ExitStatus, guarded
from bias.cli.streams import complain, note
from bias.errors import MissingExtraError, UsageError
from bias.files import MAX_BYTES

if TYPE_CHECKING:
    from bias.corpus.folder import Done
    from bias.corpus.manifest import Entry

_WORKERS = "Workers"
_GROUPS = "Groups"

_TABLES = (".csv", ".jsonl", ".parquet")
_PICTURES = (".png", ".svg")

RAY_LOCAL = "local"
_ADDRESS = re.compile(r"auto|local|ray://.+|[^\s:/\\]+:\d+")
"""What can stand after --ray; anything else is another argument."""

corpus = typer.Typer(name="corpus", help="Score whole corpora into Parquet tables, and sum them up.")


class _RayCommand(TyperCommand):
    """A command whose option --ray goes with and without an address."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given: list[str] = []
        for place, arg in enumerate(args):
            given.append(arg)
            if arg == "--ray" and not (place + 1 < len(args) and _ADDRESS.fullmatch(args[place + 1])):
                given.append(RAY_LOCAL)
        return super().parse_args(ctx, given)


def run(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IN...",
            help="Parquet, JSONL or CSV files of articles, text, Markdown or HTML files, or folders of such files.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The folder to write; one with an unfinished run of the same goes on.",
            show_default=False,
        ),
    ],
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            metavar="N",
            help="Worker processes, one thread each; one a processor by default. The result is the same.",
            show_default=False,
            rich_help_panel=_WORKERS,
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Have Ray do the work, on this machine or on the cluster at the address.",
            show_default=False,
            rich_help_panel=_WORKERS,
        ),
    ] = None,
    shard_rows: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Articles a file of the output: what is done anew after a kill, and held in memory.",
            rich_help_panel=_WORKERS,
        ),
    ] = 500,
    model: Model = None,
    prior: Prior = "news",
    threshold: Threshold = None,
    quotes: Quotes = "separate",
    text_column: TextColumn = "text",
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    max_bytes: MaxBytes = MAX_BYTES,
    debug: Debug = False,
) -> ExitStatus:
    """Score a corpus into two Parquet tables, of articles and of sentences.

    Stopped at any moment, even by a kill or a full disk, the same command goes on where it was.
    """
    check_prior(prior)
    with _needs_extra():
        from bias.corpus.plan import Settings
        from bias.corpus.run import score_corpus
    settings = Settings(prior, quotes, threshold, text_column, encoding, errors, max_bytes, shard_rows)
    return _report(score_corpus(paths, output, model=model, settings=settings, jobs=jobs, ray=ray, watch=_watch))


def _watch(entries: Iterator[Entry], done: int, total: int) -> Iterator[Entry]:
    """The shards as they are done, in a bar that counts articles."""
    if done:
        note(f"{done:,} of {total:,} articles are there")
    return track(entries, "articles", total, size=lambda entry: entry.articles.rows, done=done, few=0)


def summary(
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="The folder of a finished bias corpus run.", show_default=False)
    ],
    by: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Columns of the articles to group by, with commas between them; year and month come from the date.",
            show_default=False,
        ),
    ],
    date_column: Annotated[
        str, typer.Option(metavar="NAME", help="The column with the date.", rich_help_panel=_GROUPS)
    ] = "date",
    terms: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="How many loaded terms to name that a group uses more often than all others together.",
            rich_help_panel=_GROUPS,
        ),
    ] = 5,
    output_file: Annotated[
        list[Path] | None,
        typer.Option(
            "--output-file",
            "-o",
            metavar="FILE",
            help="Write a table (.csv, .jsonl, .parquet) or a picture (.png, .svg) instead of printing; repeatable.",
            show_default=False,
        ),
    ] = None,
    terms_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the terms with their counts and scores to a .csv, .jsonl or .parquet table.",
            show_default=False,
        ),
    ] = None,
    debug: Debug = False,
) -> ExitStatus:
    """Sum a scored corpus up: mean scores and shares with 95 % intervals, and the loaded terms of each group."""
    files = output_file or []
    for path in files:
        if path.suffix.lower() not in (*_PICTURES, *_TABLES):
            known = ", ".join((*_TABLES, *_PICTURES))
            raise UsageError(f"cannot write {path}: a summary goes to {known}, not {path.suffix or 'nothing'}")
    with _needs_extra():
        from bias.corpus.folder import read_done
        from bias.corpus.summary import summarise
    from bias.output import atomic_write

    names = [name.strip() for name in by.split(",") if name.strip()]
    found = summarise(read_done(output), names, date_column=date_column, terms=terms)
    for path in files:
        if path.suffix.lower() in _TABLES:
            _write_rows(path, found.rows())
        else:
            with atomic_write(path, binary=True) as stream:
                found.plot().savefig(stream, format=path.suffix.lower().removeprefix("."), dpi=200)
    if terms_file is not None:
        _write_rows(terms_file, found.term_rows())
    if not files:
        from rich.console import Console

        from bias.cli.corpus_view import render_summary

        console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
        for part in render_summary(found):
            console.print(part)
    return ExitStatus.DONE


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    from bias.output import row_writer

    with row_writer(path) as writer:
        for row in rows:
            writer.write(row)


def _report(done: Done) -> ExitStatus:
    """Say what has come of it."""
    from bias.reporting.wording import count

    articles = sum(entry.articles.rows for entry in done.entries)
    sentences = sum(entry.sentences.rows for entry in done.entries)
    errors = sum(entry.errors for entry in done.entries)
    note(f"{count(articles - errors, 'article')} with {count(sentences, 'sentence')} in {done.out}")
    if not errors:
        return ExitStatus.DONE
    source, message = done.first_error()
    more = f"; and {errors - 1:,} more, whose rows have an error_message" if errors > 1 else ""
    complain(f"{source}: {message}{more}")
    return ExitStatus.ERROR


@contextmanager
def _needs_extra() -> Iterator[None]:
    """Around imports of the packages of the extra.

    Raises:
        MissingExtraError: one is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "bias":
            raise  # a fault of ours, not a package that is missing
        raise MissingExtraError("bias corpus", "corpus") from error


corpus.command(cls=_RayCommand)(guarded(run))
corpus.command()(guarded(summary))
