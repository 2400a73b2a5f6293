"""The values that travel between the steps: frozen, and of the standard library alone.

    Article -> Sentence -> Prediction -> SentenceResult -> ArticleReport

All offsets are half-open and count code points of `Article.text`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from bias.errors import MissingExtraError
from bias.levels import Level
from bias.words import WORD

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bias.frames import Rows
    from bias.review.widget import Review

SCHEMA_VERSION = 1

Label = Literal["neutral", "opinionated"]
Voice = Literal["outlet", "quoted", "mixed"]
QuotesMode = Literal["separate", "include"]
Category = Literal["loaded_language", "name_calling", "exaggeration", "doubt", "appeal_to_fear", "flag_waving"]

CATEGORIES: tuple[Category, ...] = (
    "loaded_language",
    "name_calling",
    "exaggeration",
    "doubt",
    "appeal_to_fear",
    "flag_waving",
)
"""Why a span is loaded, in the terms of SemEval-2023 task 3 (Piskorski et al. 2023)."""

WITHHELD = "..."
"""What stands in for the content of an attributed quote when the outlet's own words are judged alone."""


@dataclass(frozen=True, slots=True)
class Article:
    """One text to score, as read; `ignored` are the stretches that ignore comments keep from it, in order."""

    text: str
    source: str = "<text>"
    title: str | None = None
    warnings: tuple[str, ...] = ()
    ignored: tuple[tuple[int, int], ...] = ()

    @property
    def characters(self) -> int:
        """Length of the text in code points."""
        return len(self.text)

    @property
    def words(self) -> int:
        """Number of words in the text; a hyphenated or contracted word is one."""
        return sum(1 for _ in WORD.finditer(self.text))


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an article, and who speaks in it.

    `withheld` holds the article offsets of the content of attributed quotes inside this sentence, in order and
    without overlap. `speaker` and `verb` are those of its attribution as written ("Sergei Ryabkov", "told");
    `loaded_verb` says that the verb itself judges the speaker ("ranted").
    """

    index: int
    paragraph: int
    start: int
    end: int
    text: str
    voice: Voice = "outlet"
    withheld: tuple[tuple[int, int], ...] = ()
    speaker: str | None = None
    verb: str | None = None
    loaded_verb: bool = False

    @property
    def outlet_text(self) -> str:
        """The sentence with the content of each attributed quote replaced by `WITHHELD`."""
        parts, at = [], self.start
        for start, end in self.withheld:
            parts += [self.text[at - self.start : start - self.start], WITHHELD]
            at = end
        return "".join(parts) + self.text[at - self.start :]

    @property
    def has_outlet_words(self) -> bool:
        """Whether any word stands outside the attributed quotes."""
        return bool(WORD.search(self.outlet_text))

    @property
    def counted(self) -> bool:
        """Whether the sentence enters the article's score: it has words of the outlet beyond a plain attribution."""
        return self.has_outlet_words and (self.voice != "quoted" or self.loaded_verb)


@dataclass(frozen=True, slots=True)
class WordScore:
    """The token head's logit (natural log odds of *loaded*) for one word of the article."""

    start: int
    end: int
    logit: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model says of one text of a sentence: raw logits of the sentence, word, opinion and technique heads."""

    logit: float
    words: tuple[WordScore, ...] = ()
    opinion: float = 0.0
    techniques: Mapping[Category, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one sentence, before any calibration, prior or threshold.

    `written` is for the sentence as written, `outlet` for the outlet's own words: the same value where nothing is
    withheld, None where the outlet says nothing beyond a plain attribution.
    """

    sentence: Sentence
    written: Reading
    outlet: Reading | None

    @property
    def words(self) -> tuple[WordScore, ...]:
        """Every word once: the outlet's as read with the quotes withheld, the quoted ones as written."""
        if self.outlet is None or self.outlet is self.written:
            return self.written.words
        quoted = [word for word in self.written.words if self.is_quoted(word)]
        return tuple(sorted([*self.outlet.words, *quoted], key=lambda word: word.start))

    def is_quoted(self, word: WordScore) -> bool:
        """Whether the word is someone else's."""
        withheld = self.sentence.withheld
        at = bisect_right(withheld, word.start, key=lambda stretch: stretch[0]) - 1
        return at >= 0 and word.end <= withheld[at][1]


@dataclass(frozen=True, slots=True)
class Span:
    """A loaded word or phrase: `article.text[start:end] == text`, always whole words."""

    start: int
    end: int
    text: str
    probability: float
    voice: Literal["outlet", "quoted"] = "outlet"
    category: Category | None = None
    alternatives: tuple[str, ...] = ()
    why: str | None = None
    level: Level = "low"


@dataclass(frozen=True, slots=True)
class SentenceResult:
    """A sentence with its calibrated probabilities under one prior.

    `level` is that of the probability that decides on the label. `allowed` are loaded words on the user's allow list,
    which no output marks.
    """

    sentence: Sentence
    probability: float
    outlet_probability: float
    label: Label
    categories: Mapping[Category, float] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    level: Level = "low"
    allowed: tuple[Span, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The sentence's record in the report schema."""
        s = self.sentence
        return {
            "index": s.index,
            "paragraph": s.paragraph,
            "start": s.start,
            "end": s.end,
            "text": s.text,
            "voice": s.voice,
            "speaker": s.speaker,
            "probability": round(self.probability, 4),
            "outlet_probability": round(self.outlet_probability, 4),
            "label": self.label,
            "level": self.level if self.label == "opinionated" else None,
            "categories": {name: round(value, 4) for name, value in self.categories.items()},
            "spans": [
                {
                    "start": span.start,
                    "end": span.end,
                    "text": span.text,
                    "probability": round(span.probability, 4),
                    "level": span.level,
                    "voice": span.voice,
                    "category": span.category,
                    "alternatives": list(span.alternatives),
                    "why": span.why,
                }
                for span in self.spans
            ],
        }


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model made a report."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ArticleReport:
    """Everything that is known about one article under one prior; thresholds can still change.

    `score` and `interval` are percentages (0 to 100), `percentile` ranks against the reference corpus. All three are
    None where the outlet has no sentence of its own. `percentile` is None too where the model has no quantiles for
    this prior and quotes mode. `ignored` counts the sentences that ignore comments left out: those are in nothing else
    here.

    What is displayed is no part of the records, which hold all: `min_level` is the least level of a finding that is
    marked, and `known` names the findings of a baseline (`bias.reporting.findings.Finding.key`), which linters' outputs
    leave out; it is None without a baseline.
    """

    article: Article
    model: ModelInfo
    prior: str
    quotes: QuotesMode
    threshold: float
    score: float | None
    interval: tuple[float, float] | None
    percentile: Mapping[str, int] | None
    sentences: tuple[SentenceResult, ...]
    warnings: tuple[str, ...] = ()
    reference: str | None = None
    ignored: int = 0
    min_level: Level = "low"
    known: frozenset[tuple[str, int, int]] | None = None

    def at(self, threshold: float) -> ArticleReport:
        """The same report with labels drawn at another threshold (0 to 1); nothing is computed again.

        Raises:
            ValueError: the threshold is outside 0 to 1.
        """
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"a threshold lies between 0 and 1, not {threshold}")
        sentences = tuple(replace(r, label=label_of(self.decisive(r), threshold)) for r in self.sentences)
        return replace(self, threshold=threshold, sentences=sentences)

    def decisive(self, result: SentenceResult) -> float:
        """The probability that the label is drawn from: the outlet's own, or with `include` the whole sentence's."""
        return result.outlet_probability if self.quotes == "separate" else result.probability

    @property
    def opinionated(self) -> tuple[SentenceResult, ...]:
        """The sentences at or above the threshold."""
        return tuple(r for r in self.sentences if r.label == "opinionated")

    @property
    def spans(self) -> tuple[Span, ...]:
        """All loaded spans, the outlet's and those it quotes, in order."""
        return tuple(span for r in self.sentences for span in r.spans)

    @property
    def summary(self) -> dict[str, int | float]:
        """Counts: sentences, opinionated ones, quoted ones, and the loaded spans of the outlet's own.

        Where there are any, also `ignored` sentences, and `allowed` spans of the outlet's own.
        """
        spans, allowed = (
            sum(1 for span in found if span.voice == "outlet" or self.quotes == "include")
            for found in (self.spans, [span for r in self.sentences for span in r.allowed])
        )
        words = self.words
        more = {"ignored": self.ignored, "allowed": allowed}
        return {
            "sentences": len(self.sentences),
            "opinionated": len(self.opinionated),
            "quoted": sum(1 for r in self.sentences if r.sentence.voice == "quoted"),
            "spans": spans,
            "spans_per_100_words": round(100 * spans / words, 1) if words else 0.0,
            **{name: number for name, number in more.items() if number},
        }

    @property
    def words(self) -> int:
        """Number of words that were judged: the article's, less those of ignored sentences."""
        if not self.ignored:
            return self.article.words
        return sum(1 for r in self.sentences for _ in WORD.finditer(r.sentence.text))

    def to_dict(self) -> dict[str, Any]:
        """The report in schema version 1 (`bias/reporting/report.schema.json`), ready for `json.dumps`."""
        article, model = self.article, self.model
        return {
            "schema_version": SCHEMA_VERSION,
            "model": {"name": model.name, "version": model.version, "sha256": model.sha256},
            "article": {
                "source": article.source,
                "title": article.title,
                "characters": article.characters,
                "words": article.words,
            },
            "prior": self.prior,
            "quotes": self.quotes,
            "threshold": round(self.threshold, 4),
            "score": None if self.score is None else round(self.score, 1),
            "interval": None if self.interval is None else [round(bound, 1) for bound in self.interval],
            "percentile": None if self.percentile is None else dict(self.percentile),
            "summary": self.summary,
            "sentences": [r.to_dict() for r in self.sentences],
            "warnings": list(self.warnings),
        }

    def to_html(self) -> str:
        """A self-contained HTML page of the report."""
        from bias.reporting.html import render_page

        return render_page((self,))

    def to_frame(self, rows: Rows = "sentences") -> pd.DataFrame:
        """A pandas table with a row a sentence, or a row a loaded word (`spans`); see `bias.frames` for the columns.

        Raises:
            MissingExtraError: pandas is not installed.
            UsageError: there are no such rows.
        """
        from bias.frames import to_frame

        return to_frame((self,), rows)

    def review(self, *, reviewer: str | None = None, labels: str | Path | None = None) -> Review:
        """A widget to accept, reject and correct the report in a notebook, and to make training data of that.

        Args:
            reviewer: whose verdicts they are; the user of this machine if not given.
            labels: a file that every verdict is added to, as `bias review --labels`; what it holds on this article is
                taken up. Without it verdicts last as long as the notebook's kernel.

        Raises:
            MissingExtraError: anywidget is not installed.
        """
        try:
            from bias.review.widget import Review
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "bias":
                raise  # a fault of ours, not a package that is missing
            raise MissingExtraError("a review in a notebook", "notebook") from error
        return Review(self, reviewer=reviewer, labels=labels)

    def _repr_html_(self) -> str:
        from bias.reporting.html import render_fragment

        return render_fragment(self)


def label_of(probability: float, threshold: float) -> Label:
    """*opinionated* at or above the threshold."""
    return "opinionated" if probability >= threshold else "neutral"
