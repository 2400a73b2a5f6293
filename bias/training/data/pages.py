"""Whole pages with their section, news or opinion: to compare scores with, and to learn the tone of opinion from."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bias.errors import ColumnError, DataError, InputError
from bias.files import MAX_BYTES
from bias.quotation import attribute
from bias.reading import ReadFailure, read_all
from bias.segmentation import segment
from bias.tables import Row, iter_rows
from bias.training.data.examples import Example

SECTIONS = ("news", "opinion")

FEWEST_WORDS = 100
"""Words that a page has at least."""

FEWEST_OF_EACH = 8
"""Pages of each section that an outlet has at least to be learned from."""

LEARNED = 0.5
"""Share of an outlet's pages that are learned from: the others are left to rank scores among, and to measure on."""

SENTENCES = 12
"""Sentences of a page that are learned from at most."""

SHORTEST = 6
"""Words of a sentence that is learned from at least."""

_OPINION = re.compile(
    r"\b(?:opinion|editorial|column|op-ed|commentary|perspective|analysis|guest|letters?|review|blog)\b", re.IGNORECASE
)
_WRITER_FIRST = re.compile(r"^[A-Z][A-Z'’-]+(?: (?:&|and) [A-Z'’-]+)?:\s")
_FURNITURE = re.compile(
    r"^(?:sign up|subscribe|click here|read more|related:|advertisement|copyright|©|all rights reserved|"
    r"get the .{0,40}newsletter|follow .{0,60} on (?:twitter|facebook)|this story has been|share this|photo:|image:)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Page:
    """An article of a reference corpus."""

    text: str
    title: str
    source: str
    section: str
    leaning: str
    outlet: str = ""


def read_pages(path: Path, *, encoding: str = "utf-8", max_bytes: int = MAX_BYTES) -> list[Page]:
    """The pages of a table with the columns `text` and `section`, or of a folder with the folders news/ and opinion/.

    A table may have `title`, `source`, `leaning` and `outlet` too. A folder's files are text, Markdown, HTML, or tables
    of articles.

    Raises:
        InputError: a page or the table cannot be read.
        DataError: a section is neither news nor opinion, or a folder is missing; the message names it.
    """
    if not path.is_dir():
        return [_row_page(path, number, row) for number, row in iter_rows(path, encoding=encoding, max_bytes=max_bytes)]
    missing = [section for section in SECTIONS if not (path / section).is_dir()]
    if missing:
        raise DataError(f"{path}: no folder {' and no folder '.join(missing)}; pages lie in news/ and opinion/")
    pages = []
    for section in SECTIONS:
        for read in read_all([path / section], encoding=encoding, max_bytes=max_bytes):
            if isinstance(read, ReadFailure):
                raise InputError(f"{read.source}: {read.error}") from read.error
            pages.append(Page(read.text, read.title or "", "", section, ""))
    return pages


def _row_page(path: Path, number: int, row: Row) -> Page:
    for name in ("text", "section"):
        if name not in row:
            raise ColumnError(f"{path}: no column {name!r}, only {', '.join(row)}: a reference has text and section")
    section = str(row["section"] or "").strip().casefold()
    if section not in SECTIONS:
        raise DataError(f"{path}:{number}: section is news or opinion, not {row['section']!r}")
    optional = {name: str(row.get(name) or "") for name in ("title", "source", "leaning", "outlet")}
    optional["outlet"] = optional["outlet"] or _host(str(row.get("url") or ""))
    return Page(text=str(row["text"] or ""), section=section, **optional)


def _host(url: str) -> str:
    """The outlet's part of an address: "example.org" of "https://www.example.org/politics/1"."""
    return (urlsplit(url).hostname or "").removeprefix("www.")


def clean(pages: Iterable[Page]) -> list[Page]:
    """Pages fit to compare with: furniture lines dropped, news pages that are marked as opinion left out.

    The section of such corpora comes from the address alone, so columns pass as news; a title that names its writer or
    the genre, or a guest writer as source, gives them away.
    """
    kept = []
    for page in pages:
        opinion_mark = _OPINION.search(f"{page.title[:40]} {page.source} {page.text[:60]}")
        if page.section == "news" and (opinion_mark or _WRITER_FIRST.match(page.title)):
            continue
        lines = [line for line in page.text.splitlines() if not _FURNITURE.match(line.strip())]
        text = "\n".join(lines)
        if len(text.split()) >= FEWEST_WORDS:
            kept.append(replace(page, text=text))
    return kept


def learned_pages(pages: Iterable[Page]) -> tuple[list[Page], list[Page]]:
    """The pages that are learned from: of outlets with both sections, as many of each; and of the other outlets.

    They are drawn with a fixed seed. The rest, at least half of every outlet's, is left to rank scores among and to
    measure on.
    """
    generator = random.Random(0)
    outlets: dict[str, list[Page]] = defaultdict(list)
    for page in pages:
        outlets[page.outlet].append(page)
    both: list[Page] = []
    others: list[Page] = []
    for outlet, found in sorted(outlets.items()):
        parts = [[page for page in found if page.section == section] for section in SECTIONS]
        count = min(map(len, parts))
        if outlet and count >= FEWEST_OF_EACH:
            both += [page for part in parts for page in generator.sample(part, round(LEARNED * count))]
        else:
            others += generator.sample(found, int(LEARNED * len(found)))
    return both, others


def page_examples(rows: Iterable[Mapping[str, Any]]) -> Iterator[Example]:
    """Sentences in the outlets' own voice, their opinion label the section of their page; no other label is known.

    Each outlet gives as many pages of one section as of the other, so that no outlet's name tells the section. A few
    sentences are drawn from every page, with a fixed seed.
    """
    generator = random.Random(0)
    pages = clean(_row_page(Path("rows"), number, dict(row)) for number, row in enumerate(rows, 1))
    for page in learned_pages(pages)[0]:
        yield from _examples(page, generator)


def _examples(page: Page, generator: random.Random) -> Iterator[Example]:
    own = [
        sentence.text
        for sentence in attribute(page.text, segment(page.text))
        if sentence.voice == "outlet" and len(sentence.text.split()) >= SHORTEST
    ]
    for text in generator.sample(own, min(SENTENCES, len(own))):
        yield Example(
            text=text,
            source="pages",
            opinion=float(page.section == "opinion"),
            group=page.title,
            outlet=page.outlet,
            leaning=page.leaning,
        )
