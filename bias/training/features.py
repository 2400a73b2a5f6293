"""Examples -> token ids and targets, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer

from bias.training.examples import Example
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
    if example.spans is not None:
        for word, piece in first_pieces(example.text, encoding.offsets):
            tokens[piece] = float(any(a < word.end() and word.start() < b for a, b in example.spans))
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
