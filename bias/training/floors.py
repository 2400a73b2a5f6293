"""The gate of the shipped model: what it must not fall below on our own cases and seed articles.

Floors stand with a digest of the data that they were measured on. They rise by `python -m bias.training floors`; they
fall only by `--lower REASON`, which is written to the changelog.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from bias.detector import Detector
from bias.errors import DataError
from bias.output import atomic_write
from bias.training.figures import flag_rates

LOADED = ("loaded-plain", "loaded-sly", "insertion-loaded")
"""Groups of cases that are to be flagged; every other group is to be left alone."""

SLACK = 1e-4
"""Floors are kept to four decimals."""


def read_cases(folder: Path) -> dict[str, list[str]]:
    """The stand-alone sentences of the behavioural cases by group."""
    sentences = json.loads((folder / "sentences.json").read_text("utf-8"))
    groups = {name: [row["text"] for row in rows] for name, rows in sentences.items()}
    insertion = json.loads((folder / "checklist/insertion.json").read_text("utf-8"))
    groups |= {f"insertion-{kind}": [row[kind] for row in insertion] for kind in ("neutral", "loaded", "control")}
    groups["facts"] = json.loads((folder / "checklist/facts.json").read_text("utf-8"))
    quotation = json.loads((folder / "checklist/quotation.json").read_text("utf-8"))
    return groups | {f"quotation-{kind}": [row[kind] for row in quotation] for kind in ("neutral", "loaded")}


def measure(detector: Detector, cases: Path, seeds: Path) -> dict[str, float]:
    """Shares from 0 to 1, higher is better: cases decided rightly (balanced prior) and seed articles (news prior)."""
    rates = flag_rates(detector, read_cases(cases))
    decided = {f"cases/{name}": rate if name in LOADED else 1 - rate for name, rate in rates.items()}
    return decided | {f"seeds/{name}": value for name, value in seed_figures(detector, seeds).items()}


def seed_figures(detector: Detector, seeds: Path) -> dict[str, float]:
    """Precision and recall of the flagged sentences, agreement on voices, and recall of the outlet's loaded words."""
    flagged = rightly = opinionated = voices = sentences = words = found = 0
    for path in sorted(seeds.glob("*.json")):
        gold = json.loads(path.read_text("utf-8"))["sentences"]
        report = detector.score(path.with_suffix(".txt").read_text("utf-8"))
        results = {result.sentence.text: result for result in report.sentences}
        for row in gold:
            sentences += 1
            wanted = row["label"] == "opinionated"
            opinionated += wanted
            result = results.get(row["text"])
            if result is None:  # split elsewhere: a fault of its voice, and of its label if it should be flagged
                continue
            voices += result.sentence.voice == row["voice"]
            flagged += result.label == "opinionated"
            rightly += wanted and result.label == "opinionated"
            marked = {word for span in result.spans for word in span.text.casefold().split()}
            gold_words = {word for span in row["spans"] for word in span.casefold().split()}
            words += len(gold_words)
            found += len(gold_words & marked)
    return {
        "precision": rightly / max(flagged, 1),
        "recall": rightly / opinionated,
        "voices": voices / sentences,
        "word_recall": found / words,
    }


def digest_of(cases: Path, seeds: Path) -> str:
    """The sha256 over the names and contents of all files that the gate measures on."""
    total = hashlib.sha256()
    measured = [
        cases / "sentences.json",
        *(cases / "checklist").glob("*.json"),
        *seeds.glob("*.json"),
        *seeds.glob("*.txt"),
    ]
    for path in sorted(measured, key=lambda path: (path.parent.name, path.name)):
        total.update(f"{path.parent.name}/{path.name}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def update(path: Path, measured: Mapping[str, float], digest: str, reason: str | None) -> list[str]:
    """Write what was measured as the floors; returns the names of those that fell.

    Raises:
        DataError: one would fall, or the data changed, and there is no reason.
    """
    old = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    floors: dict[str, float] = old.get("floors", {})
    fallen = [name for name, floor in floors.items() if measured.get(name, 0.0) < floor - SLACK]
    if (fallen or old.get("digest", digest) != digest) and reason is None:
        cause = f"{', '.join(fallen)} fell" if fallen else "the cases changed"
        raise DataError(f"{cause}: mend the model, or give a reason with --lower")
    with atomic_write(path) as file:
        rounded = {name: round(value, 4) for name, value in sorted(measured.items())}
        file.write(json.dumps({"digest": digest, "floors": rounded}, indent=1) + "\n")
    return fallen


def note_reason(changelog: Path, fallen: list[str], reason: str) -> None:
    """Add the reason to the changelog's first section, right below its heading."""
    lines = changelog.read_text("utf-8").splitlines(keepends=True)
    at = next((i for i, line in enumerate(lines) if line.startswith("## ")), len(lines) - 1) + 1
    lines.insert(at, f"\n- Floors changed ({', '.join(fallen) or 'new cases'}): {reason}\n")
    with atomic_write(changelog) as file:
        file.write("".join(lines))
