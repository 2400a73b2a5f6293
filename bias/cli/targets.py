"""Files that a command writes: never over what it reads, nor unasked over what people fill in or correct."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from bias.errors import OutputError, UsageError

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Write over the file, though someone may have worked on it.")
]


def new_file(name: str | None, overwrite: bool, suffixes: Sequence[str]) -> Path | None:
    """The file to write; None is standard output (no name, or `-`).

    Raises:
        UsageError: it is there already and `overwrite` was not asked for, or has another suffix.
        OutputError: there is no folder to put it in.
    """
    if name is None or name == "-":
        return None
    path = Path(name)
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"cannot write {path}: name a file that ends in {' or '.join(suffixes)}")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already, perhaps with someone's work: name another, or pass --overwrite")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}")
    return path


def refuse_input(output: str | None, inputs: Iterable[Path]) -> None:
    """Keep a command from replacing what it reads by what it makes of it; None or `-` is standard output.

    Raises:
        UsageError: the file to write is one of the inputs, by whatever name.
    """
    if output is None or output == "-" or not Path(output).is_file():
        return
    if any(path.is_file() and path.samefile(output) for path in inputs):
        raise UsageError(f"{output} is among what is read, and would be lost: write to another file")
