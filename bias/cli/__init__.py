"""The command `bias`: one module a command; each parses, calls the library, prints, and returns its exit status."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, NoReturn

import typer
from typer.main import get_command

from bias import __version__
from bias.cli.status import ExitStatus, guarded
from bias.cli.streams import complain, prepare

EXAMPLES = """
Examples:

  bias score article.txt                    an article with its loaded words

  bias score drafts/ -o report.html         a page for a folder of articles

  bias score --fail-above 30 story.md       a check before publishing

  bias score --fail-level high drafts/      the same, by single findings

  bias predict rows.csv -o scored.csv       sentences, one row each

  bias corpus run news.parquet -o scored    a corpus, to Parquet tables

  bias lexicon regime                       why a term is loaded, and what to write

  bias info                                 the model, its licence and figures
"""

COMMANDS = (
    "score",
    "predict",
    "info",
    "lexicon",
    "train",
    "evaluate",
    "calibrate",
    "export",
    "audit",
    "suggest",
    "review",
    "bench",
    "corpus",
)
"""In the order of the help, each by the name of its module and of what it holds: a function, or a group of its own."""

AT_ONCE = frozenset({"score", "predict", "info", "lexicon"})
"""Commands that have closed what they opened, and flushed what they wrote, once `main` returns."""


def make_app(commands: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command with all that it can do, or with some: one that is called alone is ready sooner."""
    app = typer.Typer(
        name="bias",
        help="Detect bias and loaded language in news.\n\nIt measures wording, never left or right, true or false.",
        epilog=EXAMPLES,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=_options,
    )
    for name in commands:
        command = getattr(import_module(f"bias.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command)
        else:
            app.command()(guarded(command))
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"bias {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def run() -> NoReturn:
    """The command as a shell starts it: `main`, at the least cost of starting and ending Python.

    Cycles among objects are looked for less often, and a command that holds nothing open ends without taking down
    every object in memory, as mypy does: together a quarter of the time of a short one. The threads that read texts
    keep all processors busy, so the tokenizer starts none of its own.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    gc.set_threshold(100_000, 20, 20)
    status = main()
    if sys.argv[1:2] and sys.argv[1] in AT_ONCE:
        os._exit(status)
    sys.exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; `argv` is without the program's name, and `sys.argv[1:]` by default.

    Returns:
        The exit status (`ExitStatus`).
    """
    prepare()
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    return int(guarded(_run)(arguments))


def _run(arguments: list[str]) -> ExitStatus:
    """The command, or the help: that is guarded here alone."""
    try:
        named = arguments[:1] if arguments[0] in COMMANDS else COMMANDS
        status = get_command(make_app(named)).main(arguments, prog_name="bias", standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)  # errors of usage have one
        complain(f"{error.format_message()} (see {context.command_path if context else 'bias'} --help)")
        status = ExitStatus.ERROR
    return ExitStatus(status or ExitStatus.DONE)
