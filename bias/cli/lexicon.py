"""`bias lexicon`: the loaded terms that are known, why each is one, and whether a file of terms is sound."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bias.cli.options import Debug
from bias.cli.status import ExitStatus
from bias.cli.streams import complain, note
from bias.errors import UsageError
from bias.reporting.marking import excerpt, one_line
from bias.reporting.wording import CATEGORY_NAMES, count
from bias.types import Category

if TYPE_CHECKING:
    from bias.lexicon import Entry, Hit
    from bias.lexicon.checking import Checked

Format = Literal["full", "json", "markdown"]
Row = tuple[str, ...]

_WIDEST = 100
"""Columns of the text that explains an entry; a longer line is hard to read."""


def lexicon(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TERM|FILE]...",
            help="A term in any of its forms, or an entry's id, to explain; any other word is searched for. "
            "With --check, TOML files of terms or folders of them.",
            show_default=False,
        ),
    ] = None,
    category: Annotated[
        Category | None, typer.Option(help="Only entries of this category.", show_default=False)
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="Show which terms stand where in this text.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Check the entries that come with bias, or those of the files: keys, ids and forms given twice, "
            "mirrors, and that every example holds.",
        ),
    ] = False,
    output_format: Annotated[Format, typer.Option(help="Text, a JSON array, or Markdown.")] = "full",
    debug: Debug = False,
) -> ExitStatus:
    """List, explain and check the lexicon of loaded terms.

    Without arguments it lists all entries. A term is not yet a finding: bias score judges it where it stands.

    bias lexicon --category doubt

    bias lexicon regimes

    bias lexicon --text "The regime fell."

    bias lexicon --check mine.toml
    """
    if check:
        if text is not None or category is not None:
            raise UsageError("--check goes with neither --text nor --category")
        return _check([Path(word) for word in words or ()], output_format)
    if text is not None:
        if words:
            raise UsageError(f"--text takes the whole text: put it in quotation marks ({words[0]!r} is left over)")
        _print_hits(text, category, output_format)
        return ExitStatus.DONE

    from bias.lexicon import default_lexicon

    known = default_lexicon()
    phrase = " ".join(words or ()).strip()
    entry = known.lookup(phrase) or next((entry for entry in known.entries if entry.id == phrase.lower()), None)
    if entry is not None and category in (None, entry.category):
        _explain(entry, output_format)
        return ExitStatus.DONE
    found = known.search(phrase) if phrase else tuple(sorted(known.entries, key=lambda entry: entry.term.lower()))
    found = tuple(entry for entry in found if category in (None, entry.category))
    if not found:
        note(f"no entry for {phrase!r}" + (f" in {category}" if category else ""))
    _list(found, output_format)
    return ExitStatus.DONE


def _list(entries: Sequence[Entry], output_format: Format) -> None:
    rows = [(entry.term, CATEGORY_NAMES[entry.category], entry.why) for entry in entries]
    if output_format == "json":
        _print_json([asdict(entry) for entry in entries])
    elif output_format == "markdown":
        _print_table(("Term", "Category", "Why"), rows)
    else:
        _print_columns(rows)


def _explain(entry: Entry, output_format: Format) -> None:
    if output_format == "json":
        _print_json([asdict(entry)])
        return
    if output_format == "markdown":
        print(f"## {_escaped(entry.term)}\n")
        for name, value in _facts(entry):
            print(f"- **{name}:** {_escaped(value)}")
        return
    print(one_line(entry.term))
    facts = tuple(_facts(entry))
    indent = max(len(name) for name, _ in facts) + 4
    width = max(min(shutil.get_terminal_size().columns, _WIDEST), indent + 20)
    for name, value in facts:
        lead = f"  {name}".ljust(indent)
        print(textwrap.fill(one_line(value), width, initial_indent=lead, subsequent_indent=" " * indent))


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    """What an entry says, by names that a reader understands."""
    yield "id", entry.id
    yield "category", CATEGORY_NAMES[entry.category]
    yield "why", entry.why
    yield "instead", ", ".join(entry.alternatives) or "nothing: leave it out"
    yield "forms", ", ".join(entry.forms)
    if entry.case_sensitive:
        yield "case", "only as written"
    yield "reported in", entry.loaded
    if entry.plain is not None:
        yield "not in", entry.plain
    around = [pattern.replace("~", entry.term).replace("*", "...") for pattern in entry.unless if "~" in pattern]
    if around:
        yield "plain in", "; ".join(around)
    if near := [pattern for pattern in entry.unless if "~" not in pattern]:
        yield "plain near", "; ".join(near)
    if entry.aimed is not None:
        yield "aimed at", f"mostly the {entry.aimed}"
    if entry.mirror is not None:
        yield "mirror", entry.mirror
    yield "source", entry.source


def _print_hits(text: str, category: Category | None, output_format: Format) -> None:
    """The terms in a text, by their code-point offsets."""
    from bias.lexicon import default_lexicon

    hits = [hit for hit in default_lexicon().find(text) if category in (None, hit.entry.category)]
    rows = [
        (f"{hit.start}-{hit.end}", text[hit.start : hit.end], CATEGORY_NAMES[hit.entry.category], _advice(hit))
        for hit in hits
    ]
    if output_format == "json":
        _print_json(
            [
                {"start": hit.start, "end": hit.end, "text": text[hit.start : hit.end], "entry": asdict(hit.entry)}
                for hit in hits
            ]
        )
    elif output_format == "markdown":
        _print_table(("Characters", "Term", "Category", "Why"), rows)
    else:
        _print_columns(rows)
    if not hits:
        note("no term of the lexicon stands in this text")


def _advice(hit: Hit) -> str:
    return hit.entry.why + (f" Try {', '.join(hit.entry.alternatives)}." if hit.entry.alternatives else "")


def _check(paths: Sequence[Path], output_format: Format) -> ExitStatus:
    from bias.lexicon.checking import check_files
    from bias.lexicon.entries import SHIPPED

    files = [file for path in paths or [SHIPPED] for file in _files(path)]
    found = check_files(files)
    # Where the package lies is of no use to a reader; the name of the shipped file is.
    rows = [(str(fault.file) if paths else fault.file.name, fault.entry, fault.message) for fault in found.faults]
    if output_format == "json":
        _print_json([{"file": file, "entry": entry, "message": message} for file, entry, message in rows])
    elif output_format == "markdown":
        _print_table(("File", "Entry", "Fault"), [(file, entry or "", message) for file, entry, message in rows])
    else:
        for file, entry, message in rows:
            print(one_line(": ".join(filter(None, (file, entry and f"[{entry}]", message)))))
    if rows:
        complain(f"{_of(found, files)}: {count(len(rows), 'fault')}, listed on standard output")
        return ExitStatus.ERROR
    if output_format == "full":
        print(f"{_of(found, files)}: no fault")
    return ExitStatus.DONE


def _of(found: Checked, files: Sequence[Path]) -> str:
    entries = f"{found.entries} {'entry' if found.entries == 1 else 'entries'}"
    return f"{entries} in {count(len(files), 'file')}"


def _files(path: Path) -> list[Path]:
    """The file, or the files of the folder.

    Raises:
        UsageError: the folder has none.
    """
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.toml"))
    if not files:
        raise UsageError(f"{path}: no *.toml file of terms in this folder")
    return files


def _print_json(rows: Sequence[dict[str, Any]]) -> None:
    print(json.dumps(rows, indent=2))


def _print_columns(rows: Sequence[Row]) -> None:
    """Rows below each other, the last column cut to the terminal's width; uncut in a pipe, to be searched."""
    if not rows:
        return
    widths = [max(len(one_line(cell)) for cell in column) for column in zip(*rows, strict=True)][:-1]
    rest = max(shutil.get_terminal_size().columns - sum(widths) - 2 * len(widths), 20) if sys.stdout.isatty() else None
    for *cells, last in rows:
        lead = "".join(f"{one_line(cell):<{width}}  " for cell, width in zip(cells, widths, strict=True))
        print(lead + (one_line(last) if rest is None else excerpt(last, rest)))


def _print_table(header: Row, rows: Sequence[Row]) -> None:
    if not rows:
        return
    print(f"| {' | '.join(header)} |")
    print(f"|{' --- |' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(map(_escaped, row))} |")


def _escaped(text: str) -> str:
    from bias.reporting.markdown import escaped

    return escaped(text)
