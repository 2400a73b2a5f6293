"""Texts -> vectors: what the sentence head of a model reads, from the weights that it is trained on from.

The ONNX engine gives logits alone, so the vectors come from `model.safetensors` by torch. They serve to find label
errors (`bias.training.labels.audit`) and to choose sentences to label (`bias.training.labels.suggest`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from bias.blinding import blind
from bias.encoder import open_tokenizer
from bias.modelfolder import TOKENIZER, open_model
from bias.training.bases import open_base
from bias.training.model import BiasModel

BATCH = 32
"""Windows that are read at once."""

TOKENIZED = 1000
"""Texts that are tokenized at once."""

Progress = Callable[[Iterable[int]], Iterable[int]]
"""Something that passes items on and may show how many have gone by, as `bias.cli.progress.track` does."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What the model makes of some texts, in their order.

    Shape:
        vectors: (texts, width), float32: the mean of the encoder's last hidden states over the text's tokens
        logits: (texts,), float32: the sentence head's logit of *opinionated*, not calibrated
    """

    vectors: np.ndarray
    logits: np.ndarray

    @property
    def features(self) -> np.ndarray:
        """Vectors and logits side by side, what `bias.training.labels.audit` learns from. Shape: (texts, width + 1)."""
        return np.column_stack([self.vectors, self.logits])


def embed(folder: Path, texts: Sequence[str], progress: Progress = iter) -> np.ndarray:
    """The vectors of the texts alone; see `read_texts`. Shape: (texts, width)."""
    return read_texts(folder, texts, progress).vectors


def read_texts(folder: Path, texts: Sequence[str], progress: Progress = iter) -> Embedded:
    """Read the texts with the model of a folder, its files verified first.

    Raises:
        ModelError: no model folder, damaged, or without trainable weights.
    """
    model, tokenizer = load_trainable(folder)
    return run_model(model, tokenizer, as_read(model, texts), progress)


def load_trainable(folder: Path) -> tuple[BiasModel, Tokenizer]:
    """The model in single precision, ready to read, and its tokenizer, which gives long texts as windows.

    Raises:
        ModelError: no model folder, damaged, or without trainable weights.
    """
    opened = open_model(folder)  # first, for a base may also be a name on the hub
    base = open_base(str(folder), max_tokens=opened.max_tokens)
    return base.model.eval(), open_tokenizer(folder / TOKENIZER, base.max_tokens)


def as_read(model: BiasModel, texts: Sequence[str]) -> Sequence[str]:
    """The texts as the model reads them: blind, or as they are."""
    return [blind(text).text for text in texts] if model.config.blind else texts


def run_model(model: BiasModel, tokenizer: Tokenizer, texts: Sequence[str], progress: Progress = iter) -> Embedded:
    """Read the texts in batches of like length; what a text shares a batch with does not change it (to 1e-4).

    The windows of a long text are weighted equally in its vector, and its logit is that of the strongest, as in the
    engine.

    Args:
        model: in evaluation mode.
        tokenizer: as `bias.encoder.open_tokenizer` gives it.
        progress: sees one item a text.
    """
    windows = list(_windows(tokenizer, texts))
    longest_first = sorted(range(len(texts)), key=lambda i: (-len(windows[i][0]), i))
    vectors = np.zeros((len(texts), model.sentence.in_features), dtype=np.float32)
    logits = np.full(len(texts), -np.inf, dtype=np.float32)
    rows = ((i, ids) for i in progress(longest_first) for ids in windows[i])
    while batch := list(islice(rows, BATCH)):
        owners = [i for i, _ in batch]
        pooled, found = _forward(model, [ids for _, ids in batch])
        np.add.at(vectors, owners, pooled)
        np.maximum.at(logits, owners, found)
    counts = np.array([len(ids) for ids in windows], dtype=np.float32)
    return Embedded(vectors / counts[:, None], logits)


def _windows(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[list[int]]]:
    """The token ids of each text's windows; only so many texts are held with all that the tokenizer knows of them."""
    for first in range(0, len(texts), TOKENIZED):
        for encoding in tokenizer.encode_batch(list(texts[first : first + TOKENIZED])):
            yield [encoding.ids, *(more.ids for more in encoding.overflowing)]


def _forward(model: BiasModel, rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """What goes into the sentence head, and what comes out. Shapes: (rows, width), (rows,)."""
    lengths = torch.tensor([len(ids) for ids in rows])
    padded = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = torch.tensor(ids)
    mask = (torch.arange(padded.shape[1]) < lengths[:, None]).long()
    read: list[torch.Tensor] = []
    # Taken from the head's own input, so that pooling is written down in one place, the model.
    hook = model.sentence.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    try:
        with torch.inference_mode():
            sentence = model(input_ids=padded, attention_mask=mask).sentence
    finally:
        hook.remove()
    return read[0].numpy(), sentence.numpy()
