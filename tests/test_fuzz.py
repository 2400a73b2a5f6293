"""The fuzz targets on a fixed number of inputs: the kept cases, each cut, doubled and spliced by a fixed seed."""

from __future__ import annotations

import random

import pytest
from fuzz import TARGETS
from nasty import CASES

INPUTS = 300
"""Inputs a target. A run of atheris tries many more (SECURITY.md says how many it has)."""


def changed(generator: random.Random, corpus: list[bytes]) -> bytes:
    """One of the corpus, changed a few times as fuzzers do."""
    data = bytearray(generator.choice(corpus))
    for _ in range(generator.randint(0, 6)):
        at = generator.randint(0, len(data))
        end = min(len(data), at + generator.randint(0, 12))
        match generator.randrange(5):
            case 0:
                del data[at:end]
            case 1:
                data[at:at] = bytes(generator.randrange(256) for _ in range(generator.randint(1, 3)))
            case 2:
                data[at:at] = data[at:end] * generator.randint(1, 20)
            case 3:
                data[at:at] = generator.choice(corpus)
            case 4 if at < len(data):
                data[at] ^= 1 << generator.randrange(8)
    return bytes(data[:1_500])


@pytest.mark.parametrize("name", TARGETS)
def test_a_fixed_run_of_every_target_finds_nothing(name: str) -> None:
    generator = random.Random(f"{name} 1")
    corpus = [text.encode("utf-8", "surrogatepass") for text in CASES.values()]
    number = INPUTS // 5 if name == "reporting" else INPUTS
    for data in [*corpus, *(changed(generator, corpus) for _ in range(number))]:
        TARGETS[name](bytes([generator.randrange(256)]) + data if name == "reading" else data)
