"""The columns of the two tables (docs/corpus.md describes them), and rows of reports as record batches of Arrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from bias.corpus.plan import FORMAT, Run
from bias.files import replace_surrogates
from bias.frames import article_rows, sentence_rows
from bias.output import cell
from bias.reading import ReadFailure
from bias.tables import Row, kept_names, without_surrogates
from bias.types import CATEGORIES, ArticleReport

ARTICLES = pa.schema(
    [
        pa.field("article", pa.int64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        ("title", pa.string()),
        ("error_type", pa.string()),
        ("error_message", pa.string()),
        ("score", pa.float64()),
        ("interval_low", pa.float64()),
        ("interval_high", pa.float64()),
        ("percentile_news", pa.int32()),
        ("percentile_opinion", pa.int32()),
        ("words", pa.int32()),
        ("sentences", pa.int32()),
        ("counted", pa.int32()),
        ("opinionated", pa.int32()),
        ("quoted", pa.int32()),
        ("spans", pa.int32()),
        ("spans_per_100_words", pa.float64()),
        ("warnings", pa.list_(pa.string())),
    ]
)
"""One row an article, before the input's own columns."""

SPAN = pa.struct(
    [
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("text", pa.string()),
        ("probability", pa.float32()),
        ("voice", pa.string()),
        ("category", pa.string()),
    ]
)

SENTENCES = pa.schema(
    [
        pa.field("article", pa.int64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        ("index", pa.int32()),
        ("paragraph", pa.int32()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("text", pa.string()),
        ("voice", pa.string()),
        ("speaker", pa.string()),
        ("counted", pa.bool_()),
        ("probability", pa.float32()),
        ("outlet_probability", pa.float32()),
        ("label", pa.string()),
        ("spans", pa.list_(SPAN)),
        *((name, pa.float32()) for name in CATEGORIES),
    ]
)
"""One row a sentence; `article` is that of the articles' table."""

USED = ("title",)
"""A column of the input that is the article's own column of that name."""


def article_schema(run: Run, columns: pa.Schema) -> pa.Schema:
    """The articles' columns with those kept of the input, and the run in the metadata."""
    kept = kept_names(tuple(columns.names), tuple(ARTICLES.names))
    fields = [pa.field(name, field.type) for name, field in zip(kept, columns, strict=True)]
    return pa.schema([*ARTICLES, *fields], metadata=_metadata(run))


def sentence_schema(run: Run) -> pa.Schema:
    """The sentences' columns, and the run in the metadata."""
    return SENTENCES.with_metadata(_metadata(run))


def _metadata(run: Run) -> dict[str, str]:
    return {"newsbias": json.dumps({"format": FORMAT, **run.to_dict()})}


def article_row(article: int, outcome: ArticleReport | ReadFailure) -> dict[str, Any]:
    """An article's row without the columns of the input; of a failure there is nothing but where and why."""
    if isinstance(outcome, ReadFailure):
        kind, message = type(outcome.error).__name__, replace_surrogates(str(outcome.error))[0]
        return {"article": article, "source": outcome.source, "error_type": kind, "error_message": message}
    (row,) = article_rows(outcome)
    counted = sum(result.sentence.counted or outcome.quotes == "include" for result in outcome.sentences)
    return {**row, "article": article, "counted": counted, "warnings": list(outcome.warnings)}


def rows_of_sentences(article: int, report: ArticleReport) -> Iterator[dict[str, Any]]:
    """The rows of an article's sentences, their loaded words as a list."""
    names = SPAN.names
    for row, result in zip(sentence_rows(report), report.sentences, strict=True):
        spans = [{name: getattr(span, name) for name in names} for span in result.spans]
        yield {**row, "article": article, "spans": spans}


def article_batch(
    schema: pa.Schema, columns: pa.Schema, rows: Sequence[Mapping[str, Any]], kept: Sequence[Row]
) -> pa.RecordBatch:
    """A record batch of articles' rows, each with the row of the input that it comes from."""
    own = [pa.array([row.get(field.name) for row in rows], field.type) for field in ARTICLES]
    others = [_array([row.get(field.name) for row in kept], field.type) for field in columns]
    return pa.RecordBatch.from_arrays([*own, *others], schema=schema)


# The types of the input's columns


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type without what only tells how it is stored."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return pa.float32() if pa.types.is_float16(kind) else kind


def type_of(value: Any) -> pa.DataType:
    """The type for a value of JSON; lists and objects are kept as JSON in text."""
    match value:
        case None:
            return pa.null()
        case bool():
            return pa.bool_()
        case int() if -(2**63) <= value < 2**63:
            return pa.int64()
        case float():
            return pa.float64()
    return pa.string()


def joined(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    """The type that holds the values of both; text if nothing closer does."""
    if a == b or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    if pa.types.is_integer(a) and pa.types.is_integer(b) and pa.uint64() not in (a, b):
        return pa.int64()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (a, b)):
        return pa.float64()
    return pa.string()


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        values = [None if value is None else without_surrogates(cell(value)) for value in values]
    elif pa.types.is_floating(kind):
        values = [None if value is None else float(value) for value in values]
    return pa.array(values, kind)
