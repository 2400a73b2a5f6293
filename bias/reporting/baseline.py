"""A baseline: the findings that a newsroom knows of, so that only new ones are shown and fail.

A finding is known by its file (relative to the baseline's folder), its sentence (a fingerprint of its text) and, for a
loaded word, the word, and by how often all this occurs in the file. So it stays known where lines or rows have moved.

    {"version": 1,
     "findings": {"news/vote.md": [{"sentence": "The regime fell.", "fingerprint": "9f0c...", "opinionated": 1,
                                    "words": {"regime": 1}}]}}

`sentence` is for people, and cut where it is long; `opinionated` counts the sentence itself.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeGuard

from bias.errors import InputError
from bias.files import replace_surrogates
from bias.output import atomic_write
from bias.reading import STDIN
from bias.reporting.findings import file_of, findings
from bias.reporting.marking import excerpt, one_line
from bias.types import ArticleReport

VERSION = 1
_EXCERPT_WIDTH = 120


class Known(NamedTuple):
    """One finding: its file, the fingerprint and beginning of its sentence, and its word ("" for the sentence)."""

    file: str
    fingerprint: str
    sentence: str
    word: str


@dataclass(frozen=True, slots=True)
class Changes:
    """How a baseline differs from what was found in the files that were read."""

    added: int
    kept: int
    gone: Sequence[Known]


class Baseline:
    """A baseline, and what has been found beside it; `path` need not be there yet.

    Raises:
        InputError: it cannot be read, or is no baseline.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stored: Counter[Known] = Counter(dict(_read(path))) if path.exists() else Counter()
        self._left = self._stored.copy()
        self._found: Counter[Known] = Counter()
        self._files: set[str] = set()

    def known(self, report: ArticleReport) -> frozenset[tuple[str, int, int]]:
        """The keys of the report's findings that are in the baseline, each as often as it is there."""
        file = self._name_of(report)
        self._files.add(file)
        keys = set()
        for finding in findings(report):
            text = one_line(finding.text)
            place = (file, _fingerprint(text), excerpt(text, _EXCERPT_WIDTH))
            for part in finding.parts:
                known = Known(*place, "" if part is finding else one_line(part.text))
                self._found[known] += 1
                if self._left[known] > 0:
                    self._left[known] -= 1
                    keys.add(part.key)
        return frozenset(keys)

    @property
    def changes(self) -> Changes:
        """What is new, what is known, and what is gone: from the files that were read, or with its file."""
        gone = sorted(known for known in self._left.elements() if self._is_over(known.file))
        kept = (self._stored & self._found).total()
        return Changes(self._found.total() - kept, kept, gone)

    def update(self) -> None:
        """Write what was found, and what is stored of other files, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        others = {known: number for known, number in self._stored.items() if not self._is_over(known.file)}
        with atomic_write(self.path) as file:
            file.write(_rendered(Counter(others) + self._found))

    def _is_over(self, file: str) -> bool:
        """Whether what is left of a file is gone: it was read, or is no more."""
        return file in self._files or (file != STDIN and not (self.path.parent / file).exists())

    def _name_of(self, report: ArticleReport) -> str:
        file, _ = file_of(report.article.source)
        if file == STDIN:
            return file
        try:
            file = os.path.relpath(file, self.path.parent)
        except ValueError:  # another drive of Windows
            file = os.path.abspath(file)  # noqa: PTH100, for resolving would follow links
        return replace_surrogates(PurePath(file).as_posix())[0]


def _fingerprint(text: str) -> str:
    return sha256(text.strip().encode()).hexdigest()[:16]


def _rendered(counts: Counter[Known]) -> str:
    """Sorted by file and sentence, a line for each value, so that a change of one finding is a change of few lines."""
    files: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for known in sorted(counts):
        sentences = files.setdefault(known.file, {})
        entry = sentences.setdefault(
            (known.sentence, known.fingerprint),
            {"sentence": known.sentence, "fingerprint": known.fingerprint, "opinionated": 0, "words": {}},
        )
        if known.word:
            entry["words"][known.word] = counts[known]
        else:
            entry["opinionated"] = counts[known]
    listed = {file: [sentences[place] for place in sorted(sentences)] for file, sentences in files.items()}
    return json.dumps({"version": VERSION, "findings": listed}, indent=1, ensure_ascii=False) + "\n"


def _read(path: Path) -> Iterator[tuple[Known, int]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no baseline, for it is not valid JSON: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("version"), int) and content["version"] > VERSION:
        raise InputError(f"{path}: a baseline of version {content['version']}, and this is newsbias for {VERSION}")
    try:
        if content["version"] != VERSION:
            raise ValueError
        for file, entries in content["findings"].items():
            for entry in entries:
                place = (file, entry["fingerprint"], entry["sentence"])
                for word, number in {"": entry["opinionated"], **entry["words"]}.items():
                    if not all(isinstance(text, str) for text in (*place, word)) or not _is_count(number):
                        raise ValueError
                    if number:
                        yield Known(*place, word), number
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: no baseline that bias score --update-baseline has written") from error


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
