"""The entries of a lexicon, and how they are read from TOML.

A file of terms gives defaults for its entries first, then one table an entry, named by its id:

    category = "loaded_language"
    source = "own judgement"

    [ram-through]
    term = "ram through"
    inflect = "verb"
    why = "Says that a vote was forced, where it may only have been quick."
    alternatives = ["pass", "approve"]
    loaded = "The majority rammed through the budget before dawn."
    plain = "The icebreaker rammed through the ice to reach the station."
    unless = ["~ the ice"]

`term`, `why`, `alternatives` and `loaded` are required, as are `category` and `source` unless they are defaults. An
`unless` pattern describes where the term is plain. With a `~`, which stands for the term, it is the words directly
around it, a `*` standing for any one word ("~ * door"). Without one, it is words that stand near it on either side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import tomli

from bias.errors import DataError
from bias.lexicon.inflection import Inflection, inflect
from bias.types import CATEGORIES, Category

Aim = Literal["left", "right"]

SHIPPED = Path(__file__).parent / "terms"
"""The folder of the terms that come with the package."""

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TEXTS = frozenset({"term", "why", "source", "loaded", "plain", "category", "inflect", "aimed", "mirror"})
_LISTS = frozenset({"forms", "alternatives", "unless"})
_REQUIRED = ("term", "category", "why", "alternatives", "source", "loaded")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "category": CATEGORIES,
    "inflect": get_args(Inflection),
    "aimed": get_args(Aim),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A loaded term: what it does to a reader, and what could stand there instead.

    `forms` are all that is found: the base form `term` first, its inflections, and close synonyms that call for the
    same remark. `alternatives` may be empty where the remedy is to leave the term out. `source` names the kind of
    guidance that it follows. `loaded` is an example in which the term is reported, `plain` one in which the same words
    are not. `aimed` names the political side that it is usually used against, and `mirror` is the id of its
    counterpart against the other side.
    """

    id: str
    term: str
    forms: tuple[str, ...]
    category: Category
    why: str
    alternatives: tuple[str, ...]
    source: str
    loaded: str
    plain: str | None = None
    unless: tuple[str, ...] = ()
    case_sensitive: bool = False
    aimed: Aim | None = None
    mirror: str | None = None


def read_entries(folder: Path) -> tuple[Entry, ...]:
    """The entries of all TOML files in a folder, in the order of file names and then of the file.

    Raises:
        DataError: there is no such file, or one is not valid; the message names file, entry and fault.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise DataError(f"{folder}: no lexicon here, expected *.toml files of terms")
    entries: dict[str, Entry] = {}
    for path in paths:
        for entry in _read_file(path):
            if entry.id in entries:
                raise DataError(f"{path.name}: [{entry.id}]: another entry has this id")
            entries[entry.id] = entry
    for entry in entries.values():
        if fault := mirror_fault(entry, entries):
            raise DataError(f"{folder.name}: [{entry.id}]: {fault}")
    return tuple(entries.values())


def read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a file of terms by their ids, each with the defaults of the file.

    Raises:
        DataError: the file cannot be read as TOML, or has an unknown default. The message does not name the file.
    """
    try:
        content = tomli.loads(path.read_text(encoding="utf-8"))
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not valid TOML: {error}") from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from error
    defaults = {key: value for key, value in content.items() if not isinstance(value, dict)}
    if unknown := defaults.keys() - {"category", "source"}:
        raise DataError(f"unknown default {min(unknown)!r}, only category and source have one")
    return {name: defaults | table for name, table in content.items() if isinstance(table, dict)}


def table_faults(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    """What keeps a table from being an entry, a line for each fault."""
    if not _ID.fullmatch(name):
        yield "an id is lower-case words joined by hyphens"
    for key in _REQUIRED:
        if key not in table:
            yield f"{key} is missing"
    for key, value in table.items():
        if key in _TEXTS:
            valid, expected = isinstance(value, str) and bool(value.strip()), "text"
        elif key in _LISTS:
            valid = isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)
            expected = "a list of texts"
        elif key == "case_sensitive":
            valid, expected = isinstance(value, bool), "true or false"
        else:
            yield f"unknown key {key!r}"
            continue
        if not valid:
            yield f"{key} must be {expected}"
        elif key in _CHOICES and value not in _CHOICES[key]:
            yield f"{key} must be one of {', '.join(_CHOICES[key])}, not {value!r}"


def entry_of(name: str, table: Mapping[str, Any]) -> Entry:
    """The entry of a table without faults."""
    return Entry(
        id=name,
        term=table["term"],
        forms=tuple(dict.fromkeys((*inflect(table["term"], table.get("inflect", "none")), *table.get("forms", ())))),
        category=table["category"],
        why=table["why"],
        alternatives=tuple(table["alternatives"]),
        source=table["source"],
        loaded=table["loaded"],
        plain=table.get("plain"),
        unless=tuple(table.get("unless", ())),
        case_sensitive=table.get("case_sensitive", False),
        aimed=table.get("aimed"),
        mirror=table.get("mirror"),
    )


def mirror_fault(entry: Entry, entries: Mapping[str, Entry]) -> str | None:
    """What is wrong with the mirror of an entry among `entries` by their ids; None if nothing is."""
    other = entries.get(entry.mirror) if entry.mirror is not None else None
    if entry.mirror is None or (other is not None and other.id != entry.id and other.mirror == entry.id):
        return None
    return "mirror must name another entry that names this one as its own"


def _read_file(path: Path) -> Iterator[Entry]:
    try:
        tables = read_tables(path)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error
    for name, table in tables.items():
        for fault in table_faults(name, table):
            raise DataError(f"{path.name}: [{name}]: {fault}")
        yield entry_of(name, table)
