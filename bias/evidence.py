"""What a calibration map may weigh: the heads' logits for a reading, and what the lexicon finds in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bias.lexicon import Hit
from bias.types import Reading

FEATURES = ("sentence", "opinion", "word", "second_word", "terms")
"""Names of the features: logits of the sentence, of the opinion head and of the two most loaded words, number of the
lexicon's terms.

The length of the sentence would tell annotators' habits too, but then columns, whose sentences are short, score lower
than the news.
"""

FAINTEST = -8.0
"""Logit of a word that is not there; no word counts for less."""


def evidence(reading: Reading, hits: Sequence[Hit]) -> Mapping[str, float]:
    """The features of a reading, by name. `hits` are the lexicon's terms in the article, at the article's offsets."""
    strongest = sorted((FAINTEST, FAINTEST, *(max(word.logit, FAINTEST) for word in reading.words)))
    starts = {word.start for word in reading.words}
    return {
        "sentence": reading.logit,
        "opinion": reading.opinion,
        "word": strongest[-1],
        "second_word": strongest[-2],
        "terms": float(sum(1 for hit in hits if hit.start in starts)),
    }
