"""One encoder, four heads: the `PreTrainedModel` that is trained, saved and exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from bias.types import CATEGORIES

HEADS = ("sentence", "token", "opinion", "technique")

IGNORED = -100.0
"""Target value that takes no part in a loss: the label is not known."""


class BiasConfig(PreTrainedConfig):
    """The base encoder's configuration and the weights of the four losses."""

    model_type = "newsbias"

    def __init__(
        self,
        base: dict[str, Any] | None = None,
        losses: dict[str, float] | None = None,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        self.base = base or {}
        self.losses = losses or dict.fromkeys(HEADS, 1.0)
        self.dropout = dropout
        super().__init__(**kwargs)


@dataclass
class BiasOutput(ModelOutput):
    """Logits of every head and, where targets were given, the weighted loss.

    Shape:
        loss: ()
        sentence, opinion: (batch,)
        technique: (batch, 6), in the order of `bias.types.CATEGORIES`
        token: (batch, tokens)
    """

    loss: Tensor | None = None
    sentence: Tensor | None = None
    token: Tensor | None = None
    opinion: Tensor | None = None
    technique: Tensor | None = None


class BiasModel(PreTrainedModel):
    """An encoder with mean pooling (Reimers and Gurevych 2019), three heads on the sentence and one on its tokens."""

    config_class = BiasConfig
    config: BiasConfig

    def __init__(self, config: BiasConfig) -> None:
        super().__init__(config)
        base = AutoConfig.for_model(**config.base)
        self.encoder = AutoModel.from_config(base, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.dropout)
        self.sentence = nn.Linear(base.hidden_size, 1)
        self.token = nn.Linear(base.hidden_size, 1)
        self.opinion = nn.Linear(base.hidden_size, 1)
        self.technique = nn.Linear(base.hidden_size, len(CATEGORIES))
        self.post_init()

    @classmethod
    def from_base(cls, base: str | Path, losses: dict[str, float], dropout: float = 0.1) -> BiasModel:
        """A model with fresh heads on the pretrained encoder at a path or, with a network, of that name on the hub."""
        encoder = AutoModel.from_pretrained(base, add_pooling_layer=False)
        described = {name: value for name, value in encoder.config.to_dict().items() if name != "_name_or_path"}
        model = cls(BiasConfig(base=described, losses=losses, dropout=dropout))
        model.encoder = encoder
        return model

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        sentence_target: Tensor | None = None,
        token_target: Tensor | None = None,
        opinion_target: Tensor | None = None,
        technique_target: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> BiasOutput:
        """All heads in one pass.

        Shape:
            input_ids, attention_mask, token_target: (batch, tokens)
            sentence_target, opinion_target, weight: (batch,), targets from 0 to 1 or `IGNORED`
            technique_target: (batch, 6)
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = self.dropout((hidden * mask).sum(1) / mask.sum(1).clamp(min=1.0))
        output = BiasOutput(
            sentence=self.sentence(pooled).squeeze(-1),
            token=self.token(self.dropout(hidden)).squeeze(-1),
            opinion=self.opinion(pooled).squeeze(-1),
            technique=self.technique(pooled),
        )
        targets = {
            "sentence": sentence_target,
            "token": token_target,
            "opinion": opinion_target,
            "technique": technique_target,
        }
        if any(target is not None for target in targets.values()):
            losses = [
                self.config.losses.get(head, 0.0) * _masked_loss(output[head], target, weight)
                for head, target in targets.items()
                if target is not None
            ]
            output["loss"] = torch.stack(losses).sum()
        return output


def _masked_loss(logits: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """Binary cross-entropy averaged over the known targets; 0 where none is known."""
    known = target != IGNORED
    losses = nn.functional.binary_cross_entropy_with_logits(logits, target.clamp(0.0, 1.0), reduction="none")
    scale = known.to(losses.dtype)
    if weight is not None:
        scale = scale * weight.reshape(-1, *[1] * (target.dim() - 1))
    return (losses * scale).sum() / known.sum().clamp(min=1)
