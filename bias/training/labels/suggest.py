"""Which sentences of a pool are most worth labelling.

BADGE (Ash et al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds"): every sentence is
stood for by the gradient that its most probable label would send into the sentence head, and sentences are drawn by the
seeding of k-means++ (Arthur and Vassilvitskii 2007) over those gradients. A sentence that the model is sure of has a
short gradient and a sentence like one already drawn has a near one, so both are drawn seldom.

The pool may be large: all of it is read once by the fast engine, and vectors are made for the most uncertain alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import tee
from typing import Any

import numpy as np

from bias.calibration import PriorMap
from bias.detector import Detector
from bias.evidence import evidence
from bias.quotation import attribute
from bias.scoring import find_terms, sentence_result
from bias.segmentation import segment
from bias.training.data.examples import as_sentence, near_duplicates
from bias.training.data.splits import fingerprint, read_seen
from bias.training.labels.embedding import Progress, as_read, load_trainable, run_model
from bias.types import Article, Prediction, Sentence
from bias.words import WORD

Refusal = Callable[[int, Sequence[int]], bool]

CANDIDATES = 5000
"""Sentences that are chosen among: the most uncertain of the pool."""

FEWEST_WORDS = 3
"""Sentences of fewer words are never suggested: a page number or a by-line teaches nothing."""


@dataclass(frozen=True, slots=True)
class PoolSentence:
    """A sentence that could be labelled.

    `sentence` has its offsets in `text`, the article's (or the sentence itself where it stands alone). `group` is the
    article, `known` what else is known of it, by the names that labelled data use (`outlet`, `leaning`, `topic`).
    """

    sentence: Sentence
    text: str
    place: str
    group: str = ""
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of the pool with what the engine says of it; `probability` is of *opinionated*, as written."""

    of: PoolSentence
    prediction: Prediction
    probability: float

    @property
    def uncertainty(self) -> float:
        """How far the more probable label is from certain: 0 to 0.5."""
        return min(self.probability, 1 - self.probability)


@dataclass(slots=True)
class Tally:
    """What became of the pool; filled while it is read."""

    read: int = 0
    short: int = 0
    repeated: int = 0
    known: int = 0
    near_known: int = 0


@dataclass(frozen=True, slots=True)
class Suggested:
    """What to label, as rows (see `to_row`), most telling first; `candidates` were left to choose among."""

    rows: tuple[dict[str, Any], ...]
    candidates: int
    tally: Tally


def suggest(
    pool: Iterable[PoolSentence],
    detector: Detector,
    count: int,
    *,
    exclude: Sequence[str] = (),
    candidates: int = CANDIDATES,
    prior: str = "balanced",
    seed: int = 13,
    progress: Progress = iter,
) -> Suggested:
    """The sentences of a pool most worth labelling for a model, which is asked about all of them.

    Args:
        exclude: sentences that are labelled already, or kept for measuring; what nearly repeats one is left out, and
            so is what the model was made from.
        candidates: choose among so many, the most uncertain.
        progress: sees one item a candidate whose vector is made.

    Raises:
        ModelError: the model has no trainable weights to make vectors with.
        UsageError: the prior is out of range.
    """
    network, tokenizer = load_trainable(detector.model.path)
    maps = detector.model.calibration.prior(prior)
    known = {*read_seen(detector.model.path), *map(fingerprint, exclude)}
    tally = Tally()
    most = apart_from(shortlist(pool, detector, maps, candidates, known, tally), exclude, tally)
    texts = as_read(network, [candidate.of.sentence.text for candidate in most])
    vectors = run_model(network, tokenizer, texts, progress).vectors
    chosen = choose(most, vectors, count, seed)
    return Suggested(tuple(to_row(candidate, detector, maps) for candidate in chosen), len(most), tally)


def alone(text: str, place: str, group: str = "", known: Mapping[str, str] | None = None) -> PoolSentence:
    """A sentence that stands by itself, as in a row of a table."""
    return PoolSentence(as_sentence(text), text, place, group, known or {})


def of_article(article: Article) -> Iterator[PoolSentence]:
    """The sentences of an article, who speaks in them resolved over all of it; the place is its source and the line."""
    line, at = 1, 0
    for sentence in attribute(article.text, segment(article.text)):
        line, at = line + article.text.count("\n", at, sentence.start), sentence.start
        yield PoolSentence(sentence, article.text, f"{article.source}:{line}", article.source)


def shortlist(
    pool: Iterable[PoolSentence],
    detector: Detector,
    maps: PriorMap,
    size: int,
    known: Container[str],
    tally: Tally,
) -> list[Candidate]:
    """The `size` most uncertain sentences of the pool, the most uncertain first; no more are held in memory.

    Left out are sentences of fewer than `FEWEST_WORDS` words, those whose fingerprint is in `known`, and all but the
    first of those that repeat one another (their fingerprints are held: some 100 bytes for each sentence of the pool).
    """
    kept, ahead = tee(_new(pool, known, tally))
    predictions = detector.predict(item.sentence for item in ahead)
    candidates = (Candidate(item, p, _probability(p, maps)) for item, p in zip(kept, predictions, strict=True))
    return heapq.nlargest(size, candidates, key=lambda candidate: candidate.uncertainty)


def _new(pool: Iterable[PoolSentence], known: Container[str], tally: Tally) -> Iterator[PoolSentence]:
    met: set[str] = set()
    for item in pool:
        tally.read += 1
        mark = fingerprint(item.sentence.text)
        if sum(1 for _ in WORD.finditer(item.sentence.text)) < FEWEST_WORDS:
            tally.short += 1
        elif mark in known:
            tally.known += 1
        elif mark in met:
            tally.repeated += 1
        else:
            met.add(mark)
            yield item


def _probability(prediction: Prediction, maps: PriorMap) -> float:
    return maps.written(evidence(prediction.written, find_terms(prediction.sentence)))


def apart_from(candidates: Sequence[Candidate], texts: Sequence[str], tally: Tally) -> list[Candidate]:
    """The candidates that nearly repeat none of the texts."""
    again = near_duplicates([candidate.of.sentence.text for candidate in candidates], texts)
    tally.near_known += int(again.sum())
    return [candidate for candidate, repeated in zip(candidates, again, strict=True) if not repeated]


def choose(candidates: Sequence[Candidate], vectors: np.ndarray, count: int, seed: int) -> list[Candidate]:
    """`count` of the candidates by BADGE, none of them nearly repeating another; the most telling first.

    Shape:
        vectors: (candidates, width)
    """
    texts = [candidate.of.sentence.text for candidate in candidates]
    points = gradients(np.array([candidate.probability for candidate in candidates]), vectors)

    def repeats_one(point: int, drawn: Sequence[int]) -> bool:
        return bool(near_duplicates([texts[point]], [texts[i] for i in drawn])[0])

    return [candidates[i] for i in draw(points, count, seed, repeats_one)]


def gradients(probabilities: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The gradient of the loss in the sentence head's weights, were the more probable label the true one.

    For one logit with the logistic loss that is (p - y) h.

    Shape:
        probabilities: (n,); vectors and the result: (n, width)
    """
    return np.asarray((probabilities - (probabilities >= 0.5))[:, None] * vectors.astype(np.float64))


def draw(points: np.ndarray, count: int, seed: int, refuse: Refusal = lambda point, drawn: False) -> list[int]:
    """The seeding of k-means++: the longest point, then each with a chance by its squared distance to those drawn.

    Fewer than `count` come back where all points that are left equal one drawn, or are refused.

    Args:
        points: shape (n, width), float64.
        refuse: whether a point must not go with those drawn before it.
    """
    if not len(points):
        return []
    generator = np.random.default_rng(seed)
    drawn: list[int] = []
    distance = np.full(len(points), np.inf)
    following = int(np.argmax((points**2).sum(axis=1)))
    while len(drawn) < count:
        if refuse(following, drawn):
            distance[following] = 0.0
        else:
            drawn.append(following)
            distance = np.minimum(distance, ((points - points[following]) ** 2).sum(axis=1))
        total = distance.sum()
        if total <= 0.0:
            break
        following = int(generator.choice(len(points), p=distance / total))
    return drawn


def to_row(candidate: Candidate, detector: Detector, maps: PriorMap) -> dict[str, Any]:
    """A row to label: `label` (and `spans`) to be filled in, then it is training data.

    The model's own spans go by the name `suggested_spans`, so that nothing trains on them unless a person has moved
    them to `spans`. Their offsets are in `text`.
    """
    item = candidate.of
    calibration = detector.model.calibration
    result = sentence_result(item.text, candidate.prediction, calibration, maps, "include", maps.thresholds["include"])
    start = item.sentence.start
    return {
        "text": item.sentence.text,
        "label": None,
        "spans": None,
        "probability": round(result.probability, 6),
        "outlet_probability": round(result.outlet_probability, 6),
        "voice": item.sentence.voice,
        "suggested_spans": [
            {
                "start": span.start - start,
                "end": span.end - start,
                "text": span.text,
                "probability": round(span.probability, 6),
                "voice": span.voice,
                "category": span.category,
            }
            for span in result.spans
        ],
        "group": item.group,
        **item.known,
        "place": item.place,
    }
