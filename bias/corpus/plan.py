"""What a run over a corpus is made of, fixed before the first article is scored: `corpus.json` in the output folder."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from bias.errors import OutputError
from bias.files import MAX_BYTES, ErrorsMode
from bias.tables import Place
from bias.types import QuotesMode

FORMAT = 1
"""Version of the layout of the output folder."""

SHARD_ROWS = 500
"""Articles a shard: half a minute of work, so a kill costs no more, and a few megabytes of output."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the result, beside the model and the inputs."""

    prior: str = "news"
    quotes: QuotesMode = "separate"
    threshold: float | None = None
    text_column: str = "text"
    encoding: str = "utf-8"
    errors: ErrorsMode = "strict"
    max_bytes: int = MAX_BYTES
    shard_rows: int = SHARD_ROWS


@dataclass(frozen=True, slots=True)
class Model:
    """The model of a run; `sha256` is that of its bias.json, which holds the digests of its other files."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.sha256[:12]})"


@dataclass(frozen=True, slots=True)
class Run:
    """How articles are scored: with which version of this package, which model, which settings."""

    version: str
    model: Model
    settings: Settings

    @property
    def digest(self) -> str:
        """The sha256 of the version and the settings."""
        return _digest([self.version, asdict(self.settings)])

    def to_dict(self) -> dict[str, Any]:
        """The run in JSON's types."""
        return {"newsbias": self.version, "model": asdict(self.model), "settings": asdict(self.settings)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Run:
        """The run of `to_dict`."""
        return cls(values["newsbias"], Model(**values["model"]), Settings(**values["settings"]))

    def differences(self, other: Run) -> Iterator[str]:
        """What another run does otherwise, each in a few words."""
        if other.version != self.version:
            yield f"newsbias {self.version} then, {other.version} now"
        if other.model != self.model:
            yield f"model {self.model} then, {other.model} now"
        then, now = asdict(self.settings), asdict(other.settings)
        yield from (f"{key} {_shown(then[key])} then, {_shown(now[key])} now" for key in then if then[key] != now[key])


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of articles; without size and digest if it could not be opened."""

    path: str
    size: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file at a moment: its size in bytes and time of change in nanoseconds, None if there was none to be seen."""

    path: str
    size_and_time: tuple[int, int] | None

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The file as it is now."""
        try:
            status = path.stat()
            return cls(str(path), (status.st_size, status.st_mtime_ns))
        except OSError:
            return cls(str(path), None)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one file that follow each other: so many from a place on. A text file is one row."""

    file: int
    start: Place
    rows: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A unit of work. `first` is the number of its first article in the corpus, from 0."""

    number: int
    first: int
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """How many articles it has."""
        return sum(piece.rows for piece in self.pieces)

    @property
    def name(self) -> str:
        """The file name of its part of each table."""
        return f"part-{self.number:06d}.parquet"


@dataclass(frozen=True, slots=True)
class Plan:
    """A run over files: which, what other columns are kept of them, and how they are cut."""

    run: Run
    inputs: tuple[InputFile, ...]
    columns: pa.Schema
    shards: tuple[Shard, ...]

    @property
    def rows(self) -> int:
        """How many articles there are."""
        return sum(shard.rows for shard in self.shards)

    def input_digest(self, shard: Shard) -> str:
        """The sha256 of what a shard reads: the digests of its files and the places in them."""
        return _digest([[astuple(self.inputs[piece.file]), astuple(piece)[1:]] for piece in shard.pieces])

    def to_json(self) -> str:
        """The content of corpus.json."""
        values = {
            "format": FORMAT,
            **self.run.to_dict(),
            "inputs": [asdict(file) for file in self.inputs],
            "columns": base64.b64encode(self.columns.serialize().to_pybytes()).decode("ascii"),
            "shards": [
                [[piece.file, piece.start.number, piece.start.position, piece.rows] for piece in shard.pieces]
                for shard in self.shards
            ],
        }
        return json.dumps(values, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str) -> Plan:
        """The plan as it was written; `name` is the file's, for errors.

        Raises:
            OutputError: it is not ours, or of another version of the layout.
        """
        try:
            values = json.loads(text)
            if values["format"] != FORMAT:
                raise OutputError(f"{name}: format {values['format']} is not known here: update newsbias")
            return cls(
                run=Run.from_dict(values),
                inputs=tuple(InputFile(**file) for file in values["inputs"]),
                columns=pa.ipc.read_schema(pa.py_buffer(base64.b64decode(values["columns"]))),
                shards=tuple(_shards(values["shards"])),
            )
        except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise OutputError(f"{name}: not the plan of a corpus run: {error!r}") from error

    def differences(self, run: Run, inputs: tuple[InputFile, ...]) -> Iterator[str]:
        """What has changed since the plan was made, each in a few words."""
        yield from self.run.differences(run)
        yield from _changed_files({file.path: file for file in self.inputs}, {file.path: file for file in inputs})


def _changed_files(then: Mapping[str, InputFile], now: Mapping[str, InputFile]) -> Iterator[str]:
    yield from (f"{path} is no longer among the inputs" for path in then if path not in now)
    yield from (f"{path} is new among the inputs" for path in now if path not in then)
    yield from (f"{path} has another content" for path in now if path in then and now[path] != then[path])
    if list(then) != list(now) and then.keys() == now.keys():
        yield "the inputs are in another order"


def _shards(values: list[list[list[int]]]) -> Iterator[Shard]:
    first = 0
    for number, pieces in enumerate(values):
        shard = Shard(
            number, first, tuple(Piece(file, Place(at, position), rows) for file, at, position, rows in pieces)
        )
        yield shard
        first += shard.rows


def _shown(value: object) -> str:
    return "the model's own" if value is None else str(value)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
