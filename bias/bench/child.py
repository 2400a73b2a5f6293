"""One contestant in a process of its own: `python -m bias.bench.child`, the task as JSON on standard input.

Nothing is imported before it is needed, so that the memory told is that of the contestant.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bias.encoder import Encoder

Read = Callable[[Sequence[str]], list[float]]
"""Texts in, a number for each out."""

CHUNK = 256
"""Sentences between two looks at the clock."""

WARM = 16
"""Sentences, or articles, read before the clock starts: what is made at the first call is not counted."""


def main() -> None:
    """Do the task and print what came of it: seconds to load, items read, seconds for them, and the numbers."""
    task = json.load(sys.stdin)
    texts = task["texts"]
    begun = time.perf_counter()
    read = _ENGINES[task["engine"]](task)
    loaded = time.perf_counter() - begun
    read(texts[:WARM])
    values: list[float] = []
    items, begun = 0, time.perf_counter()
    for chunk in _chunks(texts, task["chunk"]):
        found = read(chunk)
        items += len(chunk)
        values += found[: len(texts) - len(values)]  # those of the first time round
        seconds = time.perf_counter() - begun
        if seconds >= task["seconds"] and (len(values) >= len(texts) or not task["whole"]):
            break
    json.dump({"load_seconds": loaded, "items": items, "seconds": seconds, "values": values}, sys.stdout)


def _chunks(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The texts over and over, in order."""
    parts = [texts[start : start + size] for start in range(0, len(texts), size)]
    return cycle(parts)


def _engine(path: Path, task: dict[str, Any]) -> Encoder:
    """Without its memory: the same texts are read over and over here, and each time has to count."""
    from bias.encoder import OnnxEncoder

    return OnnxEncoder(path, Path(task["tokenizer"]), task["max_tokens"], task["threads"], remembered=0)


def _onnx(task: dict[str, Any]) -> Read:
    from bias.blinding import BlindEncoder

    encoder = _engine(Path(task["path"]), task)
    if task["blind"]:
        encoder = BlindEncoder(encoder)
    return lambda texts: [encoded.sentence for encoded in encoder.encode(texts)]


def _articles(task: dict[str, Any]) -> Read:
    from bias.detector import Detector
    from bias.modelfolder import WEIGHTS

    detector = Detector(task["path"], encoder=_engine(Path(task["path"]) / WEIGHTS, task))
    return lambda texts: [detector.score(text).score or 0.0 for text in texts]


def _torch(task: dict[str, Any]) -> Read:
    import torch

    from bias.blinding import blind
    from bias.training.exporting import open_trained

    torch.set_num_threads(task["threads"])
    trained = open_trained(Path(task["path"]))
    model, tokenizer, size = trained.model.eval(), trained.tokenizer, task["batch"]
    tokenizer.enable_truncation(task["max_tokens"])
    tokenizer.enable_padding()

    def read(texts: Sequence[str]) -> list[float]:
        found: list[float] = []
        for start in range(0, len(texts), size):
            part = [blind(text).text if task["blind"] else text for text in texts[start : start + size]]
            encoded = tokenizer.encode_batch(part)
            ids, mask = ([getattr(e, name) for e in encoded] for name in ("ids", "attention_mask"))
            with torch.inference_mode():
                found += model(torch.tensor(ids), torch.tensor(mask)).sentence.tolist()
        return found

    return read


def _pipeline(task: dict[str, Any]) -> Read:
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(task["threads"])
    classify = transformers.pipeline("text-classification", model=task["path"], device="cpu", batch_size=task["batch"])
    return lambda texts: [found["score"] for found in classify(list(texts), truncation=True)]


def _products(task: dict[str, Any]) -> Read:
    import numpy as np

    from bias.encoder import map_ordered, open_session, open_tokenizer

    session = open_session(Path(task["path"]))
    tokenizer = open_tokenizer(Path(task["tokenizer"]), task["max_tokens"])
    widths = {found.name: found.shape[1] for found in session.get_inputs()}
    is_int8 = session.get_inputs()[0].type == "tensor(uint8)"
    generator = np.random.default_rng(0)
    feed = {
        name: generator.integers(0, 128, (task["max_tokens"], width)).astype(np.uint8 if is_int8 else np.float32)
        for name, width in widths.items()
    }
    lengths = {text: len(tokenizer.encode(text).ids) for text in dict.fromkeys(task["texts"])}

    def multiply(text: str) -> float:
        session.run(None, {name: values[: lengths[text]] for name, values in feed.items()})
        return 0.0

    return lambda texts: list(map_ordered(multiply, texts, task["threads"]))


_ENGINES: dict[str, Callable[[dict[str, Any]], Read]] = {
    "onnx": _onnx,
    "articles": _articles,
    "torch": _torch,
    "pipeline": _pipeline,
    "products": _products,
}


if __name__ == "__main__":
    main()
