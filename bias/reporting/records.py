"""Reports for other programs: JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from bias.types import SCHEMA_VERSION, ArticleReport, SentenceResult

if TYPE_CHECKING:
    from bias.reading import ReadFailure

Outcome: TypeAlias = "ArticleReport | ReadFailure"
"""What became of one input: its report, or why it could not be read."""

_ARTICLE_COLUMNS = (
    "source",
    "title",
    "score",
    "interval_low",
    "interval_high",
    "percentile_news",
    "percentile_opinion",
    "model",
    "prior",
    "quotes",
    "threshold",
)
_SENTENCE_COLUMNS = (
    "index",
    "paragraph",
    "start",
    "end",
    "voice",
    "speaker",
    "probability",
    "outlet_probability",
    "label",
    "spans",
    "quoted_spans",
    "text",
)
CSV_COLUMNS = (*_ARTICLE_COLUMNS, *_SENTENCE_COLUMNS, "error_type", "error_message")

_FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@＝＋－＠]")
"""How a cell begins that spreadsheets run as a formula (OWASP, "CSV Injection", the full-width forms included)."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def to_record(outcome: Outcome) -> dict[str, Any]:
    """The outcome in schema version 1 (`report_schema`), ready for `json.dumps`."""
    if isinstance(outcome, ArticleReport):
        return outcome.to_dict()
    return {
        "schema_version": SCHEMA_VERSION,
        "article": {"source": outcome.source},
        "error": {"type": type(outcome.error).__name__, "message": str(outcome.error)},
    }


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one record."""
    text = files("bias.reporting").joinpath("report.schema.json").read_text(encoding="utf-8")
    return cast(dict[str, Any], json.loads(text))


def render_json(outcomes: Sequence[Outcome]) -> str:
    """An array with one record an outcome, in ASCII: no encoding, terminal or bidi mark can change what it says."""
    return json.dumps([to_record(outcome) for outcome in outcomes], indent=2, allow_nan=False) + "\n"


def render_jsonl(outcomes: Sequence[Outcome]) -> str:
    """One record a line, in ASCII."""
    return "".join(json.dumps(to_record(outcome), allow_nan=False) + "\n" for outcome in outcomes)


def render_csv(outcomes: Sequence[Outcome]) -> str:
    """One row a sentence with the columns `CSV_COLUMNS`; a failure, or an article without sentences, has one row.

    Numbers are those of the JSON record, and what it has as null is empty. A text cell that a spreadsheet would run as
    a formula is preceded by an apostrophe. Lone surrogates, which no encoding has, become U+FFFD.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, restval="", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    for outcome in outcomes:
        for row in _rows(outcome):
            writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _rows(outcome: Outcome) -> Iterator[dict[str, Any]]:
    record = to_record(outcome)
    if not isinstance(outcome, ArticleReport):
        error = record["error"]
        yield {"source": outcome.source, "error_type": error["type"], "error_message": error["message"]}
        return
    low, high = record["interval"] or (None, None)
    percentile = record["percentile"] or {}
    article = {
        **{name: record[name] for name in ("score", "prior", "quotes", "threshold")},
        "source": outcome.article.source,
        "title": outcome.article.title,
        "interval_low": low,
        "interval_high": high,
        "percentile_news": percentile.get("news"),
        "percentile_opinion": percentile.get("opinion"),
        "model": f"{outcome.model.name} {outcome.model.version}",
    }
    for result in outcome.sentences:
        yield article | _sentence_cells(result)
    if not outcome.sentences:
        yield article


def _sentence_cells(result: SentenceResult) -> dict[str, Any]:
    record = result.to_dict()
    own = [span.text for span in result.spans if span.voice == "outlet"]
    quoted = [span.text for span in result.spans if span.voice == "quoted"]
    listed = {"spans": "; ".join(own), "quoted_spans": "; ".join(quoted)}
    return {name: record[name] for name in _SENTENCE_COLUMNS if name not in listed} | listed


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = _SURROGATE.sub("\ufffd", value)
    return f"'{text}" if _FORMULA.match(text) else text
