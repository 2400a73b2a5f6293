"""Percentiles of the score among news pages and opinion pages of a reference corpus: a table or a folder of pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bias.calibration import PRIORS
from bias.detector import Detector
from bias.errors import ColumnError, DataError, InputError
from bias.files import MAX_BYTES
from bias.modelfolder import ModelFolder
from bias.quotation import attribute
from bias.reading import ReadFailure, read_all
from bias.scoring import make_report
from bias.segmentation import segment
from bias.tables import Row, iter_rows
from bias.types import Article, QuotesMode

SECTIONS = ("news", "opinion")
FEWEST_PAGES = 20
"""Pages of each section that percentiles ask for: fewer tell a rank to no better than five percent."""

FEWEST_WORDS = 100
"""Words that a page has at least."""

MODES: tuple[QuotesMode, ...] = ("separate", "include")

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
    return Page(text=str(row["text"] or ""), section=section, **optional)


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
            kept.append(Page(text, page.title, page.source, page.section, page.leaning, page.outlet))
    return kept


def sample(pages: Sequence[Page], each: int, seed: int) -> list[Page]:
    """At most `each` pages of every section and leaning."""
    generator = np.random.default_rng(seed)
    chosen: list[Page] = []
    for key in sorted({(page.section, page.leaning) for page in pages}):
        cell = [page for page in pages if (page.section, page.leaning) == key]
        order = generator.permutation(len(cell))[:each]
        chosen += [cell[i] for i in order]
    return chosen


def make_reference(
    detector: Detector,
    pages: Sequence[Page],
    name: str,
    *,
    model: ModelFolder | None = None,
    each: int | None = None,
    watch: Callable[[Iterable[Page]], Iterable[Page]] = iter,
) -> dict[str, Any]:
    """The percentiles of pages with the name and size of their corpus, as bias.json holds them.

    Args:
        name: what the pages are, as in "news and opinion pages of NAME".
        model: scores the predictions; None is the detector's own model (another has other maps).
        each: pages of each section and leaning at most, drawn with a fixed seed; None takes all.
        watch: passes the pages on, as a progress bar does.

    Raises:
        DataError: a section has fewer than `FEWEST_PAGES` pages fit to compare with.
    """
    kept = clean(pages)
    kept = kept if each is None else sample(kept, each, seed=0)
    counts = {section: sum(page.section == section for page in kept) for section in SECTIONS}
    for section, count in counts.items():
        if count < FEWEST_PAGES:
            of = sum(page.section == section for page in pages)
            raise DataError(
                f"a reference asks for {FEWEST_PAGES} {section} pages of {FEWEST_WORDS} words or more, and has {count} "
                f"of {of}; news pages that are marked as opinion are left out"
            )
    scores = score_pages(detector, watch(kept), model)
    equally = ", leanings weighted equally" if len({page.leaning for page in kept}) > 1 else ""
    described = f"{counts['news']} news and {counts['opinion']} opinion pages of {name}{equally}"
    return {"corpus": described, "quantiles": quantiles(kept, scores)}


def score_pages(
    detector: Detector, pages: Iterable[Page], model: ModelFolder | None = None
) -> list[dict[str, float | None]]:
    """The score of each page under every stored prior and quotes mode, keyed "prior/quotes"."""
    model = model or detector.model
    scores = []
    for page in pages:
        article = Article(page.text)
        predictions = tuple(detector.predict(attribute(page.text, segment(page.text))))
        scores.append(
            {
                f"{prior}/{mode}": make_report(article, predictions, model, prior=prior, quotes=mode).score
                for prior in PRIORS
                for mode in MODES
            }
        )
    return scores


def quantiles(pages: Sequence[Page], scores: Sequence[dict[str, float | None]]) -> dict[str, Any]:
    """101 percentiles of the score by section, leanings weighted equally, for each prior and quotes mode.

    Raises:
        DataError: a section has no page with a score.
    """
    result: dict[str, dict[str, list[float]]] = {}
    for key in scores[0]:
        for section in SECTIONS:
            rows = [
                (score[key], page.leaning) for page, score in zip(pages, scores, strict=True) if page.section == section
            ]
            values = np.array([value for value, _ in rows if value is not None])
            leanings = np.array([leaning for value, leaning in rows if value is not None])
            if not len(values):
                raise DataError(f"the reference corpus has no page of section {section!r} with a score")
            names, counts = np.unique(leanings, return_counts=True)
            weight = dict(zip(names, 1 / counts, strict=True))
            found = np.quantile(
                values, np.linspace(0, 1, 101), method="inverted_cdf", weights=[weight[name] for name in leanings]
            )
            result.setdefault(key, {})[section] = [round(float(value), 3) for value in found]
    return result
