"""`bias review`: a local page to look at reports and correct them, and what becomes of the corrections."""

from __future__ import annotations

import getpass
import re
import secrets
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

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
from bias.cli.streams import complain, note, standard_input
from bias.cli.targets import Overwrite, new_file
from bias.errors import MissingExtraError, UsageError
from bias.files import MAX_BYTES
from bias.types import Article

_LABELS = "Verdicts"
_SERVER = "Server"

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this machine reaches."""

MAX_REQUEST = 2_000_000
"""Bytes of a text that the page may send."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}")


def review(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="The queue: files, tables and folders of articles, as bias score reads them. More can be pasted or "
            "dropped on the page.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Where verdicts are kept; a file that is there goes on.", rich_help_panel=_LABELS
        ),
    ] = Path("review.jsonl"),
    reviewer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Whose verdicts they are; the user of this machine by default.",
            rich_help_panel=_LABELS,
        ),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Start no page: write what --labels holds as a .jsonl file for bias train, or - for standard output.",
            rich_help_panel=_LABELS,
        ),
    ] = None,
    agreement: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Start no page: tell how far --labels and this file of another reviewer agree.",
            rich_help_panel=_LABELS,
        ),
    ] = None,
    overwrite: Overwrite = False,
    model: Model = None,
    prior: Prior = "news",
    threshold: Threshold = None,
    quotes: Quotes = "separate",
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where to listen. Any other than this machine's own is protected by a token.",
            rich_help_panel=_SERVER,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="0 takes a free one.", rich_help_panel=_SERVER)
    ] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            envvar="BIAS_REVIEW_TOKEN",
            help="What a caller has to show; made up for another --host if none is given.",
            rich_help_panel=_SERVER,
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, open nothing.", rich_help_panel=_SERVER)
    ] = False,
    text_column: TextColumn = "text",
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    max_bytes: MaxBytes = MAX_BYTES,
    debug: Debug = False,
) -> ExitStatus:
    """Look at articles on a local page, accept or correct each mark, and train on the outcome.

    Every verdict is on the disk before the page says so. Nothing is sent anywhere.
    """
    if export is not None or agreement is not None:
        if paths or (export is not None and agreement is not None):
            raise UsageError("--export and --agreement each go by themselves, with --labels alone")
        return _export(labels, str(export), overwrite) if export is not None else _agree(labels, Path(str(agreement)))
    check_prior(prior)
    token = _checked_token(host, token)
    try:
        from bias.review import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "bias":
            raise  # a fault of ours, not a package that is missing
        raise MissingExtraError("bias review", "review") from error
    from bias.detector import Detector
    from bias.reading import read_all
    from bias.review.desk import Desk, Settings
    from bias.review.store import Store

    status = ExitStatus.DONE
    inputs = read_all(
        paths or [],
        encoding=encoding,
        errors=errors,
        max_bytes=max_bytes,
        text_column=text_column,
        stdin=standard_input(),
    )

    def queue() -> Iterator[Article]:
        nonlocal status
        for found in track(inputs, "articles"):
            if isinstance(found, Article):
                yield found
            else:
                status = ExitStatus.ERROR
                complain(f"{found.source}: {found.error}")

    with server.open_socket(host, port) as opened, Store(labels) as store:
        settings = Settings(prior=prior, quotes=quotes, threshold=threshold)
        desk = Desk(Detector(model), store, reviewer or _user(), queue(), settings)
        address = server.address_of(opened, host, token)

        def ready() -> None:
            note(f"Review: {address}")
            note(f"Verdicts of {desk.reviewer} go to {labels}. Ctrl+C ends it.")
            if not no_browser:
                webbrowser.open(address)

        server.serve(desk, opened, host, token, MAX_REQUEST, ready)
    return status


def _checked_token(host: str, token: str | None) -> str:
    """The token to ask for; empty where none is needed.

    Raises:
        UsageError: one that can be guessed or cannot stand in an address.
    """
    if token is not None and not _TOKEN.fullmatch(token):
        raise UsageError("a token is 16 or more letters, digits, - and _; without --token a good one is made up")
    return token or ("" if host in LOCAL else secrets.token_urlsafe(24))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError("this machine's user has no name: say who reviews with --reviewer") from error


def _export(labels: Path, target: str, overwrite: bool) -> ExitStatus:
    from bias.output import JsonLinesWriter, row_writer
    from bias.reporting.wording import count
    from bias.review.corrections import to_examples
    from bias.review.store import read_corrections

    path = new_file(target, overwrite, (".jsonl",))
    rows = to_examples(read_corrections(labels))
    if path is None:
        for row in rows:
            JsonLinesWriter(sys.stdout).write(row)
    else:
        with row_writer(path) as writer:
            for row in rows:
                writer.write(row)
    note(count(len(rows), "sentence") + (f" to {path}: bias train {path} -o DIR" if path else ""))
    return ExitStatus.DONE


def _agree(labels: Path, other: Path) -> ExitStatus:
    from bias.review.agreement import agreement
    from bias.review.store import read_corrections

    found = agreement(read_corrections(labels), read_corrections(other))
    lines = {
        "Sentences that both judged": f"{found.sentences:,}",
        "Same label": f"{100 * found.share:.0f} %",
        "Cohen's kappa": "none: all have one label" if found.kappa is None else f"{found.kappa:.2f}",
        "Loaded words (F1)": "none marked by both" if found.words is None else f"{found.words:.2f}",
    }
    for name, value in lines.items():
        print(f"{name:<28}{value}")
    return ExitStatus.DONE
