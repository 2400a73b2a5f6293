"""The gate of the shipped model: what it must not fall below on our own checklist and seed articles.

Floors stand with a digest of the data that they were measured on. They rise by `python -m bias.training floors`; they
fall only by `--lower REASON`, which is written to the changelog.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bias.detector import Detector
from bias.errors import DataError
from bias.output import atomic_write
from bias.training.checklist.running import CapabilityResult, macro_f1, read_checklist, run_checklist

SLACK = 1e-4
"""Floors are kept to four decimals."""


def measure(detector: Detector, checklist: Path, seeds: Path) -> dict[str, float]:
    """Shares from 0 to 1, higher is better: the checklist (balanced prior) and seed articles (news prior)."""
    rates = gated(run_checklist(detector, read_checklist(checklist)))
    return {f"cases/{name}": rate for name, rate in rates.items()} | {
        f"seeds/{name}": value for name, value in seed_figures(detector, seeds).items()
    }


def gated(results: Sequence[CapabilityResult]) -> dict[str, float]:
    """What of a checklist's results has a floor: shares from 0 to 1, higher is better.

    Both labels of a capability of stand-alone sentences count together. Of swaps: the share of fillings that keep the
    label of their template, by capability, and the macro-F1 over the fillings of all. Known failures have no floor.
    """
    wanted = [result for result in results if not result.known_failure]
    rates: dict[str, float] = {}
    for name in dict.fromkeys(result.capability for result in wanted if result.kind == "mft"):
        parts = [result for result in wanted if result.capability == name]
        rates[name] = sum(part.passed for part in parts) / sum(part.n for part in parts)
    for result in wanted:
        if result.changed is not None:
            rates[result.name] = 1 - result.changed
        elif result.kind in ("direction", "quotation"):
            rates[result.name] = result.rate
    if swaps := [result for result in wanted if result.kind == "invariance"]:
        rates["swaps-macro-f1"] = macro_f1(swaps)
    return rates


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


def digest_of(checklist: Path, seeds: Path) -> str:
    """The sha256 over the names and contents of all files that the gate measures on."""
    total = hashlib.sha256()
    measured = {"checklist": [*checklist.glob("*.json")], "seeds": [*seeds.glob("*.json"), *seeds.glob("*.txt")]}
    for kind, paths in measured.items():
        for path in sorted(paths, key=lambda path: path.name):
            total.update(f"{kind}/{path.name}\0".encode())
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
