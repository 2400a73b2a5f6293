"""Reports as pandas tables: a row an article, a sentence or a loaded word, with types that do not hang on the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from bias.errors import MissingExtraError, UsageError
from bias.files import replace_surrogates
from bias.types import CATEGORIES, ArticleReport

if TYPE_CHECKING:
    import pandas as pd

Rows = Literal["articles", "sentences", "spans"]

_ARTICLES = {
    "source": "str",
    "title": "str",
    "score": "float64",
    "interval_low": "float64",
    "interval_high": "float64",
    "percentile_news": "Int64",
    "percentile_opinion": "Int64",
    "words": "int64",
    "sentences": "int64",
    "opinionated": "int64",
    "quoted": "int64",
    "spans": "int64",
    "spans_per_100_words": "float64",
    "model": "str",
    "prior": "str",
    "quotes": "str",
    "threshold": "float64",
}
_SENTENCES: dict[str, str] = {
    "source": "str",
    "index": "int64",
    "paragraph": "int64",
    "start": "int64",
    "end": "int64",
    "text": "str",
    "voice": "str",
    "speaker": "str",
    "counted": "bool",
    "probability": "float64",
    "outlet_probability": "float64",
    "label": "str",
    "level": "str",
    "spans": "str",
    "quoted_spans": "str",
    **dict.fromkeys(CATEGORIES, "float64"),
}
_SPANS = {
    "source": "str",
    "sentence": "int64",
    "start": "int64",
    "end": "int64",
    "text": "str",
    "voice": "str",
    "counted": "bool",
    "probability": "float64",
    "level": "str",
    "category": "str",
    "why": "str",
    "alternatives": "str",
    "sentence_text": "str",
}
COLUMNS: dict[Rows, dict[str, str]] = {"articles": _ARTICLES, "sentences": _SENTENCES, "spans": _SPANS}
"""The columns of each kind of table and their types in pandas; what is not known is NaN or <NA>."""


def to_frame(reports: Sequence[ArticleReport], rows: Rows = "sentences", names: Sequence[str] = ()) -> pd.DataFrame:
    """A table of reports, one after the other, with the columns `COLUMNS`.

    Names and values are those of the JSON record, not rounded. `counted` says whether the row enters the score (a
    sentence) or the number of loaded words (a span). The loaded words of a sentence, and the alternatives of a word,
    are joined by "; ".

    Args:
        names: one a report, for a first column `article`.

    Raises:
        MissingExtraError: pandas is not installed.
        UsageError: there are no such rows.
    """
    if rows not in COLUMNS:
        raise UsageError(f"the rows of a table are {', '.join(get_args(Rows))}, not {rows!r}")
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("a table for pandas", "notebook") from error
    make = {"articles": article_rows, "sentences": sentence_rows, "spans": _span_rows}[rows]
    found = [(place, _sound(row)) for place, report in enumerate(reports) for row in make(report)]
    table = pd.DataFrame([row for _, row in found], columns=list(COLUMNS[rows])).astype(COLUMNS[rows])
    if names:
        table.insert(0, "article", pd.Series([names[place] for place, _ in found], dtype="str"))
    return table


def _sound(row: Mapping[str, Any]) -> dict[str, Any]:
    """Lone surrogates, which Arrow's strings cannot hold, as U+FFFD, one for one."""
    return {name: replace_surrogates(value)[0] if isinstance(value, str) else value for name, value in row.items()}


def article_rows(report: ArticleReport) -> Iterator[dict[str, Any]]:
    """The report's one row with the columns of `articles`."""
    low, high = report.interval or (None, None)
    ranks = report.percentile or {}
    yield {
        "source": report.article.source,
        "title": report.article.title,
        "score": report.score,
        "interval_low": low,
        "interval_high": high,
        "percentile_news": ranks.get("news"),
        "percentile_opinion": ranks.get("opinion"),
        "words": report.words,
        **report.summary,
        "model": f"{report.model.name} {report.model.version}",
        "prior": report.prior,
        "quotes": report.quotes,
        "threshold": report.threshold,
    }


def sentence_rows(report: ArticleReport) -> Iterator[dict[str, Any]]:
    """A row a sentence with the columns of `sentences`."""
    for result in report.sentences:
        sentence = result.sentence
        words = {voice: [span.text for span in result.spans if span.voice == voice] for voice in ("outlet", "quoted")}
        yield {
            "source": report.article.source,
            "index": sentence.index,
            "paragraph": sentence.paragraph,
            "start": sentence.start,
            "end": sentence.end,
            "text": sentence.text,
            "voice": sentence.voice,
            "speaker": sentence.speaker,
            "counted": sentence.counted or report.quotes == "include",
            "probability": result.probability,
            "outlet_probability": result.outlet_probability,
            "label": result.label,
            "level": result.level if result.label == "opinionated" else None,
            "spans": "; ".join(words["outlet"]),
            "quoted_spans": "; ".join(words["quoted"]),
            **{str(name): value for name, value in result.categories.items()},
        }


def _span_rows(report: ArticleReport) -> Iterator[dict[str, Any]]:
    for result in report.sentences:
        for span in result.spans:
            yield {
                "source": report.article.source,
                "sentence": result.sentence.index,
                "start": span.start,
                "end": span.end,
                "text": span.text,
                "voice": span.voice,
                "counted": span.voice == "outlet" or report.quotes == "include",
                "probability": span.probability,
                "level": span.level,
                "category": span.category,
                "why": span.why,
                "alternatives": "; ".join(span.alternatives),
                "sentence_text": result.sentence.text,
            }
