"""How far two reviewers agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bias.errors import DataError
from bias.review.corrections import Correction, latest
from bias.words import WORD


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two reviewers agree on the sentences that both judged.

    `kappa` is Cohen's (1960), and None where chance alone would make them agree throughout. `words` is the F1 of one's
    loaded words against the other's, on sentences that both call opinionated; None if there are none.
    """

    sentences: int
    share: float
    kappa: float | None
    words: float | None


def agreement(one: Iterable[Correction], other: Iterable[Correction]) -> Agreement:
    """Agreement of two reviewers, or of two passes of one.

    Raises:
        DataError: they share no sentence, or one of them is several reviewers.
    """
    first, second = (_by_place(found) for found in (one, other))
    pairs = [(first[place], second[place]) for place in first if place in second]
    if not pairs:
        raise DataError("the two have no sentence in common that both judged")
    same = sum(a.label == b.label for a, b in pairs) / len(pairs)
    shares = [sum(pair[i].label == "opinionated" for pair in pairs) / len(pairs) for i in (0, 1)]
    chance = shares[0] * shares[1] + (1 - shares[0]) * (1 - shares[1])
    kappa = None if chance == 1 else (same - chance) / (1 - chance)
    return Agreement(
        len(pairs), same, kappa, _word_agreement([p for p in pairs if p[0].label == p[1].label == "opinionated"])
    )


def _by_place(corrections: Iterable[Correction]) -> dict[tuple[str, int], Correction]:
    standing = latest(corrections)
    if len(reviewers := sorted({correction.reviewer for correction in standing})) > 1:
        raise DataError(f"verdicts of {' and '.join(reviewers)} together: give each reviewer's apart")
    return {(correction.article, correction.start): correction for correction in standing}


def _word_agreement(pairs: Sequence[tuple[Correction, Correction]]) -> float | None:
    both = total = 0
    for a, b in pairs:
        one, other = (_marked_words(correction) for correction in (a, b))
        both += len(one & other)
        total += len(one) + len(other)
    return 2 * both / total if total else None


def _marked_words(correction: Correction) -> set[int]:
    return {
        match.start()
        for match in WORD.finditer(correction.text)
        if any(start < match.end() and match.start() < end for start, end in correction.spans)
    }
