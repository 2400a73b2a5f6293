"""A reviewer's verdicts on the sentences of a report, and the labelled sentences that they come to.

A verdict is on what the report judged: the outlet's own words, or the sentence as written where quotes are included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from bias.errors import DataError
from bias.types import WITHHELD, ArticleReport, Label, QuotesMode, SentenceResult
from bias.words import WORD

Offsets = tuple[tuple[int, int], ...]
Decision = Literal["accepted", "rejected", "changed"]

LABELS: tuple[Label, ...] = ("neutral", "opinionated")


@dataclass(frozen=True, slots=True)
class Correction:
    """One reviewer's verdict on one sentence; a later one on the same sentence takes its place.

    `article` is the digest of the article's text, `start` and `end` are the sentence's offsets in it. `spans` and
    `withheld` are offsets within the sentence: the loaded words as the reviewer leaves them, and the content of
    attributed quotes. `label` None takes the verdict back. `scored` and `marked` are the label and the loaded words
    that the model gave, with `probability`.
    """

    source: str
    article: str
    index: int
    start: int
    end: int
    text: str
    withheld: Offsets
    quotes: QuotesMode
    scored: Label
    probability: float
    marked: Offsets
    model: str
    label: Label | None
    spans: Offsets
    reviewer: str
    time: str

    @property
    def key(self) -> tuple[str, int, str]:
        """What tells verdicts apart: article, place in it, reviewer."""
        return self.article, self.start, self.reviewer

    @property
    def decision(self) -> Decision | None:
        """What the verdict does to the report: lets it stand, turns the label, or changes the words marked."""
        if self.label is None:
            return None
        if self.label != self.scored:
            return "rejected" if self.scored == "opinionated" else "changed"
        return "accepted" if self.label == "neutral" or self.spans == self.marked else "changed"

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), **{name: [list(pair) for pair in getattr(self, name)] for name in _OFFSETS}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Correction:
        """What `to_dict` gave.

        Raises:
            DataError: a field is missing, unknown or of another kind; the message names it.
        """
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            odd = ", ".join(sorted(known ^ set(values)))
            raise DataError(f"not a correction: fields missing or unknown: {odd}")
        try:
            found = cls(**{**values, **{name: _offsets(values[name]) for name in _OFFSETS}})
        except (TypeError, ValueError) as error:
            raise DataError(f"not a correction: {error}") from error
        texts = (found.source, found.article, found.text, found.model, found.reviewer, found.time)
        if not all(isinstance(value, str) for value in texts) or not all(
            isinstance(value, int) for value in (found.index, found.start, found.end)
        ):
            raise DataError("not a correction: a field is of another kind than it should be")
        _check(found)
        return found


_OFFSETS = ("withheld", "marked", "spans")


def _offsets(pairs: Any) -> Offsets:
    found = tuple((start, end) for start, end in pairs)
    if not all(isinstance(value, int) for pair in found for value in pair):
        raise ValueError(f"offsets are pairs of whole numbers, not {pairs!r}")
    return found


def _check(correction: Correction) -> None:
    if correction.label is not None and correction.label not in LABELS:
        raise DataError(f"a label is {' or '.join(LABELS)}, not {correction.label!r}")
    at = 0
    for start, end in correction.spans:
        if not at <= start < end <= len(correction.text):
            raise DataError(f"loaded words are in order, apart and inside the sentence, not at {start} to {end}")
        at = end


def digest_of(text: str) -> str:
    """What an article's text is known by: the first 16 hex digits of its sha256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def correction_of(
    report: ArticleReport,
    result: SentenceResult,
    *,
    reviewer: str,
    label: Label | None,
    spans: Iterable[tuple[int, int]] | None = None,
    time: str | None = None,
) -> Correction:
    """The verdict on a sentence of a report.

    Args:
        spans: the loaded words as offsets of the article, widened to whole words; None leaves those that the model
            marked. A neutral sentence has none.
        time: ISO 8601; now if not given.

    Raises:
        DataError: a span is outside the sentence, holds no word, or is in quoted speech.
    """
    sentence = result.sentence
    marked = _marked(report, result)
    withheld = sentence.withheld if report.quotes == "separate" else ()
    chosen = (
        marked
        if spans is None
        else _whole_words(sentence.text, [(a - sentence.start, b - sentence.start) for a, b in spans])
    )
    made = Correction(
        source=report.article.source,
        article=digest_of(report.article.text),
        index=sentence.index,
        start=sentence.start,
        end=sentence.end,
        text=sentence.text,
        withheld=tuple((a - sentence.start, b - sentence.start) for a, b in withheld),
        quotes=report.quotes,
        scored=result.label,
        probability=round(report.decisive(result), 4),
        marked=marked,
        model=report.model.sha256,
        label=label,
        spans=chosen if label == "opinionated" else (),
        reviewer=reviewer,
        time=time or datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _check(made)
    if any(a < end and start < b for start, end in made.spans for a, b in made.withheld):
        raise DataError("these words are in quoted speech, which is not judged: mark the outlet's own")
    return made


def decision_on(report: ArticleReport, result: SentenceResult, correction: Correction) -> Decision | None:
    """What a verdict, given under whatever model and threshold, does to the sentence as this report has it."""
    return replace(correction, scored=result.label, marked=_marked(report, result)).decision


def _marked(report: ArticleReport, result: SentenceResult) -> Offsets:
    """The loaded words that count, as offsets within the sentence."""
    start = result.sentence.start
    counted = (span for span in result.spans if span.voice == "outlet" or report.quotes == "include")
    return tuple((span.start - start, span.end - start) for span in counted)


def _whole_words(text: str, spans: Sequence[tuple[int, int]]) -> Offsets:
    """The spans widened to the words that they touch, in order, overlapping ones joined."""
    words = [match.span() for match in WORD.finditer(text)]
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        touched = [(a, b) for a, b in words if a < end and start < b]
        if not 0 <= start < end <= len(text) or not touched:
            raise DataError(f"no word of the sentence stands at {start} to {end}")
        first, last = touched[0][0], touched[-1][1]
        if found and first < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def latest(corrections: Iterable[Correction]) -> list[Correction]:
    """The last verdict of every reviewer on every sentence, those taken back left out, in the order of the articles."""
    found: dict[tuple[str, int, str], Correction] = {}
    for correction in corrections:
        found.pop(correction.key, None)
        found[correction.key] = correction
    standing = [correction for correction in found.values() if correction.label is not None]
    order = {article: number for number, article in enumerate(dict.fromkeys(c.article for c in standing))}
    return sorted(standing, key=lambda correction: (order[correction.article], correction.start, correction.reviewer))


def to_examples(corrections: Iterable[Correction]) -> list[dict[str, Any]]:
    """Rows for `bias train`, one for each verdict that stands.

    The verdict says nothing of the quotes, so a row is the sentence with them withheld: what the model reads when it
    judges the outlet's own words. `spans` are offsets into the row's text, and null where the sentence is opinionated
    and nobody said by which words. A sentence that is a quote throughout gives no row.
    """
    rows = (_row(correction) for correction in latest(corrections))
    return [row for row in rows if WORD.search(row["text"])]


def _row(correction: Correction) -> dict[str, Any]:
    text, spans = _withheld(correction)
    return {
        "text": text,
        "label": correction.label,
        "outlet_label": correction.label if correction.quotes == "separate" else None,
        "spans": None if correction.label == "opinionated" and not spans else spans,
        "group": correction.article,
        "source": correction.source,
        "reviewer": correction.reviewer,
        "decision": correction.decision,
        "time": correction.time,
    }


def _withheld(correction: Correction) -> tuple[str, list[list[int]]]:
    """The sentence with the content of its quotes replaced by `WITHHELD`, and the loaded words as they lie then."""
    parts, at = [], 0
    for start, end in correction.withheld:
        parts += [correction.text[at:start], WITHHELD]
        at = end
    spans = []
    for start, end in correction.spans:
        shift = sum(len(WITHHELD) - (b - a) for a, b in correction.withheld if b <= start)
        spans.append([start + shift, end + shift])
    return "".join(parts) + correction.text[at:], spans


def taken_back(correction: Correction, time: str | None = None) -> Correction:
    """The verdict that undoes this one."""
    return replace(correction, label=None, spans=(), time=time or datetime.now(UTC).isoformat(timespec="seconds"))
