"""How a model fares on a checklist (Ribeiro et al. 2020): pass rates by capability, and what fails.

Judged by `outlet_probability` and the label drawn from it. Each kind of capability is asked these questions:

    mft         neutral, loaded   is the sentence of that label labelled so
    direction   neutral, control  is the plain sentence, and the one with an ordinary word more, left alone
                loaded            is the sentence with the loaded word caught
                raised            does the loaded word raise the probability by more than the bound
                steady            does the ordinary word raise it by no more than the bound
    quotation   neutral, loaded   is the outlet left alone, whether the quote is plain or loaded
                steady            does the loaded quote move the outlet's probability by no more than the bound
                outside           is loading outside the quote caught
    invariance  same              have all fillings one label, none further from another than the bound
                right             have all fillings the right label
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import cast

from bias.detector import Detector
from bias.quotation import attribute
from bias.scoring import sentence_result
from bias.training.checklist.capabilities import (
    Capability,
    Case,
    Insertion,
    Quote,
    Statement,
    Template,
    own_checklist,
    read_checklist,
)
from bias.training.checklist.results import CapabilityResult, Failure, Judged, flag_rates, macro_f1, wilson
from bias.types import Label, Prediction, Sentence

__all__ = [
    "CapabilityResult",
    "Failure",
    "Judged",
    "flag_rates",
    "judge",
    "macro_f1",
    "own_checklist",
    "read_checklist",
    "run_checklist",
    "wilson",
]

EXAMPLES = 3
"""Failures that a result shows."""

Watch = Callable[[Iterable[Prediction], int], Iterable[Prediction]]
"""Follows the predictions as they come, of a total known before; for a progress bar."""


def run_checklist(
    detector: Detector, checklist: Sequence[Capability], prior: str = "balanced", *, watch: Watch | None = None
) -> tuple[CapabilityResult, ...]:
    """Put a checklist to a model, at its own threshold for the prior, each sentence standing alone.

    Raises:
        UsageError: there is no such prior.
    """
    texts = tuple(dict.fromkeys(text for capability in checklist for text in capability.texts))
    calibration = detector.model.calibration
    maps = calibration.prior(prior)
    predictions: Iterable[Prediction] = detector.predict(map(_alone, texts))
    if watch is not None:
        predictions = watch(predictions, len(texts))
    judged = {}
    for prediction in predictions:
        text = prediction.sentence.text
        result = sentence_result(text, prediction, calibration, maps, "separate", maps.thresholds["separate"])
        judged[text] = Judged(result.outlet_probability, result.label)
    return tuple(result for capability in checklist for result in judge(capability, judged))


def _alone(text: str) -> Sentence:
    return attribute(text, (Sentence(0, 0, 0, len(text), text),))[0]


def judge(capability: Capability, judged: Mapping[str, Judged]) -> tuple[CapabilityResult, ...]:
    """The results of one capability, given what a model says of each of its sentences."""
    asked: dict[str, list[_Verdict]] = {}
    for case in capability.cases:
        for question, verdict in _ask(capability, case, judged):
            asked.setdefault(question, []).append(verdict)
    return tuple(_result(capability, question, verdicts) for question, verdicts in asked.items())


@dataclass(frozen=True, slots=True)
class _Verdict:
    """One question's answer for one case; the higher `fault`, the worse it fails."""

    passed: bool
    texts: tuple[str, ...]
    expected: str
    fault: float
    judged: tuple[Judged, ...]
    move: float | None = None
    off: int | None = None
    label: Label | None = None


def _result(capability: Capability, question: str, verdicts: Sequence[_Verdict]) -> CapabilityResult:
    moves = [verdict.move for verdict in verdicts if verdict.move is not None]
    off = [verdict.off for verdict in verdicts if verdict.off is not None]
    failed = sorted((verdict for verdict in verdicts if not verdict.passed), key=lambda verdict: -verdict.fault)
    return CapabilityResult(
        capability=capability.name,
        kind=capability.kind,
        question=question,
        about=capability.about,
        n=len(verdicts),
        passed=len(verdicts) - len(failed),
        known_failure=capability.known_failure,
        move=sum(moves) / len(moves) if moves else None,
        changed=sum(off) / sum(len(verdict.texts) for verdict in verdicts) if off else None,
        confusion=_confusion(verdicts),
        failures=tuple(Failure(*_shown(question, verdict), verdict.expected) for verdict in failed[:EXAMPLES]),
    )


def _confusion(verdicts: Sequence[_Verdict]) -> tuple[int, int, int, int] | None:
    pairs = [
        (verdict.label, judged.label) for verdict in verdicts if verdict.label is not None for judged in verdict.judged
    ]
    if not pairs:
        return None
    cells = [(due, given) for due in ("neutral", "opinionated") for given in ("neutral", "opinionated")]
    plain, alarms, misses, caught = (pairs.count(cast("tuple[Label, Label]", cell)) for cell in cells)
    return plain, alarms, misses, caught


def _shown(question: str, verdict: _Verdict) -> tuple[tuple[str, ...], tuple[Judged, ...]]:
    """The sentences of a failure; of many fillings the two whose probabilities are farthest apart."""
    if len(verdict.texts) <= 2:
        return verdict.texts, verdict.judged
    order = sorted(range(len(verdict.texts)), key=lambda i: verdict.judged[i].probability)
    return (
        (verdict.texts[order[0]], verdict.texts[order[-1]]),
        (verdict.judged[order[0]], verdict.judged[order[-1]]),
    )


def _ask(capability: Capability, case: Case, judged: Mapping[str, Judged]) -> Iterator[tuple[str, _Verdict]]:
    def labelled(text: str, label: Label) -> _Verdict:
        given = judged[text]
        fault = given.probability if label == "neutral" else 1 - given.probability
        return _Verdict(given.label == label, (text,), label, fault, (given,), label=label)

    def moved(before: str, after: str, passes: Callable[[float], bool], expected: str, sign: int) -> _Verdict:
        pair = (judged[before], judged[after])
        move = pair[1].probability - pair[0].probability
        move = move if sign else abs(move)
        fault = -move if sign > 0 else move
        return _Verdict(passes(move), (before, after), expected, fault, pair, move=move)

    bound = capability.bound
    match case:
        case Statement(text, label):
            yield "neutral" if label == "neutral" else "loaded", labelled(text, label)
        case Insertion(neutral, loaded, control):
            yield "neutral", labelled(neutral, "neutral")
            yield "control", labelled(control, "neutral")
            yield "loaded", labelled(loaded, "opinionated")
            yield "raised", moved(neutral, loaded, lambda move: move > bound, f"a rise of more than {bound}", 1)
            yield "steady", moved(neutral, control, lambda move: move <= bound, f"a rise of at most {bound}", -1)
        case Quote(neutral, loaded):
            yield "neutral", labelled(neutral, "neutral")
            yield "loaded", labelled(loaded, "neutral")
            yield "steady", moved(neutral, loaded, lambda move: move <= bound, f"a move of at most {bound}", 0)
            if case.outside is not None:
                yield "outside", labelled(case.outside, "opinionated")
        case Template(_, label, filled):
            yield "same", _same(filled, [judged[text] for text in filled], bound)
            yield "right", _right(filled, [judged[text] for text in filled], label)


def _same(texts: tuple[str, ...], judged: Sequence[Judged], bound: float) -> _Verdict:
    probabilities = [one.probability for one in judged]
    labels = [one.label for one in judged]
    moves = [abs(a - b) for a, b in combinations(probabilities, 2)]
    off = len(labels) - max(map(labels.count, labels))
    expected = f"one label, and no two more than {bound} apart"
    spread = max(moves)
    return _Verdict(
        not off and spread <= bound, texts, expected, spread, tuple(judged), move=sum(moves) / len(moves), off=off
    )


def _right(texts: tuple[str, ...], judged: Sequence[Judged], label: Label) -> _Verdict:
    wrong = sum(one.label != label for one in judged)
    return _Verdict(not wrong, texts, label, wrong / len(texts), tuple(judged), label=label)
