"""Where a model does better or worse: figures by outlet, leaning, topic, length and voice, and between the sides."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bias.training.data.examples import Example
from bias.training.evaluation.measures import count_figures, outcomes
from bias.training.evaluation.resampling import DRAWS, Array, Figure, Resampling, Values, without_exception
from bias.types import Voice
from bias.words import WORD

FEWEST = 20
"""Sentences that a slice needs for figures of its own."""

FEWEST_OF_LABEL = 5
"""Sentences of each label that macro-F1 of a slice needs."""

POOLED = ("outlet", "topic")
"""Slices whose small values are put together; those of the others would mean nothing together."""

LENGTHS = (16, 26, 36)
LENGTH_NAMES = ("up to 15 words", "16 to 25 words", "26 to 35 words", "over 35 words")
VOICE_NAMES: Mapping[Voice, str] = {
    "outlet": "no attributed quote",
    "mixed": "outlet and quote",
    "quoted": "quote alone",
}
UNKNOWN = "(not known)"

SLICE_FIGURES = ("macro_f1", "recall", "false_alarms")
SIDES = ("left", "center", "right")


@dataclass(frozen=True, slots=True)
class Slice:
    """Figures of a part of the sentences: those where `dimension` ("outlet") is `name` ("Reuters").

    `figures` are macro-F1, recall, and false alarms: the share of neutral sentences that were flagged. `pooled` is the
    number of small slices put together in this one, 0 for a slice of its own.
    """

    dimension: str
    name: str
    sentences: int
    opinionated: int
    figures: Mapping[str, Figure]
    pooled: int = 0

    @property
    def share(self) -> float:
        """The share of opinionated sentences, 0 to 1."""
        return self.opinionated / self.sentences

    def to_dict(self) -> dict[str, Any]:
        """The slice's record, what is not defined as null."""
        return {
            "dimension": self.dimension,
            "name": self.name,
            "sentences": self.sentences,
            "opinionated": self.opinionated,
            "share": round(self.share, 4),
            "pooled": self.pooled,
            "figures": {name: figure.to_dict() for name, figure in self.figures.items()},
        }


def slice_figures(
    examples: Sequence[Example],
    voices: Sequence[Voice],
    labels: Array,
    flags: Array,
    groups: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[tuple[Slice, ...], tuple[str, ...]]:
    """Figures of every slice that is large enough, largest first (lengths in their order), and notes on the others.

    What only one value of is known tells nothing, and is left out. Intervals are of bootstrap samples of all groups.

    Args:
        labels, flags: 0 or 1. Shape: (n,).
    """
    notes: list[str] = []
    parts: list[tuple[str, str, Array, int]] = []
    for dimension, names in _dimensions(examples, voices).items():
        values = np.array(names)
        if len(set(names)) > 1:
            chosen, note = _parts(dimension, values)
            parts += [(dimension, *part) for part in chosen]
            notes += note
    if not parts:
        return (), tuple(notes)
    keys = np.asarray(groups)
    if alone := sum(len(set(keys[member])) == 1 for _, _, member, _ in parts):
        notes.append(f"{alone} slices lie within one article or outlet of what is drawn: no intervals")
    columns = np.hstack([outcomes(labels, flags) * member[:, None] for _, _, member, _ in parts])

    def values_of(weights: Array) -> dict[str, Array]:
        totals = weights @ columns
        every = [count_figures(totals[:, 4 * i : 4 * i + 4]) for i in range(len(parts))]
        return {f"{i} {name}": figures[name] for i, figures in enumerate(every) for name in SLICE_FIGURES}

    figures = Resampling.of(groups, draws, seed).figures(values_of)
    return tuple(
        Slice(
            dimension=dimension,
            name=name,
            sentences=int(member.sum()),
            opinionated=int(labels[member].sum()),
            figures=_settled({figure: figures[f"{i} {figure}"] for figure in SLICE_FIGURES}, labels, groups, member),
            pooled=pooled,
        )
        for i, (dimension, name, member, pooled) in enumerate(parts)
    ), tuple(notes)


def _settled(figures: Mapping[str, Figure], labels: Array, groups: Sequence[str], member: Array) -> dict[str, Figure]:
    """The figures of a slice, those that so few sentences cannot tell taken out or given their exact interval."""
    keys = np.asarray(groups)
    of_label = [member & (labels == label) for label in (0, 1)]
    neutral, opinionated = (len(set(keys[rows])) for rows in of_label)
    enough = min(rows.sum() for rows in of_label) >= FEWEST_OF_LABEL
    return {
        "macro_f1": figures["macro_f1"] if enough else Figure(math.nan, math.nan, math.nan),
        "recall": without_exception(figures["recall"], opinionated),
        "false_alarms": without_exception(figures["false_alarms"], neutral),
    }


def _dimensions(examples: Sequence[Example], voices: Sequence[Voice]) -> dict[str, list[str]]:
    """The value of each sentence, by dimension."""
    words = (sum(1 for _ in WORD.finditer(example.text)) for example in examples)
    return {
        "outlet": [example.outlet or UNKNOWN for example in examples],
        "leaning": [example.leaning or UNKNOWN for example in examples],
        "topic": [example.topic or UNKNOWN for example in examples],
        "length": [LENGTH_NAMES[bisect_right(LENGTHS, count)] for count in words],
        "voice": [VOICE_NAMES[voice] for voice in voices],
    }


def _parts(dimension: str, values: Array) -> tuple[list[tuple[str, Array, int]], list[str]]:
    """(name, whether each sentence is in it, slices pooled) of each part, and what became of the small ones."""
    counts = Counter(values.tolist())
    order = {name: i for i, name in enumerate(LENGTH_NAMES)}
    names = sorted(counts, key=lambda name: (order.get(name, 0), name == UNKNOWN, -counts[name], name))
    large = [(name, values == name, 0) for name in names if counts[name] >= FEWEST]
    small = [name for name in names if counts[name] < FEWEST]
    if not small:
        return large, []
    member = np.isin(values, small)
    several = len(small) > 1
    what = f"{len(small)} {dimension}{'s have' if several else ' has'} fewer than {FEWEST} sentences"
    if dimension in POOLED and several and member.sum() >= FEWEST:
        return [*large, (f"({len(small)} others)", member, len(small))], [f"{what} each and are put together"]
    shown = ", ".join(small[:5]) + ", ..." * (len(small) > 5)
    return large, [f"{what} and no figures of {'their' if several else 'its'} own ({shown})"]


# Left and right


def side_of(leaning: str) -> str:
    """`left`, `center` or `right` for a leaning as rating sites spell it ("Lean Left", "right-center"); else ""."""
    words = leaning.casefold().replace("centre", "center")
    found = [side for side in ("left", "right") if side in words] or ["center"] * ("center" in words)
    return found[0] if len(found) == 1 else ""


def sides(
    labels: Array, flags: Array, leanings: Sequence[str], resampling: Resampling
) -> tuple[dict[str, Figure], tuple[str, ...]]:
    """`by_side`, where there are enough sentences of the left and of the right; and a note where there are not."""
    names = [side_of(leaning) for leaning in leanings]
    counts = Counter(names)
    if not any(names):
        return {}, ("the leanings of the outlets are not known: no gaps between left and right",)
    if min(counts["left"], counts["right"]) < FEWEST:
        found = f"{counts['left']} sentences of outlets of the left and {counts['right']} of the right"
        return {}, (f"{found}: too few for gaps between them ({FEWEST} each)",)
    figures = by_side(labels, flags, names, resampling)
    return {name: figure for name, figure in figures.items() if figure.defined}, ()


def by_side(labels: Array, flags: Array, names: Sequence[str], resampling: Resampling) -> dict[str, Figure]:
    """False alarms and recall on outlets of the left, center and right, and the gaps (left less right).

    Named "false_alarms_left", ..., "recall_gap". Only the whole set's draws tell the interval of a difference.
    """
    member = np.asarray(names)
    columns = np.hstack([outcomes(labels, flags) * (member == side)[:, None] for side in SIDES])

    def values(weights: Array) -> Values:
        totals = weights @ columns
        by_name = {side: count_figures(totals[:, 4 * i : 4 * i + 4]) for i, side in enumerate(SIDES)}
        rates = {f"{rate}_{side}": by_name[side][rate] for rate in ("false_alarms", "recall") for side in SIDES}
        gaps = {f"{rate}_gap": rates[f"{rate}_left"] - rates[f"{rate}_right"] for rate in ("false_alarms", "recall")}
        return rates | gaps

    return resampling.figures(values)


def slice_rows(slices: Sequence[Slice]) -> Iterator[dict[str, Any]]:
    """One flat row a slice, for a table."""
    for part in slices:
        row: dict[str, Any] = {
            "dimension": part.dimension,
            "name": part.name,
            "sentences": part.sentences,
            "opinionated": part.opinionated,
            "share": round(part.share, 4),
        }
        for name, figure in part.figures.items():
            row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        yield {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
