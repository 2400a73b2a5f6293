"""Examples -> token ids and targets, and batches of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer

from bias.training.data.examples import Example
from bias.training.model import IGNORED
from bias.types import CATEGORIES
from bias.words import first_pieces


def to_features(examples: Sequence[Example], tokenizer: Tokenizer) -> Dataset:
    """One row an example: `input_ids`, the four targets (`IGNORED` where not known), `weight` and `length`."""
    encodings = tokenizer.encode_batch([example.text for example in examples])
    return Dataset.from_list([_row(*pair) for pair in zip(examples, encodings, strict=True)])


def _row(example: Example, encoding: Any) -> dict[str, Any]:
    techniques = dict(example.techniques)
    tokens = [IGNORED] * len(encoding.ids)
    marks = example.marks
    if marks is None and example.spans is not None:
        marks = tuple((start, end, 1.0) for start, end in example.spans)
    if marks is not None:
        for word, piece in first_pieces(example.text, encoding.offsets):
            tokens[piece] = max((share for a, b, share in marks if a < word.end() and word.start() < b), default=0.0)
    return {
        "input_ids": encoding.ids,
        "sentence_target": _known(example.label),
        "token_target": tokens,
        "opinion_target": _known(example.opinion),
        "technique_target": [_known(techniques.get(name)) for name in CATEGORIES],
        "weight": example.weight,
        "length": len(encoding.ids),
    }


def _known(value: float | None) -> float:
    return IGNORED if value is None else value


MEGABATCH = 50
"""Batches that are sorted by length together: their rows differ little in length, and stay in a random order."""


def training_order(lengths: Sequence[int], batch_size: int, epochs: float, seed: int) -> list[int]:
    """Row numbers in the order in which they are trained on: random batches of rows of about one length, every epoch.

    It is settled before training starts, by the seed alone, so that a run can go on from any step. Every batch is
    full: what is left over of an epoch (another few rows each time) is left out. Length: a multiple of `batch_size`.
    """
    draw = random.Random(seed)
    rows = list(range(len(lengths)))
    full = len(rows) // batch_size
    order: list[int] = []
    for _ in range(-int(-epochs // 1)):
        draw.shuffle(rows)
        kept = iter(rows[: full * batch_size])
        batches: list[list[int]] = []
        while together := sorted(islice(kept, MEGABATCH * batch_size), key=lambda row: lengths[row]):
            batches += [together[at : at + batch_size] for at in range(0, len(together), batch_size)]
        draw.shuffle(batches)
        order += [row for batch in batches for row in batch]
    return order[: max(1, round(epochs * full)) * batch_size]


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch padded to its longest row.

    Shape:
        input_ids, attention_mask, token_target: (batch, longest)
        sentence_target, opinion_target, weight: (batch,)
        technique_target: (batch, 6)
    """
    longest = max(len(row["input_ids"]) for row in rows)

    def padded(name: str, fill: float, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor([[*row[name], *[fill] * (longest - len(row[name]))] for row in rows], dtype=dtype)

    batch = {
        "input_ids": padded("input_ids", 0, torch.long),
        "token_target": padded("token_target", IGNORED, torch.float32),
    }
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    batch["attention_mask"] = (torch.arange(longest) < lengths[:, None]).long()
    for name in ("sentence_target", "opinion_target", "technique_target", "weight"):
        batch[name] = torch.tensor([row[name] for row in rows], dtype=torch.float32)
    return batch
