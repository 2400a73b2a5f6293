"""Texts that nearly repeat each other: they share half or more of the word trigrams of the shorter one.

Compared pair by pair, 30,000 sentences that begin with the same line make a billion pairs. So trigrams that many texts
hold are looked at apart: texts with the same set of them form a class, and one number a class, the size of its shortest
text, decides for all of it. Nothing is estimated; the result is that of comparing all pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer

Array = np.ndarray

MANY = 100
"""A trigram that more texts than this hold is looked at by classes of texts."""

_PAIRS_AT_ONCE = 4_000_000
"""Bounds the memory: about 100 MB."""


def squeezed(text: str) -> str:
    """The text in lower case with a space for whatever is neither letter nor digit; the same for mere repeats."""
    return re.sub(r"\W+", " ", text.casefold()).strip()


def repeats(texts: Sequence[str], others: Sequence[str], overlap: float = 0.5, many: int = MANY) -> Array:
    """Which texts nearly repeat one of the others. Shape: (texts,), bool."""
    near = np.zeros(len(texts), dtype=bool)
    if not len(texts) or not len(others):
        return near
    both = _Shingles.of([*texts, *others], many)
    a, b = both.part(slice(0, len(texts))), both.part(slice(len(texts), None))
    for rows, _ in _sharing_rare(a, b, overlap):
        near[rows] = True
    first, second = _Classes.of(a), _Classes.of(b)
    for c, d, shared in _blocks(first.trigrams, second.trigrams):
        # A text i and the class d of others: near if shared >= overlap * min(size of i, size of the shortest in d).
        near[np.isin(first.of_text, c[shared >= overlap * second.shortest[d]])] = True
        most = np.zeros(len(first.shortest))
        np.maximum.at(most, c, shared)
        reached = most[first.of_text]
        near |= (reached > 0) & (reached >= overlap * a.sizes)
    return near


def links(texts: Sequence[str], overlap: float = 0.5, many: int = MANY) -> tuple[Array, Array]:
    """Pairs of indices that hold all together, directly or through others, what nearly repeats each other."""
    a = _Shingles.of(texts, many)
    found = [np.zeros((2, 0), int)]
    found += [np.stack(pair) for pair in _sharing_rare(a, a, overlap)]
    classes = _Classes.of(a)
    joined = np.zeros(len(classes.shortest), dtype=bool)
    for c, d, shared in _blocks(classes.trigrams, classes.trigrams):
        # The shortest text of one class is near every text of the other, which holds both classes together.
        close = shared >= overlap * np.minimum(classes.shortest[c], classes.shortest[d])
        joined[c[close]] = True
        found.append(np.stack((classes.first[c[close]], classes.first[d[close]])))
    inside = np.flatnonzero(joined[classes.of_text])
    found.append(np.stack((inside, classes.first[classes.of_text[inside]])))
    rows, columns = np.concatenate(found, axis=1)
    return rows, columns


@dataclass(frozen=True, slots=True)
class _Shingles:
    """Binary word trigrams of texts, those that few and those that many of them hold. Shapes: (texts, trigrams)."""

    rare: csr_matrix
    common: csr_matrix
    sizes: Array

    @classmethod
    def of(cls, texts: Sequence[str], many: int) -> _Shingles:
        hashing = HashingVectorizer(
            ngram_range=(3, 3), binary=True, norm=None, token_pattern=r"\w+", n_features=2**20, dtype=np.float32
        )
        every = csr_matrix(hashing.transform(texts))
        holders = np.bincount(every.indices, minlength=every.shape[1])
        rare, common = (np.flatnonzero(mask) for mask in ((holders > 1) & (holders <= many), holders > many))
        return cls(every[:, rare].tocsr(), every[:, common].tocsr(), every.getnnz(axis=1))

    def part(self, rows: slice) -> _Shingles:
        return _Shingles(self.rare[rows], self.common[rows], self.sizes[rows])


@dataclass(frozen=True, slots=True)
class _Classes:
    """Texts by their set of common trigrams; those without any are in no class that `trigrams` can reach.

    `of_text` is the class of each text. A class has its `trigrams` (a row), the size of its `shortest` text, and one
    text that stands for it, the `first`.
    """

    of_text: Array
    trigrams: csr_matrix
    shortest: Array
    first: Array

    @classmethod
    def of(cls, a: _Shingles) -> _Classes:
        a.common.sort_indices()
        seen: dict[bytes, int] = {}
        starts = a.common.indptr
        sets = (a.common.indices[i:j].tobytes() for i, j in pairwise(starts))
        of_text = np.fromiter((seen.setdefault(held, len(seen)) for held in sets), int, len(a.sizes))
        shortest = np.full(len(seen), np.iinfo(np.int64).max)
        np.minimum.at(shortest, of_text, a.sizes)
        _, first = np.unique(of_text, return_index=True)
        return cls(of_text, a.common[first], shortest, first)


def _sharing_rare(a: _Shingles, b: _Shingles, overlap: float) -> Iterator[tuple[Array, Array]]:
    """Near pairs that share a rare trigram."""
    common_a, common_b = a.common.getnnz(axis=1), b.common.getnnz(axis=1)
    for rows, columns, shared in _blocks(a.rare, b.rare):
        needed = overlap * np.minimum(a.sizes[rows], b.sizes[columns])
        possible = (rows != columns) if a is b else np.ones(len(rows), dtype=bool)
        possible &= shared + np.minimum(common_a[rows], common_b[columns]) >= needed
        rows, columns, shared, needed = rows[possible], columns[possible], shared[possible], needed[possible]
        more = np.asarray(a.common[rows].multiply(b.common[columns]).sum(axis=1)).ravel() if len(rows) else shared
        near = shared + more >= needed
        yield rows[near], columns[near]


def _blocks(a: csr_matrix, b: csr_matrix) -> Iterator[tuple[Array, Array, Array]]:
    """(row of a, row of b, trigrams they share) of all that share one, in blocks of bounded size."""
    other = b.T.tocsr()
    holders = np.bincount(b.indices, minlength=b.shape[1])
    cost = np.asarray(a @ holders.astype(np.float64)).ravel().cumsum()
    start = 0
    while start < a.shape[0]:
        spent = cost[start - 1] if start else 0.0
        stop = max(start + 1, int(np.searchsorted(cost, spent + _PAIRS_AT_ONCE, side="right")))
        shared = (a[start:stop] @ other).tocoo()
        yield shared.row + start, shared.col, shared.data
        start = stop
