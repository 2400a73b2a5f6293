"""All that is wrong with files of terms at once, where reading them stops at the first fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bias.errors import DataError
from bias.lexicon.entries import Entry, entry_of, mirror_fault, read_tables, table_faults
from bias.lexicon.matching import Lexicon, words_of


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a file: in one of its entries, or (None) in the file as a whole."""

    file: Path
    entry: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """How many entries the files have, and their faults in the order of the files."""

    entries: int
    faults: tuple[Fault, ...]


def check_files(paths: Sequence[Path]) -> Checked:
    """The faults of files that make up one lexicon.

    Beyond what reading asks for, the examples must hold: `loaded` is reported for its entry; `plain` has the words of
    the term and is not. They are tried for the entries that are sound otherwise.
    """
    messages: dict[tuple[Path, str | None], list[str]] = {}
    places: dict[str, Path] = {}  # of every id, those of unsound entries too
    entries: dict[str, Entry] = {}
    for path in dict.fromkeys(paths):
        try:
            tables = read_tables(path)
        except DataError as error:
            messages[path, None] = [str(error)]
            continue
        for name, table in tables.items():
            found = messages[path, name] = list(table_faults(name, table))
            if name in places:
                found.append(f"another entry has this id, in {places[name].name}")
            elif not found:
                entries[name] = entry_of(name, table)
            places.setdefault(name, path)

    owners: dict[tuple[str, ...], Entry] = {}
    for entry in entries.values():
        found = messages[places[entry.id], entry.id]
        found += _form_faults(entry, owners)
        if entry.mirror in entries or entry.mirror not in places:  # an unsound mirror has been told of
            found += filter(None, [mirror_fault(entry, entries)])
    lexicon = Lexicon(entry for entry in entries.values() if not messages[places[entry.id], entry.id])
    for entry in lexicon.entries:
        messages[places[entry.id], entry.id] += _example_faults(entry, lexicon)
    return Checked(
        sum(name is not None for _, name in messages),
        tuple(Fault(path, name, message) for (path, name), found in messages.items() for message in found),
    )


def _form_faults(entry: Entry, owners: dict[tuple[str, ...], Entry]) -> Iterator[str]:
    """Forms that cannot be found, or belong to an entry before this one; the others are entered in `owners`."""
    for form in entry.forms:
        words = tuple(word.lower() for word in words_of(form))
        if not words:
            yield f"the form {form!r} has no word"
        elif (other := owners.setdefault(words, entry)) is not entry:
            yield f"{form!r} is a form of [{other.id}] too"


def _example_faults(entry: Entry, lexicon: Lexicon) -> Iterator[str]:
    if not _reports(lexicon, entry.loaded, entry):
        yield f"loaded: the term is not reported in {entry.loaded!r}"
    if entry.plain is None:
        return
    if _reports(lexicon, entry.plain, entry):
        yield f"plain: the term is reported in {entry.plain!r}"
    elif not _reports(Lexicon([replace(entry, unless=(), case_sensitive=False)]), entry.plain, entry):
        yield f"plain: the term does not stand in {entry.plain!r}"


def _reports(lexicon: Lexicon, text: str, entry: Entry) -> bool:
    return any(hit.entry.id == entry.id for hit in lexicon.find(text))
