"""What a calibration map may weigh: the heads' logits for a reading, the lexicon's terms in it, and its article."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log1p
from statistics import fmean

from bias.lexicon import Hit
from bias.types import Prediction, Reading

WORDING = ("sentence", "opinion", "word", "second_word", "terms")
"""Features of a reading: logits of the sentence, of the opinion head and of the two most loaded words, number of the
lexicon's terms."""

CONTEXT = ("length", "earliness", "tone")
"""Features of the place in an article; annotators of whole articles mark long and early sentences more often.

`length` is the logarithm of the number of words, less the mean over the article's own sentences: the plain length would
tell columns, whose sentences are short, from the news. `earliness` falls with the logarithm of the sentence's number.
`tone` is the mean of the article's opinion logits.
"""

FEATURES = (*WORDING, *CONTEXT)

FAINTEST = -8.0
"""Logit of a word that is not there; no word counts for less."""

ALONE_EARLINESS = -log1p(10)
"""Earliness of a sentence of which no article is known: that of the eleventh."""


def evidence(reading: Reading, hits: Sequence[Hit], context: Mapping[str, float] | None = None) -> Mapping[str, float]:
    """The features of a reading, by name.

    Args:
        hits: the lexicon's terms in the article, at the article's offsets.
        context: of `contexts`; None for a sentence that stands alone.
    """
    strongest = sorted((FAINTEST, FAINTEST, *(max(word.logit, FAINTEST) for word in reading.words)))
    starts = {word.start for word in reading.words}
    return {
        "sentence": reading.logit,
        "opinion": reading.opinion,
        "word": strongest[-1],
        "second_word": strongest[-2],
        "terms": float(sum(1 for hit in hits if hit.start in starts)),
        **(context or {"length": 0.0, "earliness": ALONE_EARLINESS, "tone": reading.opinion}),
    }


def contexts(predictions: Sequence[Prediction]) -> list[Mapping[str, float]]:
    """The features of each sentence's place in the article that the predictions are of.

    Means are over the outlet's own sentences, or over all where it has none.
    """
    own = [prediction for prediction in predictions if prediction.sentence.counted] or predictions
    lengths = [log1p(len(prediction.written.words)) for prediction in predictions]
    if not own:
        return []
    usual = fmean(log1p(len(prediction.written.words)) for prediction in own)
    tone = fmean((prediction.outlet or prediction.written).opinion for prediction in own)
    return [
        {"length": length - usual, "earliness": -log1p(number), "tone": tone} for number, length in enumerate(lengths)
    ]
