"""What each way of training comes to: figures of its folds, and how they differ from the first way's, paired."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from bias.blinding import names_in, renamed
from bias.detector import Detector
from bias.evidence import evidence
from bias.quotation import attribute
from bias.scoring import find_terms
from bias.segmentation import segment
from bias.training.calibration.calibrate import BALANCED
from bias.training.calibration.fitting import best_f1_threshold, fit_logistic, log_odds_of, macro_f1_threshold
from bias.training.calibration.newsmap import fit_news, news_probabilities, read_news
from bias.training.checklist.capabilities import Insertion, Statement, own_checklist, read_checklist
from bias.training.data.basil import AnnotatedArticle
from bias.training.data.examples import Example, article_groups, as_sentence
from bias.training.data.pages import SECTIONS, Page, learned_pages
from bias.training.evaluation.measures import Array, Figure, calibration_error, f1_of_counts, word_counts
from bias.training.evaluation.measures import precision_at_recall as precision_at
from bias.training.evaluation.resampling import cluster_draws
from bias.training.shipped.ways import Way
from bias.types import Prediction, Sentence

SWAPS: Mapping[str, tuple[str, ...]] = {
    "parties": ("parties", "camps"),
    "places": ("countries", "states", "cities"),
    "pronouns": ("genders",),
    "names": ("politicians", "faiths", "origins", "media"),
}
"""Kinds of swapped names, by what is told of them."""

PAGES = 20
"""Pages of each section that an outlet is measured on at most."""

NOTHING = -12.0
"""Logit of a sentence in which the outlet says nothing of its own."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Material:
    """What every way is measured on, beside the part of BABE that its fold left out."""

    articles: Sequence[AnnotatedArticle]
    pages: Sequence[Page]


def sample_pages(pages: Sequence[Page], seed: int = 0) -> list[Page]:
    """`PAGES` pages of each section of every outlet that has as many of both, none of them learned from."""
    both, others = learned_pages(pages)
    learned = {id(page) for page in (*both, *others)}
    cells: dict[str, dict[str, list[Page]]] = defaultdict(lambda: {section: [] for section in SECTIONS})
    for page in pages:
        if page.outlet and id(page) not in learned:
            cells[page.outlet][page.section].append(page)
    generator = random.Random(seed)
    fit = [parts for _, parts in sorted(cells.items()) if min(map(len, parts.values())) >= PAGES]
    return [page for parts in fit for part in parts.values() for page in generator.sample(part, PAGES)]


def measure(detector: Detector, held: Sequence[Example], material: Material) -> dict[str, Rows]:
    """Rows by measure, each with the `group` that it is drawn with; plain values, to be kept as JSON.

    Maps and thresholds of the balanced figures are fitted on the other articles of the part held out.
    """
    groups = article_groups(held)
    predictions = list(detector.predict(as_sentence(example.text) for example in held))
    found = [evidence(p.written, find_terms(p.sentence)) for p in predictions]
    labels = np.array([int(example.label or 0) for example in held])
    probabilities, flags = np.zeros(len(held)), np.zeros(len(held), dtype=int)
    for train, test in GroupKFold(5, shuffle=True, random_state=0).split(found, groups=groups):
        fitted = fit_logistic([found[i] for i in train], labels[train], BALANCED, share=0.5)
        of_train, of_test = (expit(log_odds_of(fitted, [found[i] for i in part])) for part in (train, test))
        probabilities[test] = of_test
        flags[test] = of_test >= macro_f1_threshold(of_train, labels[train])
    sentences = [
        {"group": group, "label": int(label), "probability": float(p), "flag": int(flag)}
        for group, label, p, flag in zip(groups, labels, probabilities, flags, strict=True)
    ]
    fitted = fit_logistic(found, labels, BALANCED, share=0.5)
    cut = macro_f1_threshold(expit(log_odds_of(fitted, found)), labels)

    def flagged(sentence: Sentence, prediction: Prediction) -> int:
        if prediction.outlet is None:
            return 0
        return int(expit(log_odds_of(fitted, [evidence(prediction.outlet, find_terms(sentence))]))[0] >= cut)

    def flag(texts: Iterable[str]) -> list[int]:
        return [flagged(p.sentence, p) for p in detector.predict(map(as_sentence, texts))]

    return {
        "sentences": sentences,
        "words": _words(held, groups, predictions),
        "swaps": _swaps(held, groups, flag),
        "cases": _cases(flag),
        "articles": _articles(detector, material.articles),
        "pages": _pages(detector, material.pages, fitted),
    }


def _words(held: Sequence[Example], groups: Sequence[str], predictions: Sequence[Prediction]) -> Rows:
    """Counts of the words of biased sentences, the threshold from the other half of the articles."""
    known = [i for i, example in enumerate(held) if example.label and example.spans]
    logits = {i: np.array([word.logit for word in predictions[i].words]) for i in known}
    marked = {
        i: np.array([any(a < w.end and w.start < b for a, b in held[i].spans or ()) for w in predictions[i].words])
        for i in known
    }
    rows: Rows = []
    for train, test in GroupKFold(2, shuffle=True, random_state=0).split(known, groups=[groups[i] for i in known]):
        chosen = [known[i] for i in train]
        joined = expit(np.concatenate([logits[i] for i in chosen]))
        cut = best_f1_threshold(joined, np.concatenate([marked[i] for i in chosen]))
        for i in (known[i] for i in test):
            counts = word_counts((expit(logits[i]) >= cut).tolist(), marked[i].tolist())
            rows.append({"group": groups[i], "counts": list(counts)})
    return rows


def _swaps(held: Sequence[Example], groups: Sequence[str], flag: Callable[[Iterable[str]], list[int]]) -> Rows:
    """Whether the flag of a sentence changes with the names in it."""
    before = flag(example.text for example in held)
    generator = random.Random(5)
    rows: Rows = []
    texts = []
    for kind, names in SWAPS.items():
        for i, example in enumerate(held):
            for other in filter(None, (swapped(example.text, name, generator) for name in names)):
                texts.append(other)
                rows.append({"group": groups[i], "kind": kind, "before": before[i]})
    return [
        {"group": row["group"], "kind": row["kind"], "changed": int(after != row["before"])}
        for row, after in zip(rows, flag(texts), strict=True)
    ]


def swapped(text: str, kind: str, generator: random.Random) -> str | None:
    """The text with the names of one set replaced by others of the set; None where it has none."""
    names = [name for name in names_in(text) if name.of.name == kind]
    if not names:
        return None
    present = list(dict.fromkeys(name.series for name in names))
    full = [i for i, series in enumerate(names[0].of.series) if len(series) >= len(names[0].of.series[0]) - 1]
    others = [i for i in full if i not in present]
    generator.shuffle(others)
    turned = present[1:] + present[:1] if len(present) > 1 else []
    new = turned if turned and (len(others) < len(present) or generator.random() < 0.5) else others[: len(present)]
    return renamed(text, names, {kind: dict(zip(present, new, strict=True))}).text


def _cases(flag: Callable[[Iterable[str]], list[int]]) -> Rows:
    """Flags of the checklist's statements, and of the plain sentences with a loaded or an ordinary word put in."""
    texts = []
    for capability in read_checklist(own_checklist()):
        for case in capability.cases:
            if isinstance(case, Statement):
                texts.append((f"{capability.name}-{case.label}", case.text))
            elif isinstance(case, Insertion):
                texts += [("insertion-opinionated", case.loaded), ("insertion-neutral", case.control)]
    flags = flag(text for _, text in texts)
    return [
        {"group": str(i), "kind": kind, "flag": found}
        for i, ((kind, _), found) in enumerate(zip(texts, flags, strict=True))
    ]


def _articles(detector: Detector, articles: Sequence[AnnotatedArticle]) -> Rows:
    """Sentences of whole articles, each event by maps fitted on the others."""
    rows = read_news(detector, articles)
    own = np.zeros(len(rows))
    events = [row.event for row in rows]
    for train, test in GroupKFold(5, shuffle=True, random_state=0).split(rows, groups=events):
        maps = fit_news([rows[i] for i in train])
        own[test] = news_probabilities(maps, [rows[i] for i in test])[1]
    return [
        {"group": row.event, "label": row.outlets_own, "probability": float(p)}
        for row, p in zip(rows, own, strict=True)
    ]


def _pages(detector: Detector, pages: Sequence[Page], fitted: Mapping[str, Any]) -> Rows:
    """The mean balanced probability of each page's own sentences."""
    rows: Rows = []
    for number, page in enumerate(pages):
        predictions = [p for p in detector.predict(attribute(page.text, segment(page.text))) if p.outlet is not None]
        found = [evidence(p.outlet, find_terms(p.sentence)) for p in predictions if p.outlet is not None]
        score = float(expit(log_odds_of(fitted, found)).mean()) if found else 0.0
        rows.append({"group": str(number), "outlet": page.outlet, "opinion": page.section == "opinion", "score": score})
    return rows


# Figures of rows


def _rate(key: str, kind: str) -> Callable[[Rows], float]:
    def rate(rows: Rows) -> float:
        found = [row[key] for row in rows if row["kind"] == kind]
        return float(np.mean(found)) if found else float("nan")

    return rate


def _column(rows: Rows, name: str) -> Array:
    return np.array([row[name] for row in rows])


def _macro_f1(rows: Rows) -> float:
    labels, flags = _column(rows, "label"), _column(rows, "flag")
    positive = 2 * (labels & flags).sum() / max((labels + flags).sum(), 1)
    negative = 2 * ((1 - labels) & (1 - flags)).sum() / max((2 - labels - flags).sum(), 1)
    return float(positive + negative) / 2


def _auroc(rows: Rows) -> float:
    return float(roc_auc_score(_column(rows, "label"), _column(rows, "probability")))


def _average_precision(rows: Rows) -> float:
    return float(average_precision_score(_column(rows, "label"), _column(rows, "probability")))


def _pages_auroc(rows: Rows) -> float:
    """Mean over the outlets."""
    values = []
    for outlet in sorted({row["outlet"] for row in rows}):
        of = [row for row in rows if row["outlet"] == outlet]
        labels = _column(of, "opinion")
        if labels.any() and not labels.all():
            values.append(roc_auc_score(labels, _column(of, "score")))
    return float(np.mean(values)) if values else float("nan")


MEASURED: Mapping[str, tuple[str, Callable[[Rows], float]]] = {
    "macro_f1": ("sentences", _macro_f1),
    "auroc": ("sentences", _auroc),
    "calibration_error": (
        "sentences",
        lambda rows: calibration_error(_column(rows, "label"), _column(rows, "probability")),
    ),
    "word_f1": ("words", lambda rows: f1_of_counts(_column(rows, "counts"))),
    "average_precision": ("articles", _average_precision),
    "precision_at_recall_0.40": ("articles", lambda r: precision_at(_column(r, "label"), _column(r, "probability"))),
    "pages": ("pages", _pages_auroc),
    "facts": ("cases", _rate("flag", "facts-neutral")),
    "insertion": ("cases", _rate("flag", "insertion-opinionated")),
    "sly": ("cases", _rate("flag", "loaded-sly-opinionated")),
    **{kind: ("swaps", _rate("changed", kind)) for kind in SWAPS},
}
"""The rows of each measure, and what is made of them."""

OF_FOLD = frozenset({"sentences", "words", "swaps"})
"""Rows of what a fold left out; the others (articles, pages, cases) are of the same items in every fold."""


Folds = Mapping[int, Mapping[str, Rows]]
"""What `measure` found of a way, by the number of the fold that it was trained without."""

Drawn = tuple[float, Array]
"""A measure, and its values in samples."""


def table_of(ways: Sequence[Way], found: Mapping[str, Folds], draws: int = 500) -> dict[str, Any]:
    """What the card tells: figures of the ways that others are beside, and how the others differ from those.

    A way that has no fold in common with the one that it is beside is not in it.
    """

    @cache  # what others are beside is drawn once for all of them
    def drawn(name: str, folds: frozenset[int]) -> dict[str, Drawn]:
        return _drawn(found[name], folds, draws)

    references: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    for way in ways:
        own, common = frozenset(found[way.name]), found[way.name].keys() & found[way.beside].keys()
        if own and (way.beside == way.name or any(way.name == other.beside for other in ways)):
            figures = {name: _figure(*pair).to_dict() for name, pair in drawn(way.name, own).items()}
            references[way.name] = {"about": way.about, "folds": len(own), "figures": figures}
        if way.beside != way.name and common:
            figures = _differences(*(drawn(name, frozenset(common)) for name in (way.name, way.beside)))
            told = {"about": way.about, "beside": way.beside, "folds": len(common)}
            changes[way.name] = {**told, "figures": figures}
    return {"references": references, "changes": changes}


def compare(way: Folds, reference: Folds, draws: int = 500) -> dict[str, Any]:
    """Each measure of a way, and its paired difference from the reference, with 95 % intervals.

    Both over the folds that the two have in common. Groups (articles, events, pages) are drawn together, the same ones
    for both of the pair; what every fold is measured on is drawn with all its readings at once.
    """
    common = way.keys() & reference.keys()
    return _differences(*(_drawn(found, common, draws) for found in (way, reference)))


def _differences(way: Mapping[str, Drawn], reference: Mapping[str, Drawn]) -> dict[str, Any]:
    return {
        name: {
            "value": _figure(value, drawn).to_dict(),
            "difference": _figure(value - reference[name][0], drawn - reference[name][1]).to_dict(),
        }
        for name, (value, drawn) in way.items()
    }


def _drawn(way: Folds, folds: Collection[int], draws: int) -> dict[str, Drawn]:
    """Each measure over the folds, and its values in samples that are the same ones for all ways."""
    found: dict[str, Drawn] = {}
    for name, (part, of) in MEASURED.items():
        numbered = [(fold if part in OF_FOLD else 0, row) for fold in sorted(folds) for row in way[fold][part]]
        rows = [row for _, row in numbered]
        samples = cluster_draws([f"{fold}-{row['group']}" for fold, row in numbered], draws)
        found[name] = (of(rows), np.array([_value(of, rows, sample) for sample in samples]))
    return found


def _value(of: Callable[[Rows], float], rows: Rows, sample: Array) -> float:
    try:
        return of([rows[i] for i in sample])
    except ValueError:  # a sample without one of the labels
        return float("nan")


def _figure(value: float, drawn: Array) -> Figure:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return Figure(value, math.nan, math.nan)
    low, high = np.percentile(known, [2.5, 97.5])
    return Figure(value, float(low), float(high))
