"""Distillation (Hinton et al. 2015): what large models say of unlabelled sentences, for a small one to learn from.

Several models of one kind, the teachers, read sentences that nobody has labelled; the mean of their probabilities is
the label, for the sentence and for each of its words. A student learns from far more sentences so than people label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, tee
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit, logit
from tokenizers import Tokenizer

from bias.blinding import BlindEncoder
from bias.encoder import Encoded, Encoder
from bias.errors import ModelError
from bias.modelfolder import TOKENIZER
from bias.segmentation import segment
from bias.training.data.examples import Example, as_sentence, near_duplicates
from bias.training.data.pages import Page, learned_pages
from bias.training.data.repeats import squeezed
from bias.training.model import BiasModel
from bias.training.trainer import computes_bf16
from bias.types import CATEGORIES, Sentence
from bias.words import first_pieces

SHORTEST = 3
"""Words of a sentence that a teacher is asked about at least."""

LEAST = 0.02
"""Probability from which on a word's is kept; below it counts as 0, as most words' is."""

_CHUNK = 8192
"""Texts that are sorted by length together."""

_BATCH_TOKENS = 16384
"""Tokens of a batch, padding included."""


@dataclass(frozen=True, slots=True)
class Teachers:
    """Models of one vocabulary that answer together: an `Encoder` that gives the log odds of their mean probabilities.

    What a tokenizer cuts off is not read.
    """

    models: Sequence[BiasModel]
    tokenizer: Tokenizer

    def encode(self, texts: Iterable[str]) -> Iterator[Encoded]:
        """One result a text, in order, lazily."""
        remaining = iter(texts)
        while chunk := list(islice(remaining, _CHUNK)):
            yield from self._encode(chunk)

    def _encode(self, texts: Sequence[str]) -> list[Encoded]:
        encodings = self.tokenizer.encode_batch(texts)
        results: dict[int, Encoded] = {}
        for batch in _batches([len(encoding.ids) for encoding in encodings]):
            heads, tokens = self._answers([encodings[i].ids for i in batch])
            for row, i in enumerate(batch):
                words = first_pieces(texts[i], encodings[i].offsets)
                results[i] = Encoded(
                    sentence=float(heads[row, 0]),
                    opinion=float(heads[row, 1]),
                    technique=tuple(heads[row, 2:].tolist()),
                    words=tuple((word.start(), word.end(), float(tokens[row, piece])) for word, piece in words),
                )
        return [results[i] for i in range(len(texts))]

    def _answers(self, ids: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
        """Log odds. Shape: (texts, 2 + 6) of sentence, opinion and techniques; (texts, tokens) of tokens."""
        device = next(self.models[0].parameters()).device
        longest = max(map(len, ids))
        padded = torch.tensor([[*row, *[0] * (longest - len(row))] for row in ids], device=device)
        lengths = torch.tensor([len(row) for row in ids], device=device)
        mask = (torch.arange(longest, device=device) < lengths[:, None]).long()
        heads, tokens = [], []
        mixed = device.type == "cuda" or computes_bf16()
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            for model in self.models:
                found = model(input_ids=padded, attention_mask=mask)
                joined = torch.cat([found.sentence[:, None], found.opinion[:, None], found.technique], 1)
                heads.append(joined.double().sigmoid())
                tokens.append(found.token.double().sigmoid())
        return tuple(logit(torch.stack(said).mean(0).cpu().numpy()) for said in (heads, tokens))


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of texts in batches of about one length."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[i] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def open_teachers(folders: Sequence[Path]) -> Encoder:
    """The models that training left in the folders (`.../stage-N`), on the accelerator if there is one.

    Raises:
        ModelError: a folder holds no model, or they differ in what they read: tokenizer, or blind and not blind.
    """
    if missing := [folder for folder in folders if not (folder / TOKENIZER).is_file()]:
        raise ModelError(f"{missing[0]} holds no trained stage: there is no {TOKENIZER}")
    read = {(folder / TOKENIZER).read_text("utf-8") for folder in folders}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    models = [BiasModel.from_pretrained(folder).eval().to(device) for folder in folders]
    if len(read) > 1 or len({model.config.blind for model in models}) > 1:
        raise ModelError("teachers of different tokenizers, or blind and not, cannot be asked together")
    tokenizer = Tokenizer.from_file(str(folders[0] / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(min(128, models[0].max_positions))
    teachers = Teachers(models, tokenizer)
    return BlindEncoder(teachers) if models[0].config.blind else teachers


def pool(pages: Sequence[Page], examples: Iterable[Example], apart: Sequence[Example]) -> list[str]:
    """What teachers are asked about: the sentences of the pages that are learned from, and the examples' texts.

    Each text once, of `SHORTEST` words or more, none that nearly repeats one of `apart`.
    """
    both, others = learned_pages(pages)
    of_pages = (sentence.text for page in (*both, *others) for sentence in segment(page.text))
    found: dict[str, str] = {}
    for text in (*of_pages, *(example.text for example in examples)):
        if len(text.split()) >= SHORTEST:
            found.setdefault(squeezed(text), text)
    texts = list(found.values())
    repeated = near_duplicates(texts, [example.text for example in apart])
    return [text for text, again in zip(texts, repeated, strict=True) if not again]


def teach(texts: Iterable[str], teachers: Encoder) -> Iterator[Example]:
    """The texts with what the teachers say as labels, in order, lazily; of attributed quotes also without them."""
    kept, read = tee(map(as_sentence, texts))
    results = teachers.encode(text for sentence in read for text in _readings(sentence))
    for sentence in kept:
        written, *withheld = [next(results) for _ in _readings(sentence)]
        words = ((start, end, float(expit(value))) for start, end, value in written.words)
        yield Example(
            text=sentence.text,
            source="taught",
            label=float(expit(written.sentence)),
            outlet_label=float(expit(withheld[0].sentence)) if withheld else None,
            opinion=float(expit(written.opinion)),
            techniques=tuple(zip(CATEGORIES, expit(written.technique).tolist(), strict=True)),
            marks=tuple(word for word in words if word[2] >= LEAST),
        )


def _readings(sentence: Sentence) -> tuple[str, ...]:
    if sentence.withheld and sentence.has_outlet_words:
        return (sentence.text, sentence.outlet_text)
    return (sentence.text,)


def taught_row(example: Example) -> dict[str, Any]:
    """The row of the data set `taught` that an example is read from again; probabilities to four places."""
    return {
        "text": example.text,
        "label": round(example.label or 0.0, 4),
        "outlet_label": None if example.outlet_label is None else round(example.outlet_label, 4),
        "opinion": round(example.opinion or 0.0, 4),
        **{name: round(value, 4) for name, value in example.techniques},
        "marks": [{"start": a, "end": b, "share": round(share, 4)} for a, b, share in example.marks or ()],
    }
