"""What `bias evaluate` finds: the measurement, the comparison if there is one, and where the sentences came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bias.errors import DataError
from bias.output import atomic_write, new_folder, row_writer
from bias.training.data.examples import Example
from bias.training.data.readers import DataFile
from bias.training.data.splits import read_seen, unseen
from bias.training.evaluation.comparison import Comparison
from bias.training.evaluation.measuring import Measurement, Predictions
from bias.training.evaluation.presenting import comparison_markdown, to_markdown
from bias.training.evaluation.slices import slice_rows
from bias.types import label_of

SCHEMA_VERSION = 1
"""Version of the record of an evaluation."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """The sentences to measure on, and what became of those that a model was made from.

    `seen` is the number of them, by model; `silent` names the models that do not say what they were made from. With
    `kept` they are measured on all the same.
    """

    examples: tuple[Example, ...]
    left_out: int
    seen: Mapping[str, int]
    silent: tuple[str, ...]
    kept: bool

    def notes(self) -> Iterator[str]:
        """What a reader of the figures must know, in a sentence each."""
        for model, number in self.seen.items():
            if number and self.kept:
                yield (
                    f"{number:,} of these sentences were used to make {model} (its training or development part): "
                    "its figures are too good"
                )
            elif number:
                yield f"{number:,} sentences were used to make {model} (its training or development part): left out"
        for model in self.silent:
            yield (
                f"{model} does not say which sentences it was made from (no seen.txt): if these are among them, its "
                "figures are too good"
            )

    def to_dict(self) -> dict[str, Any]:
        """Ready for `json.dumps`."""
        return {
            "left_out": self.left_out,
            "by_model": dict(self.seen),
            "not_known_for": list(self.silent),
            "included": self.kept,
        }


def without_seen(examples: Sequence[Example], models: Mapping[str, Path], *, include: bool = False) -> Unseen:
    """Leave out what any of the models was trained or chosen on.

    Args:
        models: their folders, by the name to tell people.
        include: count them, and keep them.

    Raises:
        DataError: nothing is left.
        ModelError: a model's list of what it has seen is damaged.
    """
    lists = {name: read_seen(folder) for name, folder in models.items()}
    numbers = {name: unseen(examples, seen)[1] for name, seen in lists.items() if seen}
    everything = {key: part for seen in lists.values() for key, part in seen.items()}
    kept, left_out = (list(examples), 0) if include else unseen(examples, everything)
    if examples and not kept:
        names = " or ".join(name for name, number in numbers.items() if number)
        raise DataError(
            f"all {len(examples):,} sentences were used to make {names}: measure on others, or pass --include-seen to "
            "see figures that are too good"
        )
    silent = tuple(name for name, seen in lists.items() if not seen)
    return Unseen(tuple(kept), left_out, numbers, silent, include)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A measurement with its comparison and its data. `checklist` is the record of a checklist's results, if asked."""

    measurement: Measurement
    comparison: Comparison | None
    files: tuple[DataFile, ...]
    unseen: Unseen
    checklist: Mapping[str, Any] | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know, in a sentence each."""
        return (*self.unseen.notes(), *self.measurement.notes)

    @property
    def models(self) -> tuple[Predictions, ...]:
        """The predictions of the model, and of the one that it is compared with."""
        second = () if self.comparison is None else (self.comparison.second.predictions,)
        return (self.measurement.predictions, *second)

    def to_dict(self) -> dict[str, Any]:
        """The record of an evaluation, schema version 1, ready for `json.dumps`; what is not defined is null."""
        return {
            "schema_version": SCHEMA_VERSION,
            **self.measurement.to_dict(),
            "notes": list(self.notes),
            "data": [
                {"name": file.name, "sha256": file.sha256, "rows": file.rows, "labelled": file.labelled}
                for file in self.files
            ],
            "seen": self.unseen.to_dict(),
            "compared": None if self.comparison is None else self.comparison.to_dict(),
            "checklist": self.checklist,
        }

    def to_markdown(self) -> str:
        """Tables for a page, as a model card."""
        page = f"## Evaluation\n\n{to_markdown(self.measurement)}"
        notes = "".join(f"- {note}\n" for note in self.unseen.notes())
        page += notes and f"\n{notes}"
        return page if self.comparison is None else f"{page}\n## Comparison\n\n{comparison_markdown(self.comparison)}"

    def save(self, folder: Path) -> None:
        """Write metrics.json, report.md, tables of sentences, slices and changes (CSV), and the plots (SVG and PNG).

        Raises:
            OutputError: the folder exists and is not empty, or cannot be written.
        """
        with new_folder(folder) as new:
            with atomic_write(new / "metrics.json") as file:
                file.write(json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
            with atomic_write(new / "report.md") as file:
                file.write(self.to_markdown())
            _write_rows(new / "sentences.csv", self._sentences())
            _write_rows(new / "slices.csv", slice_rows(self.measurement.slices))
            if self.comparison is not None:
                _write_rows(new / "changed.csv", self.comparison.rows())
            self._draw(new)

    def _draw(self, folder: Path) -> None:
        from bias.training.evaluation import plots

        pictures = {
            "reliability": plots.reliability(*self.models),
            "precision-recall": plots.precision_recall(*self.models),
            "confusion": plots.confusion(*self.models),
        }
        if self.measurement.slices:
            pictures["slices"] = plots.slices(self.measurement)
        if self.comparison is not None:
            pictures["differences"] = plots.differences(self.comparison)
        for name, picture in pictures.items():
            plots.save(picture, folder / name)

    def _sentences(self) -> Iterator[dict[str, Any]]:
        first, *second = self.models
        for i, example in enumerate(first.examples):
            row: dict[str, Any] = {
                "text": example.text,
                "label": label_of(first.labels[i], 0.5),
                "predicted": label_of(first.probabilities[i], first.threshold),
                "probability": round(float(first.probabilities[i]), 6),
            }
            for other in second:
                row["compared_predicted"] = label_of(other.probabilities[i], other.threshold)
                row["compared_probability"] = round(float(other.probabilities[i]), 6)
            yield row | {
                "voice": first.voices[i],
                "group": first.groups[i],
                "outlet": example.outlet,
                "leaning": example.leaning,
                "topic": example.topic,
                "place": example.place,
            }


def _write_rows(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """The rows as a table; no file where there are none, for a table without columns cannot be read."""
    first = next(rows, None)
    if first is not None:
        with row_writer(path) as writer:
            writer.write(first)
            for row in rows:
                writer.write(row)
