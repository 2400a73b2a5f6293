"""What lies on a reviewer's desk: articles in a queue, their reports, and the verdicts given on them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from bias.detector import Detector, read_sentences
from bias.errors import BiasError, DataError
from bias.language import with_warning
from bias.review.corrections import Correction, correction_of, digest_of, latest
from bias.review.store import Store
from bias.review.turns import Turns
from bias.scoring import make_report
from bias.types import Article, ArticleReport, Label, Prediction, QuotesMode, SentenceResult

KEPT = 32
"""Reports kept in memory; any other is made again when it is asked for."""

KEPT_SENTENCES = 20_000
"""Sentences of the reports kept in memory, beside those of the last one."""

ADDED = 1_000
"""Articles that a page has sent, kept in memory beside those of the queue; the oldest go first."""

ADDED_CHARACTERS = 50_000_000
"""Characters of those articles."""

WAITING = 16
"""Articles that are scored or wait for it; more are told to come again."""

SLICE = 64
"""Sentences that are read before it is another article's turn."""

SECONDS = 300.0
"""The time that scoring one article may take."""


class NotOnDeskError(DataError):
    """An article that is not on the desk: sent long ago, or before the server was started anew."""


class TooSlowError(BiasError):
    """Scoring an article took longer than it may."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How articles are scored, as in `Detector.score`, and how many seconds that may take."""

    prior: str = "news"
    quotes: QuotesMode = "separate"
    threshold: float | None = None
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Progress:
    """An article on the desk; `sentences` is None until it has been scored."""

    id: str
    source: str
    title: str | None
    sentences: int | None
    judged: int


class Desk:
    """Articles by the digest of their text; safe to use from several threads.

    Args:
        articles: the queue, in order; one that stands there twice is there once.
    """

    def __init__(
        self,
        detector: Detector,
        store: Store,
        reviewer: str,
        articles: Iterable[Article] = (),
        settings: Settings = Settings(),
    ) -> None:
        self.detector, self.store, self.reviewer, self.settings = detector, store, reviewer, settings
        self._guard = threading.Lock()  # of what follows; never held while an article is scored
        self._queue: dict[str, Article] = {}
        for article in articles:
            self._queue.setdefault(digest_of(article.text), article)
        self._added: OrderedDict[str, Article] = OrderedDict()
        self._reports: OrderedDict[str, ArticleReport] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._characters = 0  # of what was added
        self._making: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._turns = Turns(WAITING)

    def add(self, article: Article) -> str:
        """Put an article on the desk; what it is known by."""
        key = digest_of(article.text)
        with self._guard:
            if key not in self._queue:
                self._characters += 0 if key in self._added else len(article.text)
                self._added[key] = article
                self._added.move_to_end(key)
                while len(self._added) > ADDED or (self._characters > ADDED_CHARACTERS and len(self._added) > 1):
                    gone, oldest = self._added.popitem(last=False)
                    self._characters -= len(oldest.text)
                    self._sizes.pop(gone, None)
        return key

    def progress_of(self, key: str) -> Progress:
        """One article of the desk, as `progress` has it.

        Raises:
            NotOnDeskError: there is no such article.
        """
        article = self._article(key)
        judged = sum(correction.article == key for correction in self._standing())
        with self._guard:
            return Progress(key, article.source, article.title, self._sizes.get(key), judged)

    def progress(self) -> list[Progress]:
        """Every article, those of the queue first, with the number of its sentences that this reviewer has judged."""
        judged: dict[str, int] = {}
        for correction in self._standing():
            judged[correction.article] = judged.get(correction.article, 0) + 1
        with self._guard:
            articles, sizes = {**self._queue, **self._added}, dict(self._sizes)
        return [
            Progress(key, article.source, article.title, sizes.get(key), judged.get(key, 0))
            for key, article in articles.items()
        ]

    def report(self, key: str, threshold: float | None = None) -> ArticleReport:
        """The report of an article, with labels drawn at another threshold if one is given.

        Raises:
            NotOnDeskError: there is no such article.
            TooSlowError: it is too long.
            BusyError: as many are being made, or waited for, as may be.
        """
        report = self._known(key)
        if report is None:
            with self._turns.place():
                with self._guard:
                    alone = self._making.setdefault(key, threading.Lock())
                with alone:  # who asks for the same one waits for it
                    report = self._known(key) or self._keep(key, self._score(self._article(key)))
        return report if threshold is None else report.at(threshold)

    def verdicts(self, key: str) -> dict[int, Correction]:
        """The reviewer's verdicts on an article, by the index of the sentence in its report, which they are given.

        One on a sentence that a later version cuts otherwise is in the file and the export, not here.
        """
        places = {(r.sentence.start, r.sentence.end): r.sentence.index for r in self.report(key).sentences}
        found = [c for c in self._standing() if c.article == key and (c.start, c.end) in places]
        return {index: replace(c, index=index) for c in found for index in (places[c.start, c.end],)}

    def judge(
        self,
        key: str,
        indices: Sequence[int],
        label: Label | None = None,
        spans: Sequence[tuple[int, int]] | None = None,
        threshold: float | None = None,
    ) -> list[Correction]:
        """Give a verdict on sentences of an article; when this returns it is saved.

        Args:
            label: None lets the label of each stand; to take a verdict back is `take_back`.
            spans: the loaded words of the one sentence, as offsets of the article; None leaves the marked ones.
            threshold: that of the report which the reviewer sees.

        Raises:
            DataError: no such article or sentence, or a span that is none.
            OutputError: it could not be saved.
        """
        if spans is not None and len(indices) != 1:
            raise DataError("loaded words are given for one sentence at a time")
        report = self.report(key, threshold)
        results = [_result(report, index) for index in indices]
        return self._save(
            correction_of(report, result, reviewer=self.reviewer, label=label or result.label, spans=spans)
            for result in results
        )

    def take_back(self, key: str, indices: Sequence[int]) -> list[Correction]:
        """Take verdicts back; when this returns that is saved.

        Raises:
            DataError, OutputError: as `judge`.
        """
        report = self.report(key)
        results = [_result(report, index) for index in indices]
        return self._save(correction_of(report, result, reviewer=self.reviewer, label=None) for result in results)

    def _save(self, made: Iterable[Correction]) -> list[Correction]:
        corrections = list(made)
        self.store.add(corrections)
        return corrections

    def _standing(self) -> list[Correction]:
        return [correction for correction in latest(self.store.corrections) if correction.reviewer == self.reviewer]

    def _known(self, key: str) -> ArticleReport | None:
        with self._guard:
            if key in self._reports:
                self._reports.move_to_end(key)
            return self._reports.get(key)

    def _article(self, key: str) -> Article:
        with self._guard:
            article = self._queue.get(key) or self._added.get(key)
        if article is None:
            raise NotOnDeskError(f"no article {key} is on the desk: send its text again")
        return article

    def _keep(self, key: str, report: ArticleReport) -> ArticleReport:
        with self._guard:
            self._reports[key] = report
            if key in self._queue or key in self._added:
                self._sizes[key] = len(report.sentences)
            others = sum(len(kept.sentences) for kept in self._reports.values()) - len(report.sentences)
            while len(self._reports) > KEPT or others > KEPT_SENTENCES:
                _, oldest = self._reports.popitem(last=False)
                others -= len(oldest.sentences)
        return report

    def _score(self, article: Article) -> ArticleReport:
        article = with_warning(article)
        how = self.settings
        end = time.monotonic() + how.seconds
        sentences, ignored = read_sentences(article)
        predictions: list[Prediction] = []
        for start in range(0, len(sentences), SLICE):
            with self._turns.turn():
                if time.monotonic() > end:
                    raise TooSlowError(
                        f"scoring took longer than {how.seconds:g} seconds: cut it in parts, or use bias score"
                    )
                predictions += self.detector.predict(sentences[start : start + SLICE])
        return make_report(
            article,
            predictions,
            self.detector.model,
            prior=how.prior,
            quotes=how.quotes,
            threshold=how.threshold,
            ignored=ignored,
        )


def _result(report: ArticleReport, index: int) -> SentenceResult:
    if not 0 <= index < len(report.sentences):
        raise DataError(f"the article has {len(report.sentences)} sentences, and none with the number {index}")
    return report.sentences[index]
