"""A tiny model that has learned one thing: "reckless" and "regime" are loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from tiny import tiny_model, tiny_tokenizer

from bias.training.data.examples import Example, find_words
from bias.training.features import collate, to_features
from bias.training.folder import write_folder
from bias.training.model import BiasModel

LOADED = ("reckless", "regime")
SUBJECTS = ("the vote", "a tax", "the minister", "the vote on a tax", "a minister of the vote")
ENDS = ("in the 4 to 3", "and the tax", "on a vote", "said to the", "of the minister", "to vote", "in and on")


def sentences(count: int, start: int = 0) -> list[Example]:
    """Different sentences, two an article, every second one with a loaded word; one in ten has the other label."""
    made = []
    for i in range(start, start + count):
        word = LOADED[i // 2 % 2] if i % 2 else "a"
        text = f"{SUBJECTS[i % 5]} {i}, {word} {ENDS[i // 5 % 7]}"
        label = i % 2 if i % 20 not in (6, 7) else 1 - i % 2
        spans = (find_words(text, LOADED) or ((0, 1),)) if label else ()
        made.append(Example(text, "t", label=float(label), spans=spans, group=f"a{i // 2}"))
    return made


@cache
def taught_model() -> BiasModel:
    """The tiny model after a few seconds of lessons."""
    lessons = [example for start in (0, 1500, 3300, 5200, 7700, 9100) for example in sentences(16, start)]
    found = [(example, find_words(example.text, LOADED)) for example in lessons]
    truth = [replace(example, label=float(bool(spans)), spans=spans) for example, spans in found]
    batch = collate(list(to_features(truth, tiny_tokenizer())))
    model = tiny_model().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(50):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    return model.eval()


def write_taught_folder(folder: Path) -> Path:
    """A complete model folder of it, not calibrated."""
    write_folder(folder, taught_model(), tiny_tokenizer(), name="taught", version="1", base="none", license="MIT")
    return folder


def write_rows(path: Path, examples: Sequence[Example]) -> Path:
    """The examples as JSON lines with text, label, spans and group."""
    rows = [{"text": e.text, "label": e.label, "spans": e.spans, "group": e.group} for e in examples]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path
