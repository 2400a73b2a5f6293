"""The command `bias`: one module a command; each parses, calls the library, prints, and returns its exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from bias import __version__
from bias.cli.audit import audit
from bias.cli.bench import bench
from bias.cli.calibrate import calibrate
from bias.cli.corpus import corpus
from bias.cli.evaluate import evaluate
from bias.cli.export import export
from bias.cli.info import info
from bias.cli.lexicon import lexicon
from bias.cli.predict import predict
from bias.cli.review import review
from bias.cli.score import score
from bias.cli.status import ExitStatus, guarded
from bias.cli.streams import complain, prepare
from bias.cli.suggest import suggest
from bias.cli.train import train

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

app = typer.Typer(
    name="bias",
    help="Detect bias and loaded language in news.\n\nIt measures wording, never left or right, true or false.",
    epilog=EXAMPLES,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (score, predict, info, lexicon, train, evaluate, calibrate, export, audit, suggest, review, bench):
    app.command()(guarded(command))
app.add_typer(corpus)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"bias {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


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
        status = get_command(app).main(arguments, prog_name="bias", standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)  # errors of usage have one
        complain(f"{error.format_message()} (see {context.command_path if context else 'bias'} --help)")
        status = ExitStatus.ERROR
    return ExitStatus(status or ExitStatus.DONE)
