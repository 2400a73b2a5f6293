"""The quality of labelled data: probable label errors, how far annotators agree, and what `leaks` tells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import krippendorff
import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bias.training.data.examples import Example, article_groups
from bias.training.data.splits import By
from bias.training.evaluation.measures import Figure
from bias.training.labels.leaks import DRAWS, Leak, Shared, find_leaks, find_repeats, find_shared, is_opinionated

Issue = Literal["label", "conflict", "repeat", "shared"]

FOLDS = 5
STRENGTH = 0.003
"""C of the logistic regression (the inverse of its penalty) on standardised features."""


@dataclass(frozen=True, slots=True)
class LabelCheck:
    """What models that never saw its article say of each labelled sentence.

    Shape:
        probabilities: (n,), of *opinionated*
        quality: (n,), of the given label, 0 to 1: low where it is probably wrong
        errors: (n,), bool: those that confident learning calls wrong
    """

    probabilities: np.ndarray
    quality: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far annotators agree, over the sentences that two or more of them judged.

    `alpha` is Krippendorff's (2004), for nominal values: 1 is full agreement, 0 what chance gives. None where all votes
    are the same, for then it is not defined. `unanimous` is a share of the sentences.
    """

    sentences: int
    votes: int
    alpha: Figure | None
    unanimous: float


def check_labels(features: np.ndarray, labels: np.ndarray, groups: Sequence[str], seed: int) -> LabelCheck | None:
    """Confident learning (Northcutt, Jiang and Chuang 2021) on cross-validated probabilities.

    A logistic regression on the features judges each sentence without having seen any of its group. None where the
    labels cannot be checked: fewer than two groups with one of the labels.

    Shape:
        features: (n, width); labels: (n,), 0 or 1
    """
    folds = _folds(labels, groups, seed)
    if folds is None:
        return None
    probabilities = np.zeros(len(labels))
    for train, held in folds:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
        model.fit(features[train], labels[train])
        probabilities[held] = model.predict_proba(features[held])[:, 1]
    both = np.stack([1 - probabilities, probabilities], axis=1)
    return LabelCheck(
        probabilities=probabilities,
        quality=np.asarray(get_label_quality_scores(labels, both, method="self_confidence")),
        errors=np.asarray(find_label_issues(labels, both, n_jobs=1)),
    )


def _folds(labels: np.ndarray, groups: Sequence[str], seed: int) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """(training, held-out) indices with whole groups in one fold; every training part has both labels, or None."""
    keys = np.asarray(groups)
    count = min(FOLDS, *(len(set(keys[labels == label])) for label in (0, 1)))
    if count < 2:
        return None
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    folds = [(train, held) for train, held in splitter.split(labels, labels, keys)]
    return folds if all(len(set(labels[train])) == 2 for train, _ in folds) else None


def agreement(examples: Sequence[Example], seed: int) -> Agreement | None:
    """Krippendorff's alpha with a 95 % interval by bootstrap over sentences; None without two votes on any."""
    votes = [example.votes for example in examples if example.votes is not None and example.votes[1] > 1]
    if not votes:
        return None
    counts = np.array([[total - positive, positive] for positive, total in votes])
    return Agreement(
        sentences=len(counts),
        votes=int(counts.sum()),
        alpha=_alpha_figure(counts, seed),
        unanimous=float((counts.min(axis=1) == 0).mean()),
    )


def _alpha_figure(counts: np.ndarray, seed: int) -> Figure | None:
    if not counts.sum(axis=0).all():
        return None
    generator = np.random.default_rng(seed)
    drawn = (counts[generator.integers(len(counts), size=len(counts))] for _ in range(DRAWS))
    # A draw in which all votes are the same has no alpha.
    values = [_alpha(sample) for sample in drawn if sample.sum(axis=0).all()]
    low, high = np.percentile(values, [2.5, 97.5])
    return Figure(_alpha(counts), float(low), float(high))


def _alpha(counts: np.ndarray) -> float:
    """Shape of `counts`: (sentences, 2): the votes for neutral and for opinionated."""
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))


@dataclass(frozen=True, slots=True)
class Checked:
    """A labelled sentence with what there is to say of it; probability and quality are None where none could be had."""

    example: Example
    file: str
    probability: float | None
    quality: float | None
    issues: tuple[Issue, ...]

    @property
    def suspicious(self) -> bool:
        """Whether its label is probably wrong, or contradicts that of the same sentence elsewhere."""
        return "label" in self.issues or "conflict" in self.issues


@dataclass(frozen=True, slots=True)
class Audit:
    """All that was found; `rows` begin with the suspicious ones, and of these with the worst.

    `checked` says whether labels could be checked at all: it takes both labels in two groups each.
    """

    rows: tuple[Checked, ...]
    checked: bool
    agreement: Agreement | None
    leaks: tuple[Leak, ...]
    shared: tuple[Shared, ...]

    def count(self, issue: Issue) -> int:
        """How many sentences have that issue."""
        return sum(issue in row.issues for row in self.rows)


def audit(
    files: Sequence[tuple[str, Sequence[Example]]], features: np.ndarray, *, by: By = "article", seed: int = 13
) -> Audit:
    """Check labelled sentences.

    Args:
        files: name and examples of each file; all examples have a label.
        features: what the label check learns from, one row for each example, file after file. Shape: (n, width).
        by: what sentences share that no sentence is judged by: the article, or the outlet (with its articles).
    """
    examples = [example for _, some in files for example in some]
    names = [name for name, some in files for _ in some]
    articles = article_groups(examples)
    groups = articles if by == "article" else [e.outlet or key for e, key in zip(examples, articles, strict=True)]
    check = check_labels(features, is_opinionated(examples), groups, seed)
    shared = find_shared(files)
    repeated, conflicting = find_repeats(examples)
    found: dict[Issue, Collection[int]] = {
        "label": np.flatnonzero(check.errors).tolist() if check else (),
        "conflict": conflicting,
        "repeat": repeated,
        "shared": {i for pair in shared for i in pair.repeats},
    }
    rows = [
        Checked(
            example=example,
            file=names[i],
            probability=float(check.probabilities[i]) if check else None,
            quality=float(check.quality[i]) if check else None,
            issues=tuple(issue for issue, where in found.items() if i in where),
        )
        for i, example in enumerate(examples)
    ]
    return Audit(
        rows=tuple(sorted(rows, key=lambda row: (not row.suspicious, 1.0 if row.quality is None else row.quality))),
        checked=check is not None,
        agreement=agreement(examples, seed),
        leaks=tuple(find_leaks(examples, articles, seed)),
        shared=tuple(shared),
    )
