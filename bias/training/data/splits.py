"""Parts to train on, to choose on and to measure on, with nothing shared between them; and what a model has seen."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bias.errors import DataError, ModelError, UsageError
from bias.output import atomic_write
from bias.training.data.examples import Example, article_groups
from bias.training.data.repeats import squeezed

By = Literal["article", "outlet"]
Part = Literal["train", "development", "test"]

SEEN = "seen.txt"
"""The file of a model folder that says which sentences it was made from, as fingerprints."""

_HEX_DIGITS = 10
_PARTS: tuple[Part, ...] = ("test", "development", "train")
"""In the order in which they win a tie, so that small data reach the parts that measure."""


@dataclass(frozen=True, slots=True)
class Split:
    """Examples in three parts, each in the order they had.

    `left_out` holds what fits in no part: examples that share an article, or nearly all words, with one of a part that
    measures while their outlet is in another (`by="outlet"` alone).
    """

    train: tuple[Example, ...]
    development: tuple[Example, ...]
    test: tuple[Example, ...]
    left_out: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """One text under labels that contradict each other: where it stands, and as what."""

    text: str
    places: tuple[str, ...]
    labels: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What `remove_duplicates` left out: `repeated` holds (place, place of the one that was kept)."""

    repeated: tuple[tuple[str, str], ...] = ()
    conflicting: tuple[Conflict, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many examples were left out as repeats, and how many texts (with how many examples) as conflicts."""
        return {
            "repeated": len(self.repeated),
            "conflicting": len(self.conflicting),
            "in_conflict": sum(len(conflict.places) for conflict in self.conflicting),
        }


def remove_duplicates(examples: Sequence[Example]) -> tuple[list[Example], Duplicates]:
    """The examples without repeats of a text: the first of those that agree, none of those that contradict each other.

    Texts are the same if they are so in letters and digits, whatever their case, spaces and punctuation. Labels
    contradict each other on two sides of one half, and so do labels of the outlet's own words and techniques; what is
    not known contradicts nothing. An example with a label and one with techniques alone teach different things, and
    both stay; one that says nothing stays only if no other has its text.
    """
    by_text: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        by_text[_key(example.text)].append(index)
    dropped: set[int] = set()
    repeated: list[tuple[int, int]] = []
    conflicting: list[Conflict] = []
    for indices in by_text.values():
        labelled = [i for i in indices if examples[i].label is not None]
        techniques = [i for i in indices if examples[i].label is None and _teaches(examples[i])]
        silent = [i for i in indices if not _teaches(examples[i])]
        kept = []
        for same in filter(None, (labelled, techniques)):
            if _contradict([examples[i] for i in same]):
                dropped.update(same)
                conflicting.append(
                    Conflict(
                        examples[same[0]].text,
                        tuple(examples[i].place for i in same),
                        tuple(examples[i].label for i in same),
                    )
                )
            else:
                kept.append(same[0])
                repeated += [(i, same[0]) for i in same[1:]]
        first = kept[0] if kept else indices[0]
        repeated += [(i, first) for i in silent if i != first]
    dropped.update(i for i, _ in repeated)
    places = tuple((examples[i].place, examples[j].place) for i, j in sorted(repeated))
    return [e for i, e in enumerate(examples) if i not in dropped], Duplicates(places, tuple(conflicting))


def _teaches(example: Example) -> bool:
    return example.label is not None or example.opinion is not None or bool(example.techniques)


def _contradict(examples: Sequence[Example]) -> bool:
    sides = {_side(e.label) for e in examples}, {_side(e.outlet_label) for e in examples}
    techniques = {e.techniques for e in examples if e.techniques}
    return any(len(side - {None}) > 1 for side in sides) or len(techniques) > 1


def _side(label: float | None) -> int | None:
    return None if label is None else int(label >= 0.5)


def _key(text: str) -> str:
    return squeezed(text) or text.strip()


def split(
    examples: Sequence[Example],
    *,
    by: By = "article",
    development: float = 0.2,
    test: float = 0.2,
    seed: int = 13,
) -> Split:
    """Divide examples so that no article (see `article_groups`) or, on request, no outlet is in two parts.

    Groups are dealt out from the largest to the smallest, each to the part that stays furthest below its share of the
    group's labels (as D'Hondt gives seats to parties); equally large ones in an order drawn from the seed and their
    texts, so that the order of rows does not matter. Shares of sources and labels in the parts are thus as near to each
    other as whole groups allow.

    Args:
        development, test: their shares; 0 leaves the part empty.

    Raises:
        DataError: outlets are missing, or a part would lack opinionated or neutral sentences.
        UsageError: shares that leave nothing to train on.
    """
    shares: dict[Part, float] = {"test": test, "development": development, "train": 1 - development - test}
    if not (development >= 0 and test >= 0 and shares["train"] > 1e-9):
        raise UsageError(f"parts of {development:g} (development) and {test:g} (test) leave nothing to train on")
    articles = article_groups(examples)
    if by == "outlet":
        keys = [example.outlet for example in examples]
        if missing := keys.count(""):
            raise DataError(f"a split by outlet needs the outlet of every row: {missing:,} of {len(keys):,} have none")
    else:
        keys = articles
    part_of = _deal(examples, keys, shares, seed)
    where = [part_of[key] for key in keys]
    # Sentences that repeat each other across outlets stay where they measure.
    rank: dict[str, int] = {}
    for article, part in zip(articles, where, strict=True):
        rank[article] = min(rank.get(article, len(_PARTS)), _PARTS.index(part))
    parts: dict[Part, list[Example]] = {part: [] for part in _PARTS}
    left_out: list[Example] = []
    for example, article, part in zip(examples, articles, where, strict=True):
        (parts[part] if _PARTS[rank[article]] == part else left_out).append(example)
    _check(parts, shares, by, len(set(keys)))
    return Split(tuple(parts["train"]), tuple(parts["development"]), tuple(parts["test"]), tuple(left_out))


def _deal(examples: Sequence[Example], keys: Sequence[str], shares: Mapping[Part, float], seed: int) -> dict[str, Part]:
    members: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        members[key].append(index)
    strata = [(example.source, _side(example.label)) for example in examples]
    totals = Counter(strata)
    prints = [fingerprint(example.text) for example in examples]

    def order(key: str) -> tuple[int, str]:
        drawn = f"{seed} {min(prints[i] for i in members[key])}"
        return -len(members[key]), hashlib.sha256(drawn.encode()).hexdigest()

    filled: dict[Part, Counter[tuple[str, int | None]]] = {part: Counter() for part in _PARTS}
    open_parts = [part for part in _PARTS if shares[part] > 1e-9]
    part_of: dict[str, Part] = {}
    for key in sorted(members, key=order):
        group = Counter(strata[i] for i in members[key])

        def room(part: Part, group: Counter[tuple[str, int | None]] = group) -> float:
            """What would stay free, as a share of the part, with the group in it."""
            free = sum(n * (1 - (filled[part][s] + n) / (shares[part] * totals[s])) for s, n in group.items())
            return round(free / group.total(), 9)

        part = max(open_parts, key=room)  # the first of equals
        part_of[key] = part
        filled[part].update(group)
    return part_of


def _check(parts: Mapping[Part, Sequence[Example]], shares: Mapping[Part, float], by: By, groups: int) -> None:
    for part in reversed(_PARTS):
        if shares[part] <= 1e-9:
            continue
        sides = Counter(_side(example.label) for example in parts[part])
        for side, name in ((1, "opinionated"), (0, "neutral")):
            if not sides[side]:
                total = Counter(_side(e.label) for some in parts.values() for e in some)
                raise DataError(
                    f"too few data to split by {by}: the {part} part has no {name} sentence; found "
                    f"{total[1]:,} opinionated and {total[0]:,} neutral sentences in {groups:,} {by}s: label more, or "
                    "set less aside (--development, --test)"
                )


def fingerprint(text: str) -> str:
    """10 hex digits that stand for a text, whatever its case, spaces and punctuation: a part of its sha256."""
    return hashlib.sha256(_key(text).encode("utf-8", "surrogatepass")).hexdigest()[:_HEX_DIGITS]


def write_seen(folder: Path, split: Split) -> None:
    """Write the fingerprints of what a model was trained and chosen on into its folder.

    Raises:
        OutputError: it cannot be written.
    """
    seen = {fingerprint(e.text): "development" for e in split.development}
    seen |= {fingerprint(e.text): "train" for e in split.train}
    with atomic_write(folder / SEEN) as file:
        file.writelines(f"{key}\t{part}\n" for key, part in sorted(seen.items()))


def read_seen(folder: Path) -> dict[str, str]:
    """The part by fingerprint of what a model has seen; empty if its folder does not say.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder / SEEN
    if not path.is_file():
        return {}
    seen = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        key, _, part = line.partition("\t")
        if len(key) != _HEX_DIGITS or not set(key) <= set("0123456789abcdef") or part not in ("train", "development"):
            raise ModelError(
                f"{path}:{number}: found {line[:40]!r}, expected {_HEX_DIGITS} hex digits, a tab and a part"
            )
        seen[key] = part
    return seen


def unseen(examples: Iterable[Example], seen: Mapping[str, str]) -> tuple[list[Example], int]:
    """The examples whose text is not among the fingerprints, and the number of the others."""
    examples = list(examples)
    kept = [example for example in examples if fingerprint(example.text) not in seen]
    return kept, len(examples) - len(kept)


KNOWN_SHARE = 0.1
"""From this share of sentences trained on, an article no longer counts as one that the model has not seen. Below it are
lines that stand under every page of an outlet, and what an agency sent to many."""


def is_known(texts: Sequence[str], seen: Mapping[str, str]) -> bool:
    """Whether an article of these sentences counts as one that the model has seen."""
    return sum(fingerprint(text) in seen for text in texts) >= KNOWN_SHARE * max(len(texts), 1)
