"""Predictions -> an article's report. Pure: no model runs here, and the same predictions give the same report."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import default_rng
from numpy.typing import ArrayLike

from bias.calibration import Calibration, PriorMap
from bias.errors import EmptyTextError, UsageError
from bias.evidence import contexts, evidence
from bias.levels import level_of
from bias.lexicon import Allowed, Entry, Hit, default_lexicon
from bias.modelfolder import ModelFolder, Reference
from bias.types import (
    Article,
    ArticleReport,
    Prediction,
    QuotesMode,
    Sentence,
    SentenceResult,
    Span,
    WordScore,
    label_of,
)

DRAWS = 2000
"""Bootstrap draws of an interval."""

DRAWN_AT_ONCE = 1_000_000
"""Labels drawn in one step, to bound the memory that a long article takes."""

FEW_SENTENCES = 3
FEW_PARAGRAPHS = 5

NOTHING_ALLOWED = Allowed(())

_JOINS = re.compile(r"[\s\-–—'’]*")


def make_report(
    article: Article,
    predictions: Sequence[Prediction],
    model: ModelFolder,
    *,
    prior: str = "news",
    quotes: QuotesMode = "separate",
    threshold: float | None = None,
    allow: Sequence[str] = (),
    ignored: int = 0,
) -> ArticleReport:
    """Calibrate, label, mark and sum up.

    Args:
        prior: the share of opinionated sentences to expect: `news`, `balanced`, or a number between 0 and 1.
        quotes: whether labels and score rest on the outlet's own words (`separate`) or on all (`include`).
        threshold: the probability from which a sentence is opinionated; None is the model's for the prior.
        allow: words, phrases and ids of lexicon entries that are not marked as loaded; no probability changes.
        ignored: how many sentences ignore comments left out of `predictions`.

    Raises:
        EmptyTextError: there is no sentence.
        UsageError: the prior or the threshold is out of range, or an allowed term has no word.
    """
    if not predictions and not ignored:
        raise EmptyTextError(f"{article.source}: no text to score")
    if threshold is not None and not 0.0 <= threshold <= 1.0:
        raise UsageError(f"--threshold lies between 0 and 1, not {threshold}")
    calibration = model.calibration
    maps = calibration.prior(prior)
    cut = maps.thresholds[quotes] if threshold is None else threshold
    allowed = Allowed(allow)
    results = tuple(
        sentence_result(article.text, prediction, calibration, maps, quotes, cut, context, allowed)
        for prediction, context in zip(predictions, contexts(predictions), strict=True)
    )
    counted = [r for r in results if r.sentence.counted or quotes == "include"]
    shares = [r.outlet_probability if quotes == "separate" else r.probability for r in counted]
    score = 100 * float(np.mean(shares)) if counted else None
    return ArticleReport(
        article=article,
        model=model.info,
        prior=prior,
        quotes=quotes,
        threshold=cut,
        score=score,
        interval=prediction_interval(shares, [r.sentence.paragraph for r in counted]) if counted else None,
        percentile=None if score is None else percentiles(score, model.reference, f"{prior}/{quotes}"),
        sentences=results,
        warnings=(*article.warnings, *_warnings(len(counted), ignored)),
        reference=model.reference.corpus if model.reference else None,
        ignored=ignored,
    )


def sentence_result(
    text: str,
    prediction: Prediction,
    calibration: Calibration,
    maps: PriorMap,
    quotes: QuotesMode,
    threshold: float,
    context: Mapping[str, float] | None = None,
    allowed: Allowed = NOTHING_ALLOWED,
) -> SentenceResult:
    """One sentence under one prior: its two probabilities, label, level, categories and loaded spans.

    `context` is its place in the article (`bias.evidence.contexts`), None for a sentence that stands alone.
    """
    sentence, hits = prediction.sentence, find_terms(prediction.sentence)
    probability = outlet = maps.written(evidence(prediction.written, hits, context))
    if prediction.outlet is None:
        outlet = 0.0
    elif sentence.withheld:
        outlet = maps.withheld(evidence(prediction.outlet, hits, context))
    techniques = (prediction.outlet or prediction.written).techniques
    decisive = outlet if quotes == "separate" else probability
    spans, unmarked = find_spans(text, prediction, calibration, hits, allowed)
    return SentenceResult(
        sentence=sentence,
        probability=probability,
        outlet_probability=outlet,
        label=label_of(decisive, threshold),
        categories={name: calibration.technique(logit) for name, logit in techniques.items()},
        spans=spans,
        level=level_of(decisive, maps.thresholds[quotes]),
        allowed=unmarked,
    )


def find_terms(sentence: Sentence) -> tuple[Hit, ...]:
    """The lexicon's terms in a sentence, at the article's offsets."""
    found = default_lexicon().find(sentence.text)
    return tuple(Hit(sentence.start + hit.start, sentence.start + hit.end, hit.entry) for hit in found)


def find_spans(
    text: str,
    prediction: Prediction,
    calibration: Calibration,
    hits: Sequence[Hit],
    allowed: Allowed = NOTHING_ALLOWED,
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The loaded words of a sentence with what the lexicon knows of them, and those that are allowed.

    A word is loaded where the token head says so. A term of the lexicon is marked whole or not at all, by the token
    head and its sentence together. Loaded neighbours that the lexicon does not know are joined. The category is the
    lexicon's, else the sentence's strongest technique.
    """
    techniques = (prediction.outlet or prediction.written).techniques
    strongest = max(techniques, key=lambda name: techniques[name], default=None)
    spans: dict[bool, list[Span]] = {False: [], True: []}
    for group in _groups(text, prediction, calibration, hits, allowed):
        start, end, entry = group[0].word.start, group[-1].word.end, group[0].entry
        probability = max(marked.probability for marked in group)
        spans[group[0].allowed].append(
            Span(
                start=start,
                end=end,
                text=text[start:end],
                probability=probability,
                voice="quoted" if group[0].quoted else "outlet",
                category=entry.category if entry else strongest,
                alternatives=entry.alternatives if entry else (),
                why=entry.why if entry else None,
                level=level_of(probability, calibration.span_threshold),
            )
        )
    return tuple(spans[False]), tuple(spans[True])


@dataclass(frozen=True, slots=True)
class _Marked:
    """A loaded word, its probability, whose it is, its term (offset and entry) if the lexicon knows it, if allowed."""

    word: WordScore
    probability: float
    quoted: bool
    term: int | None
    entry: Entry | None
    allowed: bool


def _groups(
    text: str, prediction: Prediction, calibration: Calibration, hits: Sequence[Hit], allowed: Allowed
) -> Iterator[list[_Marked]]:
    """Runs of loaded words of one voice and one term, allowed or not, with but spaces and hyphens between them."""
    group: list[_Marked] = []
    for marked in _loaded(prediction, calibration, hits, allowed):
        if group:
            last = group[-1]
            alike = (last.quoted, last.term, last.allowed) == (marked.quoted, marked.term, marked.allowed)
            if not (alike and _JOINS.fullmatch(text, last.word.end, marked.word.start)):
                yield group
                group = []
        group.append(marked)
    if group:
        yield group


def _loaded(
    prediction: Prediction, calibration: Calibration, hits: Sequence[Hit], allowed: Allowed
) -> Iterator[_Marked]:
    every, sentence = prediction.words, prediction.sentence
    permits = allowed.within(sentence.text, sentence.start)
    terms: dict[WordScore, tuple[Hit, float]] = {}
    for hit in hits:
        first = bisect_right(every, hit.start, key=lambda word: word.end)
        words = every[first : bisect_left(every, hit.end, key=lambda word: word.start)]
        if words:
            reading = prediction.written if prediction.is_quoted(words[0]) else prediction.outlet or prediction.written
            evident = {"word": max(word.logit for word in words), "sentence": reading.logit}
            terms |= dict.fromkeys(words, (hit, calibration.term(evident)))
    for word in every:
        probability, quoted = calibration.token(word.logit), prediction.is_quoted(word)
        if word in terms:
            hit, of_term = terms[word]
            if of_term >= calibration.span_threshold:
                permitted = hit.entry.id in allowed.ids or permits(hit.start, hit.end)
                yield _Marked(word, of_term, quoted, hit.start, hit.entry, permitted)
        elif probability >= calibration.span_threshold:
            yield _Marked(word, probability, quoted, None, None, permits(word.start, word.end))


def prediction_interval(probabilities: ArrayLike, paragraphs: Sequence[int]) -> tuple[float, float]:
    """The 95 % prediction interval, in percent, for the share of sentences that annotators would mark.

    Bootstrap over paragraphs (Efron and Tibshirani 1993) with each sentence's label drawn from its probability; below
    `FEW_PARAGRAPHS` paragraphs only the labels are drawn. The seed is fixed, so a report can be repeated.
    """
    generator = default_rng(0)
    p = np.asarray(probabilities)
    _, unit = np.unique(np.asarray(paragraphs), return_inverse=True)
    units = int(unit.max()) + 1
    step = max(1, DRAWN_AT_ONCE // len(p))
    shares: list[float] = []
    while (draws := min(step, DRAWS - len(shares))) > 0:
        labels = generator.random((draws, len(p))) < p
        if units < FEW_PARAGRAPHS:
            weights = np.ones((draws, len(p)), dtype=np.int64)
        else:
            weights = generator.multinomial(units, np.full(units, 1 / units), size=draws)[:, unit]
        shares += ((labels * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)).tolist()
    # As np.percentile gives, which loads masked arrays for it.
    low, high = np.interp([0.025, 0.975], np.linspace(0, 1, len(shares)), np.sort(shares))
    score = float(p.mean())  # so near 0 or 1 that every draw agrees, it would lie outside
    return 100 * min(float(low), score), 100 * max(float(high), score)


def percentiles(score: float, reference: Reference | None, key: str) -> Mapping[str, int] | None:
    """The share of reference pages, in percent by section, whose score is lower (ties count half)."""
    quantiles = reference.quantiles.get(key) if reference else None
    if quantiles is None:
        return None
    ranks = {name: (bisect_left(row, score) + bisect_right(row, score)) / 2 for name, row in quantiles.items()}
    return {name: round(min(100.0, max(0.0, rank - 0.5))) for name, rank in ranks.items()}


def _warnings(counted: int, ignored: int) -> Iterator[str]:
    if not counted and ignored:
        yield "ignore comments leave no sentence of the outlet's own: nothing to score"
    elif not counted:
        yield "no sentence of the outlet's own: nothing to score"
    elif counted < FEW_SENTENCES:
        yield f"only {counted} sentence{'s' * (counted > 1)} of the outlet's own: the score is very uncertain"
