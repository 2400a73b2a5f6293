"""Whether the score of an article tells opinion pages from news pages: over all outlets, and within each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from bias.detector import Detector
from bias.training.data.pages import SECTIONS, Page
from bias.training.evaluation.measures import Array, Figure, bootstrap
from bias.types import Article

FEWEST = 10
"""Pages of each section from which on an outlet has a figure of its own."""

DRAWS = 500


@dataclass(frozen=True, slots=True)
class ScoredPage:
    """A page with the score of its article (0 to 100)."""

    outlet: str
    section: str
    score: float


def score_each(
    detector: Detector,
    pages: Sequence[Page],
    each: int,
    watch: Callable[[Iterable[Page]], Iterable[Page]] = iter,
) -> list[ScoredPage]:
    """The pages with their scores under `news`, at most `each` of a section of an outlet, drawn with a fixed seed.

    Pages without a sentence of the outlet's own have no score and are left out.
    """
    generator = np.random.default_rng(0)
    chosen: list[Page] = []
    for key in sorted({(page.outlet, page.section) for page in pages}):
        cell = [page for page in pages if (page.outlet, page.section) == key]
        chosen += [cell[i] for i in generator.permutation(len(cell))[:each]]
    scored = ((page, detector.score(Article(page.text)).score) for page in watch(chosen))
    return [ScoredPage(page.outlet, page.section, score) for page, score in scored if score is not None]


def page_figures(pages: Sequence[ScoredPage]) -> dict[str, Any]:
    """AUROC of the score for opinion against news, with 95 % intervals by bootstrap over pages.

    `overall` takes all pages together, so that it also tells outlets apart which print more of one kind. `within` is
    the mean over the outlets that have `FEWEST` pages of both, each held against itself alone; `outlets` has them one
    by one.
    """
    counts = Counter((page.outlet, page.section) for page in pages)
    names = sorted({page.outlet for page in pages if page.outlet})
    both = [name for name in names if min(counts[name, section] for section in SECTIONS) >= FEWEST]
    rows = {name: np.array([i for i, page in enumerate(pages) if page.outlet == name]) for name in both}
    opinion = np.array([page.section == "opinion" for page in pages])
    scores = np.array([page.score for page in pages])

    def auroc(chosen: Array) -> float:
        labels = opinion[chosen]
        return float(roc_auc_score(labels, scores[chosen])) if labels.any() and not labels.all() else float("nan")

    def within(chosen: Array) -> float:
        members = Counter(chosen.tolist())
        each = [auroc(np.repeat(own, [members[i] for i in own.tolist()])) for own in rows.values()]
        return float(np.nanmean(each))

    def figure(statistic: Callable[[Array], float], of: Array) -> Figure:
        return bootstrap(lambda chosen: statistic(of[chosen]), [str(i) for i in of.tolist()], DRAWS)

    everything = np.arange(len(pages))
    return {
        "pages": {section: sum(page.section == section for page in pages) for section in SECTIONS},
        "overall": figure(auroc, everything),
        "within": figure(within, np.concatenate(list(rows.values()))) if rows else None,
        "outlets": {
            name: {"pages": {s: counts[name, s] for s in SECTIONS}, "auroc": figure(auroc, own)}
            for name, own in rows.items()
        },
    }
