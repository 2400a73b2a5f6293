"""Reports built by hand: sentences with their values in, an `ArticleReport` with the right offsets out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bias.errors import EncodingError, InputError
from bias.levels import level_of
from bias.types import Article, ArticleReport, Category, ModelInfo, Sentence, SentenceResult, Span, Voice, label_of

THRESHOLD = SPAN_THRESHOLD = 0.5
"""Those of the model that the reports are of."""


@dataclass(frozen=True)
class Failure:
    """The shape of an input that could not be read."""

    source: str
    error: InputError


def failure(source: str = "broken.txt", message: str = "byte 12 is not valid UTF-8") -> Failure:
    return Failure(source, EncodingError(message))


def loaded(
    text: str,
    probability: float = 0.95,
    category: Category | None = "loaded_language",
    alternatives: Sequence[str] = (),
    why: str | None = None,
) -> dict[str, Any]:
    """A loaded word or phrase, found in its sentence by its text."""
    values = {"text": text, "probability": probability, "category": category}
    return values | {"alternatives": tuple(alternatives), "why": why}


def sentence(
    text: str,
    probability: float = 0.03,
    *spans: dict[str, Any],
    outlet: float | None = None,
    voice: Voice = "outlet",
    quote: str | None = None,
    speaker: str | None = None,
    verb: str | None = None,
    loaded_verb: bool = False,
    categories: dict[Category, float] | None = None,
    gap: str = " ",
) -> dict[str, Any]:
    """A sentence to build a report from; `quote` is the speech withheld in it, `gap` the text before it."""
    return locals()


def report(
    *paragraphs: Sequence[dict[str, Any]],
    source: str = "story.txt",
    title: str | None = None,
    separator: str = "\n\n",
    lead: str = "",
    tail: str = "",
    threshold: float = THRESHOLD,
    **values: Any,
) -> ArticleReport:
    """A report of paragraphs of `sentence`s; `values` replace fields of the report."""
    text, results = lead, []
    for number, paragraph in enumerate(paragraphs):
        for place, given in enumerate(paragraph):
            if text != lead:
                text += separator if place == 0 else given["gap"]
            results.append(_result(given, len(results), number, len(text), threshold))
            text += given["text"]
    fields: dict[str, Any] = {
        "article": Article(text + tail, source=source, title=title),
        "model": ModelInfo("default", "1", "0" * 64),
        "prior": "news",
        "quotes": "separate",
        "threshold": threshold,
        "score": 21.4,
        "interval": (9.8, 36.0),
        "percentile": {"news": 81, "opinion": 12},
        "sentences": tuple(results),
        "reference": "2,000 news pages and 800 opinion pages of 2024, United States",
    }
    return ArticleReport(**(fields | values))


def _result(given: dict[str, Any], index: int, paragraph: int, start: int, threshold: float) -> SentenceResult:
    text, outlet = given["text"], given["outlet"]
    withheld = ()
    if given["quote"] is not None:
        at = start + text.index(given["quote"])
        withheld = ((at, at + len(given["quote"])),)
    spans = []
    for values in given["spans"]:
        at = start + text.index(values["text"])
        quoted = any(left <= at < right for left, right in withheld)
        end = at + len(values["text"])
        level = level_of(values["probability"], SPAN_THRESHOLD)
        spans.append(Span(start=at, end=end, voice="quoted" if quoted else "outlet", level=level, **values))
    outlet = given["probability"] if outlet is None else outlet
    return SentenceResult(
        Sentence(
            index,
            paragraph,
            start,
            start + len(text),
            text,
            given["voice"],
            withheld,
            given["speaker"],
            given["verb"],
            given["loaded_verb"],
        ),
        given["probability"],
        outlet,
        label_of(outlet, threshold),
        given["categories"] or {},
        tuple(spans),
        level_of(outlet, THRESHOLD),
    )


def harbour() -> ArticleReport:
    """A realistic report: a local story, mostly reporting, with loaded words that hit either side, and quotes."""
    giveaway = "This is a shameless giveaway, and every dockworker in this city knows it,"
    slap = "We asked again in June, and what we got was a slap in the face,"
    return report(
        [
            sentence(
                "The city council voted 7 to 4 on Tuesday night to lease the old ferry terminal to a private operator "
                "for 30 years.",
                0.02,
            ),
            sentence(
                "The deal, rammed through by council president Ada Lindqvist after a marathon session, hands her "
                "cronies in the shipping lobby the last public pier on the harbour.",
                0.97,
                loaded("rammed through", 0.94, alternatives=["passed", "approved"], why="Force, for an ordinary vote."),
                loaded("cronies", 0.98, "name_calling", ["associates", "allies"], "Suggests corruption, shows none."),
                categories={"name_calling": 0.91, "loaded_language": 0.88, "doubt": 0.07},
            ),
        ],
        [
            sentence(
                f"“{giveaway}” said Tomás Reyes, who leads the port union.",
                0.93,
                loaded("shameless giveaway", 0.9, alternatives=["transfer"], why="Judges the motive, not the terms."),
                outlet=0.03,
                voice="quoted",
                quote=giveaway,
                speaker="Tomás Reyes",
                verb="said",
            ),
            sentence(
                "Under the lease, the operator will pay $2.1 million a year and must keep two berths open to ferries.",
                0.02,
            ),
            sentence("The terminal has been closed since a fire damaged its roof in 2019.", 0.01),
        ],
        [
            sentence(
                "Union agitators, predictably, spent the evening howling from the gallery rather than reading the "
                "contract.",
                0.96,
                loaded("agitators", 0.93, "name_calling", ["members", "protesters"], "Casts protest as troublemaking."),
                loaded("predictably", 0.66, "doubt", why="Tells the reader what to think; it can be left out."),
                loaded("howling", 0.88, alternatives=["shouting", "protesting"], why="Compares people with animals."),
                categories={"name_calling": 0.86, "loaded_language": 0.8},
            ),
            sentence(
                "Ms. Lindqvist said the city had sought bids twice and that only one company had met its terms.", 0.06
            ),
            sentence(
                "She called the protest “a circus” and said the vote would stand.",
                0.41,
                loaded("circus", 0.81, alternatives=["protest"], why="Makes light of the people in it."),
                outlet=0.12,
                voice="mixed",
                quote="a circus",
                speaker="Ms. Lindqvist",
                verb="called",
            ),
        ],
        [
            sentence(
                "“We asked for a plan in March.",
                0.08,
                outlet=0.0,
                voice="quoted",
                quote="“We asked for a plan in March.",
                speaker="Priya Raman",
            ),
            sentence(
                f"{slap}” Councilwoman Priya Raman, who voted against the lease, told reporters.",
                0.74,
                loaded("slap in the face", 0.77, alternatives=["a refusal"], why="A blow stands in for a decision."),
                outlet=0.04,
                voice="quoted",
                quote=slap,
                speaker="Priya Raman",
                verb="told",
            ),
            sentence(
                "Perhaps it was mere coincidence that the operator’s lawyer was seen at the president’s table the "
                "night before.",
                0.68,
                categories={"doubt": 0.83, "loaded_language": 0.31},
            ),
            sentence("A spokesman for the operator declined to comment.", 0.02),
        ],
        [
            sentence(
                "The lease takes effect on 1 January unless opponents gather 12,000 signatures for a referendum.", 0.03
            ),
            sentence("City clerks expect to certify any petition by the middle of November.", 0.02),
        ],
        source="articles/harbour-lease.txt",
        title="Council leases ferry terminal after heated session",
        score=24.6,
        interval=(11.2, 38.5),
        percentile={"news": 86, "opinion": 17},
    )
