"""Sentences -> predictions, and the whole way from an article to its report."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import tee
from pathlib import Path

from bias.blinding import BlindEncoder
from bias.comments import touches, without_comments
from bias.encoder import Encoded, Encoder, OnnxEncoder, runtime
from bias.lexicon import default_lexicon
from bias.modelfolder import TOKENIZER, WEIGHTS, ModelFolder, model_folder, open_model
from bias.quotation import attribute
from bias.reading import read_text
from bias.segmentation import segment
from bias.types import (
    CATEGORIES,
    WITHHELD,
    Article,
    ArticleReport,
    Prediction,
    QuotesMode,
    Reading,
    Sentence,
    WordScore,
)


class Detector:
    """A verified model, ready to read.

    Args:
        model: a model folder; None or "default" is the shipped one.
        threads: how many sentences are read at once; None is one a processor.
        encoder: another engine for the same model, as the torch one while training.

    Raises:
        ModelError: the folder is missing, damaged or not a model.
    """

    def __init__(
        self, model: str | Path | None = None, *, threads: int | None = None, encoder: Encoder | None = None
    ) -> None:
        with ThreadPoolExecutor(1) as pool:
            # Digests and the making of a session leave Python free for what else the first report needs.
            opened = pool.submit(open_model, model_folder(model))
            if encoder is None:
                runtime()
            self.model: ModelFolder = opened.result()
            if encoder is None:
                files = (self.model.path / WEIGHTS, self.model.path / TOKENIZER)
                engine = pool.submit(OnnxEncoder, *files, self.model.max_tokens, threads)
                from bias import scoring  # noqa: F401, here since there is time to wait for it anyway

                default_lexicon()
                encoder = engine.result()
        self._encoder = BlindEncoder(encoder) if self.model.blind else encoder

    def predict(self, sentences: Iterable[Sentence]) -> Iterator[Prediction]:
        """One prediction a sentence, in order and lazily.

        A sentence with attributed quotes is read twice, as written and with the quotes withheld, unless nothing but a
        plain attribution is left of it: that takes no side whatever the model thinks of its words.
        """
        kept, read = tee(sentences)
        results = self._encoder.encode(text for sentence in read for text in _texts(sentence))
        for sentence in kept:
            written, *withheld = [next(results) for _ in _texts(sentence)]
            yield _prediction(sentence, written, withheld[0] if withheld else None)

    def score(
        self,
        article: Article | str,
        *,
        prior: str = "news",
        quotes: QuotesMode = "separate",
        threshold: float | None = None,
        allow: Sequence[str] = (),
    ) -> ArticleReport:
        """The report of one article; see `bias.scoring.make_report` for the options.

        Raises:
            EmptyTextError: there is no text to score.
            UsageError: the prior or the threshold is out of range, or an allowed term has no word.
        """
        from bias.scoring import make_report

        if isinstance(article, str):
            article = read_text(article)
        sentences, ignored = read_sentences(article)
        predictions = tuple(self.predict(sentences))
        return make_report(
            article,
            predictions,
            self.model,
            prior=prior,
            quotes=quotes,
            threshold=threshold,
            allow=allow,
            ignored=ignored,
        )


def read_sentences(article: Article) -> tuple[tuple[Sentence, ...], int]:
    """The sentences of an article with their voices, and how many more its ignore comments leave out.

    A sentence that touches an ignored stretch is left out. Who speaks is found in the whole text before, so that a
    quotation that begins in such a stretch still is one after it.
    """
    text = without_comments(article.text, article.ignored)
    sentences = attribute(text, segment(text))
    kept = [sentence for sentence in sentences if not touches(sentence.start, sentence.end, article.ignored)]
    numbered = tuple(replace(sentence, index=index) for index, sentence in enumerate(kept))
    return numbered, len(sentences) - len(kept)


def _texts(sentence: Sentence) -> tuple[str, ...]:
    if sentence.withheld and sentence.counted:
        return (sentence.text, sentence.outlet_text)
    return (sentence.text,)


def _prediction(sentence: Sentence, written: Encoded, withheld: Encoded | None) -> Prediction:
    words = (WordScore(sentence.start + start, sentence.start + end, logit) for start, end, logit in written.words)
    reading = _reading(written, words)
    if withheld is not None:
        return Prediction(sentence, reading, _reading(withheld, _moved(sentence, withheld)))
    return Prediction(sentence, reading, reading if sentence.counted and not sentence.withheld else None)


def _reading(encoded: Encoded, words: Iterable[WordScore]) -> Reading:
    techniques = dict(zip(CATEGORIES, encoded.technique, strict=True))
    return Reading(encoded.sentence, tuple(words), encoded.opinion, techniques)


def _moved(sentence: Sentence, withheld: Encoded) -> Iterator[WordScore]:
    """The words of the text with its quotes withheld, at their offsets in the article."""
    cuts, shifts = [], [sentence.start]
    for start, end in sentence.withheld:
        cuts.append(start - shifts[-1])
        shifts.append(shifts[-1] + end - start - len(WITHHELD))
    for start, end, logit in withheld.words:
        shift = shifts[bisect_right(cuts, start)]
        yield WordScore(start + shift, end + shift, logit)
