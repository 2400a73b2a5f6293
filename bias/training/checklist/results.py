"""What a checklist finds: pass rates with their intervals, moves of the probability, and failures to look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bias.training.checklist.capabilities import Kind
from bias.types import Label

QUESTIONS: Mapping[tuple[Kind, str], str] = {
    ("mft", "neutral"): "neutral ones left alone",
    ("mft", "loaded"): "opinionated ones caught",
    ("direction", "neutral"): "plain sentence left alone",
    ("direction", "control"): "ordinary word put in: left alone",
    ("direction", "steady"): "ordinary word put in: small move",
    ("direction", "loaded"): "loaded word put in: caught",
    ("direction", "raised"): "loaded word put in: higher",
    ("quotation", "neutral"): "plain quote: outlet left alone",
    ("quotation", "loaded"): "loaded quote: outlet left alone",
    ("quotation", "steady"): "loaded quote: small move",
    ("quotation", "outside"): "loading outside the quote: caught",
    ("invariance", "same"): "same label, small moves",
    ("invariance", "right"): "right label throughout",
}
"""What each question asks, in words."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model says of one sentence: `outlet_probability`, and its label."""

    probability: float
    label: Label


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that failed: its sentences as far as they matter, and what the model says of each."""

    texts: tuple[str, ...]
    judged: tuple[Judged, ...]
    expected: str


@dataclass(frozen=True, slots=True)
class CapabilityResult:
    """One question put to all cases of a capability.

    `move` is the mean move of the probability, where sentences are compared: signed for `raised` and the `steady` of a
    direction, else absolute; for `same`, over all pairs of fillings. `changed` is the share of fillings whose label is
    not that of most of their template. `confusion` counts sentences as (right neutral, false alarms, misses, caught).
    `failures` are the worst ones, at most three.
    """

    capability: str
    kind: Kind
    question: str
    about: str
    n: int
    passed: int
    known_failure: bool = False
    move: float | None = None
    changed: float | None = None
    confusion: tuple[int, int, int, int] | None = None
    failures: tuple[Failure, ...] = ()

    @property
    def name(self) -> str:
        """Capability and question."""
        return f"{self.capability}-{self.question}"

    @property
    def asked(self) -> str:
        """The question in words."""
        return QUESTIONS[self.kind, self.question]

    @property
    def rate(self) -> float:
        """The share of the cases that pass, 0 to 1."""
        return self.passed / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Of the rate, 95 %: `wilson`."""
        return wilson(self.passed, self.n)

    def to_dict(self) -> dict[str, Any]:
        """Ready for `json.dumps`."""
        low, high = self.interval
        return {
            "capability": self.capability,
            "kind": self.kind,
            "question": self.question,
            "about": self.about,
            "known_failure": self.known_failure,
            "n": self.n,
            "passed": self.passed,
            "rate": round(self.rate, 4),
            "interval": [round(low, 4), round(high, 4)],
            "move": None if self.move is None else round(self.move, 4),
            "changed": None if self.changed is None else round(self.changed, 4),
            "macro_f1": None if self.confusion is None else round(macro_f1([self]), 4),
            "failures": [
                {
                    "expected": failure.expected,
                    "sentences": [
                        {"text": text, "outlet_probability": round(judged.probability, 4), "label": judged.label}
                        for text, judged in zip(failure.texts, failure.judged, strict=True)
                    ],
                }
                for failure in self.failures
            ],
        }


def wilson(passed: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927), 95 % by default; it does not collapse where all or none pass."""
    share = passed / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return 0.0 if passed == 0 else centre - half, 1.0 if passed == n else centre + half


def macro_f1(results: Iterable[CapabilityResult]) -> float:
    """Macro-F1 over the sentences of all results that count them; a label that is neither given nor due scores 0.

    Raises:
        ValueError: none of them counts sentences.
    """
    counts = [result.confusion for result in results if result.confusion is not None]
    if not counts:
        raise ValueError("no result here counts sentences")
    plain, alarms, misses, caught = map(sum, zip(*counts, strict=True))
    return sum(2 * hits / max(2 * hits + alarms + misses, 1) for hits in (plain, caught)) / 2


def flag_rates(results: Iterable[CapabilityResult]) -> dict[str, float]:
    """The share of sentences flagged, by result; swaps are left out, half of theirs are to be flagged."""
    rates = {}
    for result in results:
        if result.confusion is not None and result.kind != "invariance":
            _, alarms, _, caught = result.confusion
            rates[result.name] = (alarms + caught) / result.n
    return rates
