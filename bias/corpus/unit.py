"""The unit of work: a shard read, scored and written, the same wherever it runs."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bias import __version__
from bias.corpus.inputs import read_piece
from bias.corpus.manifest import Entry, Part
from bias.corpus.plan import Run, Shard, Stamp
from bias.corpus.schema import article_batch, article_row, article_schema, rows_of_sentences, sentence_schema
from bias.detector import Detector
from bias.errors import BiasError, InputError, ModelError
from bias.language import with_warning
from bias.modelfolder import MANIFEST, digest
from bias.output import atomic_write
from bias.reading import ReadFailure
from bias.tables import Row
from bias.types import Article, ArticleReport

ARTICLES, SENTENCES = "articles", "sentences"
"""Folders of the two tables in the output."""

BATCH = 64
"""Articles whose rows are held as Python objects; those before are held as Arrow columns."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all shards of a run share. `place` is the working directory that paths are relative to."""

    run: Run
    model: Path
    columns: pa.Schema
    out: Path
    place: Path


@dataclass(frozen=True, slots=True)
class Task:
    """A shard to be done, the file of each of its pieces when its digest was taken, and the digest of the whole."""

    shard: Shard
    files: tuple[Stamp, ...]
    input: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a shard could not be done and the run has to end; with the traceback if it is a fault of ours."""

    message: str
    traceback: str | None = None


class Scorer:
    """Holds the model, loaded with the first shard, and does one shard after the other.

    In one thread, so that results do not hang on how many processors there are.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    @cached_property
    def _detector(self) -> Detector:
        run = self._job.run
        if run.version != __version__:
            raise ModelError(f"newsbias {__version__} is installed here, the run is one of {run.version}")
        detector = Detector(self._job.model, threads=1)
        if digest(detector.model.path / MANIFEST) != run.model.sha256:
            raise ModelError(f"{self._job.model} is another model here than the run's, {run.model}")
        return detector

    def attempt(self, task: Task) -> Entry | Failed:
        """Do a shard; what goes wrong is a value, which can be sent anywhere."""
        try:
            self._go_to_place()
            return self.score(task)
        except (BiasError, OSError) as error:
            return Failed(str(error))
        except Exception as error:
            told = " ".join((f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())))
            return Failed(f"shard {task.shard.number}: {told}", "".join(traceback.format_exception(error)))

    def _go_to_place(self) -> None:
        place = self._job.place
        try:
            if Path.cwd() != place:
                os.chdir(place)
        except OSError as error:
            raise InputError(f"no folder {place} on {platform.node()}: every node has to see the same paths") from error

    def score(self, task: Task) -> Entry:
        """Read, score and write a shard; its two files are on the disk under their names when this returns.

        Raises:
            InputError: a file changed or failed while it was read.
            ModelError: the model is not that of the run, or cannot be loaded.
            OutputError: no space is left, or the files cannot be written.
        """
        run, out = self._job.run, self._job.out
        articles, sentences = _Table(article_schema(run, self._job.columns)), _Table(sentence_schema(run))
        errors = 0
        rows: list[Row] = []
        kept: list[Row] = []
        sentence_rows: list[Row] = []
        for number, (outcome, row) in enumerate(self._outcomes(task), task.shard.first):
            rows.append(article_row(number, outcome))
            kept.append(row)
            if isinstance(outcome, ArticleReport):
                sentence_rows += rows_of_sentences(number, outcome)
            else:
                errors += 1
            if len(rows) == BATCH:
                articles.add(article_batch(articles.schema, self._job.columns, rows, kept))
                sentences.add(pa.RecordBatch.from_pylist(sentence_rows, schema=sentences.schema))
                rows, kept, sentence_rows = [], [], []
        articles.add(article_batch(articles.schema, self._job.columns, rows, kept))
        sentences.add(pa.RecordBatch.from_pylist(sentence_rows, schema=sentences.schema))
        return Entry(
            shard=task.shard.number,
            input=task.input,
            model=run.model.sha256,
            settings=run.digest,
            errors=errors,
            articles=articles.write(out / ARTICLES / task.shard.name),
            sentences=sentences.write(out / SENTENCES / task.shard.name),
        )

    def _outcomes(self, task: Task) -> Iterator[tuple[ArticleReport | ReadFailure, Row]]:
        settings = self._job.run.settings
        for file, piece in zip(task.files, task.shard.pieces, strict=True):
            for article, row in read_piece(file.path, piece, settings):
                yield (self._report(article) if isinstance(article, Article) else article), row
            if Stamp.of(Path(file.path)) != file:
                raise InputError(f"{file.path} was changed while the run was under way: put it back, or start anew")

    def _report(self, article: Article) -> ArticleReport | ReadFailure:
        how = self._job.run.settings
        try:
            return self._detector.score(
                with_warning(article), prior=how.prior, quotes=how.quotes, threshold=how.threshold
            )
        except InputError as error:
            return ReadFailure(article.source, error)
        except BiasError:
            raise
        except Exception as error:
            error.add_note(f"in {article.source}")
            raise


class _Table:
    """A table that grows by batches and becomes a file of one row group."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._batches: list[pa.RecordBatch] = []

    def add(self, batch: pa.RecordBatch) -> None:
        self._batches.append(batch)

    def write(self, path: Path) -> Part:
        table = pa.Table.from_batches(self._batches, self.schema).combine_chunks()
        with atomic_write(path, binary=True) as stream:
            pq.write_table(table, stream, compression="zstd", row_group_size=max(1, table.num_rows))
        return Part(table.num_rows, path.stat().st_size, digest(path))
