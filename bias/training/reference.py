"""Percentiles of the score among news pages and opinion pages of a reference corpus."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bias.calibration import PRIORS
from bias.detector import Detector
from bias.errors import DataError
from bias.quotation import attribute
from bias.scoring import make_report
from bias.segmentation import segment
from bias.types import Article, QuotesMode

SECTIONS = ("news", "opinion")
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
        if len(text.split()) >= 100:
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


def score_pages(detector: Detector, pages: Iterable[Page]) -> list[dict[str, float | None]]:
    """The score of each page under every stored prior and quotes mode, keyed "prior/quotes"."""
    scores = []
    for page in pages:
        article = Article(page.text)
        predictions = tuple(detector.predict(attribute(page.text, segment(page.text))))
        scores.append(
            {
                f"{prior}/{mode}": make_report(article, predictions, detector.model, prior=prior, quotes=mode).score
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
