"""`bias score --show-settings`: the settings for each file, as TOML with their origins."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bias.cli.streams import complain
from bias.reporting.marking import one_line

if TYPE_CHECKING:
    from bias.reading import ReadFailure
    from bias.settings import Configuration, InForce

UNSET = {"threshold": "the model's own", "fail_level": '"none"', "fail_above": "no limit"}
"""What a setting without a value means."""


def settings_in_force(
    configuration: Configuration, files: Iterable[Path | Literal["-"] | ReadFailure], stdin_filename: str | None
) -> Iterator[str]:
    """A block of lines for the files that have the same settings, each file a comment above it."""
    blocks: dict[str, list[str]] = {}
    for file in files:
        if file == "-":
            block = _block(configuration.of(stdin_filename))
            blocks.setdefault(block, []).append(stdin_filename or "standard input")
        elif isinstance(file, Path):
            blocks.setdefault(_block(configuration.of(file)), []).append(str(file))
        else:
            complain(f"{file.source}: {file.error}")
    for number, (block, names) in enumerate(blocks.items()):
        yield "\n" if number else ""
        yield from (f"# {one_line(name)}\n" for name in names)
        yield block


def _block(of: InForce) -> str:
    lines = [f"# settings: {one_line(str(of.file)) if of.file else 'no file'}"]
    for item in fields(of.settings):
        value = getattr(of.settings, item.name)
        key = item.name.replace("_", "-")
        shown = f"# {key}: {UNSET[item.name]}" if value is None else f"{key} = {_toml(value)}"
        lines.append(f"{shown}  # {one_line(of.origins.get(item.name, 'default'))}")
    return "".join(f"{line}\n" for line in lines)


def _toml(value: object) -> str:
    """Text, a number or a tuple of texts; JSON's strings are TOML's too."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
