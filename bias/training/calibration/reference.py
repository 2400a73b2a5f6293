"""Percentiles of the score among news pages and opinion pages of a reference corpus: a table or a folder of pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bias.calibration import PRIORS
from bias.detector import Detector
from bias.errors import DataError
from bias.modelfolder import ModelFolder
from bias.quotation import attribute
from bias.scoring import make_report
from bias.segmentation import segment
from bias.training.data.pages import FEWEST_WORDS, SECTIONS, Page, clean
from bias.training.data.splits import is_known
from bias.types import Article, QuotesMode

FEWEST_PAGES = 20
"""Pages of each section that percentiles ask for: fewer tell a rank to no better than five percent."""

MODES: tuple[QuotesMode, ...] = ("separate", "include")


def unread(pages: Iterable[Page], trained: Mapping[str, str]) -> tuple[list[Page], int]:
    """The pages that the model has not seen (`bias.training.data.splits.is_known`), and the number of the others.

    A model scores a page that it knows by heart higher or lower than others of its kind.

    Args:
        trained: fingerprints of the sentences trained on, as `read_seen` gives them.
    """
    found = clean(pages)
    kept = [page for page in found if not is_known([sentence.text for sentence in segment(page.text)], trained)]
    return kept, len(found) - len(kept)


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
