"""Which shards are done: `manifest.jsonl`, a line for each, only ever added to, on the disk before it counts.

Once all shards are done the lines stand in their order, so that the file of a run that was broken off and continued is
that of an unbroken one.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from bias.errors import OutputError
from bias.output import atomic_write, output_errors, sync

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Part:
    """A shard's file of one table: its rows, bytes and sha256."""

    rows: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A shard that is done: the digests of what it read, of the model and of the settings, and what it wrote.

    `errors` of its articles could not be read.
    """

    shard: int
    input: str
    model: str
    settings: str
    errors: int
    articles: Part
    sentences: Part

    def to_json(self) -> str:
        """Its line."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_json(cls, line: str) -> Entry:
        """The entry of a line.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        values = json.loads(line)
        parts = {name: Part(**values[name]) for name in ("articles", "sentences")}
        return cls(**{**values, **parts})


def read_manifest(folder: Path) -> dict[int, Entry]:
    """The last entry of each shard that is done.

    Raises:
        OutputError: there is no manifest, or it is damaged or cannot be read.
    """
    path = folder / MANIFEST
    with output_errors(path, doing="read"):
        return _parse(path, path.read_bytes())[0]


def _parse(path: Path, content: bytes) -> tuple[dict[int, Entry], int]:
    """The entries, and how many bytes hold them: less where a kill or a full disk left the last line torn."""
    entries: dict[int, Entry] = {}
    sound = content.rfind(b"\n") + 1
    for number, line in enumerate(content[:sound].splitlines(), 1):
        try:
            entry = Entry.from_json(line.decode("ascii"))
        except (ValueError, TypeError, KeyError) as error:
            raise OutputError(f"{path}:{number}: not a line of a manifest: {error!r}") from error
        entries[entry.shard] = entry
    return entries, sound


class Manifest:
    """The file, open for adding.

    Raises:
        OutputError: it is damaged, or cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / MANIFEST
        with output_errors(self._path):
            self._file = self._path.open("a+b", buffering=0)
        try:
            self._file.seek(0)
            content = self._file.read()
            self._entries, sound = _parse(self._path, content)
            if sound < len(content):
                self._file.truncate(sound)
            sync(folder)
        except BaseException:  # an interrupt too must not leave the file open
            self._file.close()
            raise

    @property
    def entries(self) -> dict[int, Entry]:
        """The last entry of each shard."""
        return dict(self._entries)

    def add(self, entry: Entry) -> None:
        """Enter a shard; when this returns the line is on the disk, and when it raises it is not in the file.

        Raises:
            OutputError: it cannot be written.
        """
        line = entry.to_json().encode("ascii")
        size = self._file.seek(0, os.SEEK_END)
        with output_errors(self._path):
            try:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:]) or 0
                os.fsync(self._file.fileno())
            except OSError:
                self._file.truncate(size)
                raise
        self._entries[entry.shard] = entry

    def finish(self) -> None:
        """Put the lines in the order of the shards.

        Raises:
            OutputError: they cannot be written.
        """
        self._file.seek(0)
        lines = "".join(self._entries[shard].to_json() for shard in sorted(self._entries))
        if self._file.read() != lines.encode("ascii"):
            with atomic_write(self._path) as file:
                file.write(lines)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
