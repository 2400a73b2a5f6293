"""What labels leak by, and what data holds twice: outlets, topics and articles that tell the label; repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from bias.training.data.examples import Example, near_duplicates
from bias.training.data.splits import remove_duplicates
from bias.training.evaluation.measures import Figure

DRAWS = 1000
"""Bootstrap draws of an interval."""


@dataclass(frozen=True, slots=True)
class Leak:
    """How well the majority label of each outlet (topic, article) predicts labels: shares of right guesses, 0 to 1.

    `baseline` is always guessing the commonest label. `in_sample` counts the sentence's own label in its majority, so
    it flatters; `out_of_sample` does not: of an outlet or topic the majority of other articles, of an article that of
    its other sentences. `gain` is the last less the baseline, its interval by bootstrap over articles.
    """

    of: str
    values: int
    sentences: int
    baseline: float
    in_sample: float
    out_of_sample: float
    gain: Figure

    @property
    def leaks(self) -> bool:
        """Whether the gain is above 0 beyond chance."""
        return self.gain.low > 0


@dataclass(frozen=True, slots=True)
class Shared:
    """What stands in two of the files.

    `repeats` are the sentences of the second that nearly repeat one of the first, as indices over all the files'
    sentences; `articles` counts the articles that both have sentences of.
    """

    first: str
    second: str
    repeats: tuple[int, ...]
    articles: int


def is_opinionated(examples: Sequence[Example]) -> np.ndarray:
    """The labels as 0 and 1; soft ones by their majority. Shape: (examples,)."""
    return np.array([int((example.label or 0.0) >= 0.5) for example in examples], dtype=int)


def find_leaks(examples: Sequence[Example], articles: Sequence[str], seed: int) -> list[Leak]:
    """Leaks by outlet, topic and article, those of which the examples name two or more.

    Args:
        articles: the article of each example, as `bias.training.data.examples.article_groups` has it.
    """
    names = {
        "outlet": [example.outlet for example in examples],
        "topic": [example.topic for example in examples],
        "article": [example.group for example in examples],
    }
    labels = is_opinionated(examples)
    found = []
    for of, values in names.items():
        named = np.array([bool(value) for value in values])
        if len(set(values) - {""}) > 1:
            values = [value for value in values if value]
            found.append(_leak(of, values, labels[named], np.asarray(articles)[named], seed))
    return found


def _leak(of: str, values: Sequence[str], labels: np.ndarray, articles: np.ndarray, seed: int) -> Leak:
    """Shape of `labels` and `articles`: (values,)."""
    names, key = np.unique(np.asarray(values), return_inverse=True)
    commonest = int(labels.mean() >= 0.5)
    counts = np.zeros((len(names), 2), dtype=int)
    np.add.at(counts, (key, labels), 1)
    # What is taken out before a sentence is guessed: its own article, or for articles itself.
    unit = np.arange(len(labels)) if of == "article" else np.unique(articles, return_inverse=True)[1]
    pairs, pair = np.unique(np.stack([key, unit]), axis=1, return_inverse=True)
    own = np.zeros((pairs.shape[1], 2), dtype=int)
    np.add.at(own, (pair.reshape(-1), labels), 1)
    inside = _majority(counts[key], commonest)
    outside = _majority(counts[key] - own[pair.reshape(-1)], commonest)
    return Leak(
        of=of,
        values=len(names),
        sentences=len(labels),
        baseline=float((labels == commonest).mean()),
        in_sample=float((inside == labels).mean()),
        out_of_sample=float((outside == labels).mean()),
        gain=_mean_figure((outside == labels).astype(float) - (labels == commonest), articles, seed),
    )


def _majority(counts: np.ndarray, commonest: int) -> np.ndarray:
    """The label with more votes in each row, of a tie the one that is commonest everywhere. Shape: (n, 2) -> (n,)."""
    return np.where(counts[:, 0] == counts[:, 1], commonest, counts.argmax(axis=1))


def _mean_figure(values: np.ndarray, groups: np.ndarray, seed: int) -> Figure:
    """The mean with its 95 % interval, by bootstrap over groups. Shape of `values` and `groups`: (n,)."""
    unit = np.unique(groups, return_inverse=True)[1]
    sums, sizes = np.bincount(unit, weights=values), np.bincount(unit)
    generator = np.random.default_rng(seed)
    drawn = [generator.integers(len(sizes), size=len(sizes)) for _ in range(DRAWS)]
    low, high = np.percentile([sums[rows].sum() / sizes[rows].sum() for rows in drawn], [2.5, 97.5])
    return Figure(float(values.mean()), float(low), float(high))


def find_shared(files: Sequence[tuple[str, Sequence[Example]]]) -> list[Shared]:
    """What each two of the named files have in common; pairs with nothing in common are left out."""
    starts = np.cumsum([0, *(len(examples) for _, examples in files)])
    found = []
    for (_, (one, ours)), (second, (other, theirs)) in combinations(enumerate(files), 2):
        again = near_duplicates([example.text for example in theirs], [example.text for example in ours])
        articles = {example.group for example in ours} & {example.group for example in theirs} - {""}
        if again.any() or articles:
            repeats = tuple((np.flatnonzero(again) + starts[second]).tolist())
            found.append(Shared(one, other, repeats, len(articles)))
    return found


def find_repeats(examples: Sequence[Example]) -> tuple[set[int], set[int]]:
    """The examples that repeat an earlier one, and all those that others of the same text contradict, as indices.

    By the rules of `bias.training.data.splits.remove_duplicates`.
    """
    _, duplicates = remove_duplicates([replace(example, place=str(i)) for i, example in enumerate(examples)])
    conflicting = {int(place) for conflict in duplicates.conflicting for place in conflict.places}
    return {int(again) for again, _ in duplicates.repeated}, conflicting
