"""`bias suggest`: the sentences of a pool that are most worth labelling."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bias.cli.data import columns_of, needs_training, read_data
from bias.cli.options import Debug, Encoding, Errors, MaxBytes, Model, Prior, TextColumn, check_prior
from bias.cli.progress import track
from bias.cli.status import ExitStatus
from bias.cli.streams import complain, note, standard_input
from bias.cli.targets import Overwrite, new_file
from bias.errors import ColumnError, EmptyTextError, UsageError
from bias.files import MAX_BYTES, ErrorsMode, display_name
from bias.reading import read_all
from bias.tables import TABLE_SUFFIXES, iter_rows
from bias.types import Article

if TYPE_CHECKING:
    from bias.output import RowWriter
    from bias.tables import Row
    from bias.training.labels.suggest import PoolSentence, Tally

_CHOOSING = "Choosing"
_READING = "Reading"

KNOWN = ("outlet", "leaning", "topic")
"""Columns of a pool that go into the rows to label, for the training reads them by these names."""


def suggest(
    pool: Annotated[
        str,
        typer.Argument(
            metavar="POOL",
            help="A JSONL, CSV or Parquet table of sentences (- for JSONL on standard input), a file of one article, "
            "or a folder of articles.",
        ),
    ],
    n: Annotated[int, typer.Option("--n", "-n", min=1, metavar="N", help="How many sentences to suggest.")] = 50,
    model: Model = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATA",
            help="A table of sentences that are labelled already, or to be kept for measuring; may be repeated.",
            rich_help_panel=_CHOOSING,
            show_default=False,
        ),
    ] = None,
    candidates: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Choose among so many, the most uncertain of the pool.",
            rich_help_panel=_CHOOSING,
        ),
    ] = 5000,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Another seed, another choice.", rich_help_panel=_CHOOSING)
    ] = 13,
    prior: Prior = "balanced",
    output_file: Annotated[
        str | None,
        typer.Option("--output-file", "-o", metavar="FILE", help="A .jsonl file, instead of standard output."),
    ] = None,
    overwrite: Overwrite = False,
    text_column: TextColumn = "text",
    group_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The column of a table that names the article of a row; group, news_link or article by default.",
            show_default=False,
            rich_help_panel=_READING,
        ),
    ] = None,
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    max_bytes: MaxBytes = MAX_BYTES,
    debug: Debug = False,
) -> ExitStatus:
    """Suggest the sentences most worth labelling: those that the model is unsure of, unlike one another.

    The output is training data once `label` is filled in (opinionated or neutral). It is no random sample: train on it,
    and measure on other sentences.
    """
    check_prior(prior)
    target = new_file(output_file, overwrite, (".jsonl",))
    if candidates < n:
        raise UsageError(f"--candidates is at least --n ({n}), not {candidates}: sentences are chosen among them")
    with needs_training("bias suggest"):
        from bias.detector import Detector
        from bias.training.labels import suggest as choosing

    detector = Detector(model)
    excluded = _texts_of(exclude or [], text_column, encoding, errors, max_bytes)
    source = _Pool(pool, text_column, group_column, encoding, errors, max_bytes)
    found = choosing.suggest(
        track(source.sentences(), "sentences"),
        detector,
        n,
        exclude=excluded,
        candidates=candidates,
        prior=prior,
        seed=seed,
        progress=lambda items: track(items, "candidates"),
    )
    if not found.tally.read:
        raise EmptyTextError(f"{pool}: no sentence to choose from")
    with _open_rows(target) as out:
        for row in found.rows:
            out.write(row)
    note(_summary(found.tally, found.candidates, len(found.rows), target))
    return ExitStatus.ERROR if source.failed else ExitStatus.DONE


def _texts_of(data: list[str], text_column: str, encoding: str, errors: ErrorsMode, max_bytes: int) -> list[str]:
    """The sentences of tables, labelled or not."""
    if not data:
        return []
    columns = columns_of(text=text_column)
    loaded = read_data(data, columns, encoding=encoding, errors=errors, max_bytes=max_bytes, labels="optional")
    return [example.text for example in loaded.examples]


@dataclass(slots=True)
class _Pool:
    """The sentences of a table, of an article or of a folder of articles; `failed` once any of it could not be read."""

    name: str
    text_column: str
    group_column: str | None
    encoding: str
    errors: ErrorsMode
    max_bytes: int
    failed: bool = False

    def sentences(self) -> Iterator[PoolSentence]:
        """Read lazily; what cannot be read is told on standard error and passed over, unless it is all there is."""
        if self.name == "-" or Path(self.name).suffix.lower() in TABLE_SUFFIXES:
            return self._of_table()
        return self._of_articles()

    def _of_table(self) -> Iterator[PoolSentence]:
        from bias.training.data.readers import USUAL_NAMES
        from bias.training.labels.suggest import alone

        groups = USUAL_NAMES["group"] if self.group_column is None else (self.group_column,)
        rows = iter_rows(
            self.name,
            encoding=self.encoding,
            errors=self.errors,
            max_bytes=self.max_bytes,
            stdin=standard_input() if self.name == "-" else None,
        )
        source = "<stdin>" if self.name == "-" else display_name(Path(self.name))
        for position, (number, row) in enumerate(rows):
            if position == 0:
                self._check_columns(row)
            text = row.get(self.text_column)
            if not isinstance(text, str) or not text.strip():
                complain(f"{source}:{number}: no text in column {self.text_column!r}")
                self.failed = True
                continue
            known = {name: row[name] for name in KNOWN if isinstance(row.get(name), str) and row[name]}
            yield alone(text, f"{source}:{number}", _first(row, groups), known)

    def _check_columns(self, row: Row) -> None:
        for option, column in (("--text-column", self.text_column), ("--group-column", self.group_column)):
            if column is not None and column not in row:
                raise ColumnError(f"{self.name}: no column {column!r}, only {', '.join(row)}: name another by {option}")

    def _of_articles(self) -> Iterator[PoolSentence]:
        from bias.training.labels.suggest import of_article

        articles = read_all(
            [self.name],
            encoding=self.encoding,
            errors=self.errors,
            max_bytes=self.max_bytes,
            text_column=self.text_column,
        )
        for article in articles:
            if isinstance(article, Article):
                yield from of_article(article)
            else:
                complain(f"{article.source}: {article.error}")
                self.failed = True


def _first(row: Row, columns: Iterable[str]) -> str:
    """The first of the columns that is not empty, as text; labelled data names articles the same way."""
    from bias.training.data.cells import plain

    return next((name for column in columns if (name := plain(row.get(column)))), "")


@contextmanager
def _open_rows(target: Path | None) -> Iterator[RowWriter]:
    from bias.output import JsonLinesWriter, row_writer

    if target is None:
        yield JsonLinesWriter(sys.stdout)
    else:
        with row_writer(target) as writer:
            yield writer


def _summary(tally: Tally, candidates: int, drawn: int, target: Path | None) -> str:
    left_out = {
        "labelled, excluded or seen by the model": tally.known + tally.near_known,
        "repeated": tally.repeated,
        "too short": tally.short,
    }
    parts = ", ".join(f"{count:,} {what}" for what, count in left_out.items() if count)
    where = f" to {target}" if target else ""
    return (
        f"{tally.read:,} sentences read" + (f" ({parts}: left out)" if parts else "") + f"; {drawn:,} chosen{where} "
        f"among the {candidates:,} most uncertain"
    )
