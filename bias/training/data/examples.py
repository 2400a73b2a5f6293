"""Labelled sentences: one form for every data set, and what the quotes in them mean for the labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from bias.blinding import blind
from bias.quotation import attribute
from bias.training.data.repeats import links, repeats, squeezed
from bias.types import WITHHELD, Category, Sentence

Offsets = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled sentence; whatever is None is not known and takes no part in the loss.

    `label` and `opinion` run from 0 to 1 and may be soft. `spans` are the loaded words (code-point offsets).
    `outlet_label` is the label of the outlet's own words where someone gave one. `votes` is (annotators who called it
    opinionated, annotators). `marks` are (start, end, share of the annotators that marked it), where that is known.
    `group` is the article. `place` is where it was read ("mine.csv:12").
    """

    text: str
    source: str
    label: float | None = None
    outlet_label: float | None = None
    spans: Offsets | None = None
    opinion: float | None = None
    techniques: tuple[tuple[Category, float], ...] = ()
    votes: tuple[int, int] | None = None
    marks: tuple[tuple[int, int, float], ...] | None = None
    group: str = ""
    outlet: str = ""
    leaning: str = ""
    topic: str = ""
    weight: float = 1.0
    place: str = ""


def withhold(example: Example) -> tuple[Example, ...]:
    """The example as written and, where it holds an attributed quote, a second one with the quote withheld.

    That is what the model reads when it scores the outlet's own words, so it learns from the same. The label of the
    second follows from the first: a neutral sentence stays neutral; a plain attribution is neutral; where the loaded
    words are known, the sentence is opinionated if one stands outside the quotes. In any other case it is not known,
    and there is no second example.
    """
    sentence = as_sentence(example.text)
    if not sentence.withheld or not sentence.has_outlet_words:
        return (example,)
    outside = None
    if example.spans is not None:
        outside = tuple(span for span in example.spans if not _inside(span, sentence.withheld))
    label = _outlet_label(example, sentence, outside)
    if label is None:
        return (example,)
    second = replace(
        example,
        text=sentence.outlet_text,
        label=label,
        outlet_label=label,
        spans=() if label == 0 else _shift(outside, sentence.withheld) if outside else None,
        opinion=None,
        techniques=(),
        marks=None,
    )
    return (example, second)


def blinded(examples: Iterable[Example]) -> list[Example]:
    """The examples as a blind model reads them (`bias.blinding`), their spans moved along."""
    return [_blinded(example) for example in examples]


def _blinded(example: Example) -> Example:
    read = blind(example.text)
    if not read.edits:
        return example
    return replace(
        example,
        text=read.text,
        spans=example.spans and tuple(read.blinded(start, end) for start, end in example.spans),
        marks=example.marks and tuple((*read.blinded(start, end), share) for start, end, share in example.marks),
    )


def as_sentence(text: str) -> Sentence:
    """A stand-alone sentence with its voice resolved from its own marks alone."""
    return attribute(text, (Sentence(0, 0, 0, len(text), text),))[0]


def _outlet_label(example: Example, sentence: Sentence, outside: Offsets | None) -> float | None:
    if example.outlet_label is not None:
        return example.outlet_label
    if example.label is None:
        return None
    if example.label < 0.5:
        return example.label
    if sentence.loaded_verb:
        return 1.0
    if sentence.voice == "quoted":
        return 0.0
    if example.spans:
        return 1.0 if outside else 0.0
    return None


def _inside(span: tuple[int, int], ranges: Offsets) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in ranges)


def _shift(spans: Offsets | None, withheld: Offsets) -> Offsets:
    """Offsets of spans outside the quotes once each quote's content is replaced by `WITHHELD`."""
    shifted = []
    for start, end in spans or ():
        moved = sum(len(WITHHELD) - (b - a) for a, b in withheld if b <= start)
        if not any(a < end and start < b for a, b in withheld):
            shifted.append((start + moved, end + moved))
    return tuple(shifted)


def find_words(text: str, words: Iterable[str]) -> Offsets:
    """Offsets of every whole-word, case-insensitive occurrence of the words or phrases, merged and in order."""
    found: set[tuple[int, int]] = set()
    for word in words:
        pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, word.split())) + r"(?!\w)"
        if word.strip():
            found.update(match.span() for match in re.finditer(pattern, text, re.IGNORECASE))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def near_duplicates(texts: Sequence[str], others: Sequence[str], overlap: float = 0.5) -> np.ndarray:
    """Which texts share that part or more of their word trigrams (of the shorter side) with one of the others.

    Shape: (texts,), bool. Texts of fewer than three words match only when they are equal.
    """
    exact = set(map(squeezed, others))
    near = repeats(texts, others, overlap)
    near[[squeezed(text) in exact for text in texts]] = True
    return near


def article_groups(examples: Sequence[Example], overlap: float = 0.5) -> list[str]:
    """The article of each example: its group, joined with others whose text nearly repeats one of its sentences.

    Returns one key an example; equal keys must never be on both sides of a split.
    """
    distinct: dict[str, int] = {}
    text_of = np.array([distinct.setdefault(squeezed(e.text), len(distinct)) for e in examples], dtype=int)
    groups: dict[str, int] = {}
    group_of = [groups.setdefault(e.group, len(groups)) if e.group else -1 for e in examples]
    # Nodes of the graph: the distinct texts, then the groups.
    linked = [(text, len(distinct) + group) for text, group in zip(text_of, group_of, strict=True) if group >= 0]
    rows, columns = links(list(distinct), overlap) if distinct else (np.zeros(0, int), np.zeros(0, int))
    i = np.concatenate([rows, [a for a, _ in linked]]).astype(int)
    j = np.concatenate([columns, [b for _, b in linked]]).astype(int)
    nodes = len(distinct) + len(groups)
    graph = csr_matrix((np.ones(len(i)), (i, j)), shape=(nodes, nodes))
    _, components = connected_components(graph, directed=False)
    return [f"g{component}" for component in components[text_of]]
