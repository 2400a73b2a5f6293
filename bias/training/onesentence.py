"""The model as the engine calls it, with one sentence and nothing padded: what can be worked out beforehand is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers.models.bert.modeling_bert import BertEmbeddings

from bias.training.model import BiasModel

OUTPUTS = ("sentence", "token", "opinion", "technique")


class OneSentence(nn.Module):
    """All heads as one product with the tokens, taken before their mean: the mean of products is that of the mean.

    Shape:
        input_ids: (1, tokens)
        returns: `OUTPUTS` as in `BiasOutput`, of a batch of one
    """

    def __init__(self, model: BiasModel) -> None:
        super().__init__()
        self.encoder = model.encoder
        layers = (model.token, model.sentence, model.opinion, model.technique)
        self.widths = [layer.out_features for layer in layers]
        self.heads = nn.Linear(model.token.in_features, sum(self.widths))
        with torch.no_grad():
            self.heads.weight.copy_(torch.cat([layer.weight for layer in layers]))
            self.heads.bias.copy_(torch.cat([layer.bias for layer in layers]))

    def forward(self, input_ids: Tensor) -> tuple[Tensor, ...]:
        """The logits, in the order of `OUTPUTS`."""
        of_token, *of_sentence = self.widths
        logits = self.heads(self.encoder(input_ids=input_ids).last_hidden_state)
        token, others = logits.split([of_token, sum(of_sentence)], -1)
        sentence, opinion, technique = others.mean((0, 1)).split(of_sentence)
        return sentence, token.squeeze(-1), opinion, technique.unsqueeze(0)


class _Embeddings(nn.Module):
    """BERT's (Devlin et al. 2019) for a text of one segment, whose vector is added to those of the positions."""

    def __init__(self, whole: BertEmbeddings) -> None:
        super().__init__()
        self.words, self.norm = whole.word_embeddings, whole.LayerNorm
        self.positions = whole.position_embeddings.weight + whole.token_type_embeddings.weight[0]

    def forward(self, input_ids: Tensor, **_: object) -> Tensor:
        vectors: Tensor = self.words(input_ids) + self.positions[: input_ids.shape[1]]
        normed: Tensor = self.norm(vectors)
        return normed


@contextmanager
def one_segment(model: BiasModel) -> Iterator[None]:
    """Looks up words and positions alone for the while, if the encoder is BERT's; others are left as they are."""
    whole = getattr(model.encoder, "embeddings", None)
    if type(whole) is not BertEmbeddings:
        yield
        return
    model.encoder.embeddings = _Embeddings(whole)
    try:
        yield
    finally:
        model.encoder.embeddings = whole
