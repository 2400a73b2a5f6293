"""`bias predict`: rows of sentences in, the same rows with predictions out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby, tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bias.cli.options import (
    Debug,
    Encoding,
    Errors,
    MaxBytes,
    Model,
    Prior,
    Quotes,
    TextColumn,
    Threshold,
    check_prior,
)
from bias.cli.progress import track
from bias.cli.status import ExitStatus, until_closed
from bias.cli.streams import complain, is_watched, standard_input
from bias.cli.targets import refuse_input
from bias.errors import ColumnError, EmptyTextError
from bias.types import Sentence, SentenceResult

if TYPE_CHECKING:
    from bias.output import RowWriter
    from bias.tables import Row

COLUMNS = ("probability", "label", "outlet_probability", "voice", "spans")
"""What every row gains."""


def predict(
    table: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="A JSONL, CSV or Parquet file, one sentence a row, or - for JSONL on standard input."
        ),
    ],
    output_file: Annotated[
        str,
        typer.Option(
            "--output-file", "-o", metavar="OUT", help="A .jsonl, .csv or .parquet file, or - for JSONL on output."
        ),
    ] = "-",
    model: Model = None,
    prior: Prior = "news",
    threshold: Threshold = None,
    quotes: Quotes = "include",
    text_column: TextColumn = "text",
    group_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The column that names the article of a row: quotations are followed from one row of it to the next.",
            show_default=False,
            rich_help_panel="Reading",
        ),
    ] = None,
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    max_bytes: MaxBytes = 20_000_000,
    debug: Debug = False,
) -> ExitStatus:
    """Add predictions to a table of sentences: probability, label, outlet_probability, voice and spans."""
    check_prior(prior)
    refuse_input(output_file, [Path(table)])
    from bias.tables import iter_rows

    def read() -> Iterator[tuple[int, Row]]:
        stdin = standard_input()
        return iter_rows(table, encoding=encoding, errors=errors, max_bytes=max_bytes, stdin=stdin)

    rows = read()
    first = next(rows, None)
    if first is None:
        raise EmptyTextError(f"{table}: a table without rows")
    for option, column in (("--text-column", text_column), ("--group-column", group_column)):
        if column is not None and column not in first[1]:
            raise ColumnError(f"{table}: no column {column!r}, only {', '.join(first[1])}: name another by {option}")
    total = sum(1 for _ in read()) if is_watched() and table != "-" else None

    status = ExitStatus.DONE
    with until_closed(), _open_rows(output_file) as out:
        from bias.detector import Detector
        from bias.scoring import sentence_result

        detector = Detector(model)
        calibration = detector.model.calibration
        maps = calibration.prior(prior)
        cut = maps.thresholds[quotes] if threshold is None else threshold
        kept, ahead = tee(_lines(chain([first], rows), text_column, group_column))
        predictions = detector.predict(line.sentence for line in ahead if line.sentence is not None)
        for line in track(kept, "sentences", total):
            result = None
            if line.sentence is None:
                complain(f"{table}:{line.number}: no text in column {text_column!r}")
                status = ExitStatus.ERROR
            else:
                result = sentence_result(line.article, next(predictions), calibration, maps, quotes, cut)
            out.write(_with_result(line.row, result))
    return status


@dataclass(frozen=True, slots=True)
class _Line:
    """A row with its sentence, whose offsets point into the text of its article; None if the row has no text."""

    number: int
    row: Row
    sentence: Sentence | None
    article: str


def _lines(rows: Iterable[tuple[int, Row]], text_column: str, group_column: str | None) -> Iterator[_Line]:
    if group_column is None:
        groups: Iterable[Iterable[tuple[int, Row]]] = ([row] for row in rows)
    else:
        groups = (group for _, group in groupby(rows, key=partial(_article_of, group_column)))
    for group in groups:
        yield from _article_lines(list(group), text_column)


def _article_of(group_column: str, numbered: tuple[int, Row]) -> tuple[Any, int]:
    """What rows of one article share; a row without an article stands alone."""
    number, row = numbered
    article = row.get(group_column)
    return (article, 0) if article not in (None, "") else (None, number)


def _article_lines(rows: Sequence[tuple[int, Row]], text_column: str) -> Iterator[_Line]:
    """The rows of one article: its sentences with their quotations resolved over all of them, as in one paragraph."""
    from bias.quotation import attribute

    texts = [text if isinstance(text := row.get(text_column), str) and text.strip() else None for _, row in rows]
    sentences: list[Sentence] = []
    at = 0
    for text in filter(None, texts):
        sentences.append(Sentence(len(sentences), 0, at, at + len(text), text))
        at += len(text) + 1
    article = " ".join(filter(None, texts))
    attributed = iter(attribute(article, sentences))
    for (number, row), text in zip(rows, texts, strict=True):
        yield _Line(number, row, next(attributed) if text else None, article)


def _with_result(row: Row, result: SentenceResult | None) -> Row:
    from bias.tables import kept_names

    kept = dict(zip(kept_names(tuple(row), COLUMNS), row.values(), strict=True))
    return kept | (dict.fromkeys(COLUMNS) if result is None else _cells(result))


def _cells(result: SentenceResult) -> dict[str, Any]:
    start = result.sentence.start
    return {
        "probability": round(result.probability, 6),
        "label": result.label,
        "outlet_probability": round(result.outlet_probability, 6),
        "voice": result.sentence.voice,
        "spans": [
            {
                "start": span.start - start,
                "end": span.end - start,
                "text": span.text,
                "probability": round(span.probability, 6),
                "voice": span.voice,
                "category": span.category,
            }
            for span in result.spans
        ],
    }


@contextmanager
def _open_rows(path: str) -> Iterator[RowWriter]:
    from bias.output import JsonLinesWriter, row_writer

    if path == "-":
        yield JsonLinesWriter(sys.stdout)
    else:
        with row_writer(path) as writer:
            yield writer
