"""What goes over the wire between the page and its server, and stands in its OpenAPI description."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bias.files import replace_surrogates
from bias.review.corrections import Correction, Decision
from bias.review.desk import Progress
from bias.types import Label

Unicode = Annotated[
    str, BeforeValidator(lambda given: replace_surrogates(given)[0] if isinstance(given, str) else given)
]
"""Lone surrogates, which JSON can escape, become U+FFFD one for one, as wherever text is read."""

Pair = Annotated[list[int], Field(min_length=2, max_length=2)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Text(_Message):
    """An article to score."""

    text: Unicode
    title: Unicode | None = None
    source: Unicode = Field(
        default="pasted text", min_length=1, max_length=500, description="Its name; .html and .md tell the format."
    )


class Verdict(_Message):
    """A verdict on sentences of an article.

    `label` lets the given label stand, `accept` the one that each sentence has in the report at `threshold`, and
    `take_back` takes the verdicts back. `spans` are the loaded words of the one sentence, as offsets of the article;
    without them those that the model marked stay.
    """

    article: Unicode
    sentences: list[int] = Field(min_length=1, max_length=100_000)
    action: Literal["label", "accept", "take_back"]
    label: Label | None = None
    spans: list[Pair] | None = Field(default=None, max_length=1_000)
    threshold: float | None = Field(default=None, ge=0, le=1)


class Model(_Message):
    """Which model is at work."""

    name: str
    version: str
    sha256: str


class Health(_Message):
    """What is running, and how many verdicts stand."""

    status: Literal["ok"] = "ok"
    version: str
    model: Model
    reviewer: str
    labels: str
    verdicts: int


class Item(_Message):
    """An article on the desk; `sentences` is null until it has been scored."""

    id: str
    source: str
    title: str | None
    sentences: int | None
    judged: int


class Given(_Message):
    """A verdict that stands; `spans` are offsets of the article, `decision` what it does to the label and the marks."""

    article: str
    source: str
    sentence: int
    label: Label | None
    decision: Decision | None
    spans: list[Pair]
    reviewer: str
    time: str


class Shown(_Message):
    """An article's report (schema version 1), the same as HTML, and the reviewer's verdicts on it."""

    id: str
    report: dict[str, Any]
    html: str
    verdicts: list[Given]


class Problem(_Message):
    """Why there is no answer, in one line."""

    detail: str


class Saved(_Message):
    """Verdicts that are on the disk."""

    saved: list[Given]


def item(progress: Progress) -> Item:
    """The message of an article's progress."""
    return Item(
        id=progress.id,
        source=progress.source,
        title=progress.title,
        sentences=progress.sentences,
        judged=progress.judged,
    )


def given(correction: Correction, decision: Decision | None) -> Given:
    """The message of a verdict."""
    return Given(
        article=correction.article,
        source=correction.source,
        sentence=correction.index,
        label=correction.label,
        decision=decision,
        spans=[[correction.start + start, correction.start + end] for start, end in correction.spans],
        reviewer=correction.reviewer,
        time=correction.time,
    )
