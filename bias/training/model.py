"""One encoder, four heads: the `PreTrainedModel` that is trained, saved and exported."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from bias.errors import ModelError
from bias.types import CATEGORIES

HEADS = ("sentence", "token", "opinion", "technique")

IGNORED = -100.0
"""Target value that takes no part in a loss: the label is not known."""


class BiasConfig(PreTrainedConfig):
    """The base encoder's configuration, the weights of the four losses, and whether texts are read blind."""

    model_type = "newsbias"

    def __init__(
        self,
        base: dict[str, Any] | None = None,
        losses: dict[str, float] | None = None,
        dropout: float = 0.1,
        blind: bool = False,
        **kwargs: Any,
    ) -> None:
        self.base = base or {}
        self.blind = blind
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
        self.encoder = AutoModel.from_config(base, **_without_pooler(base))
        self.dropout = nn.Dropout(config.dropout)
        self.sentence = nn.Linear(base.hidden_size, 1)
        self.token = nn.Linear(base.hidden_size, 1)
        self.opinion = nn.Linear(base.hidden_size, 1)
        self.technique = nn.Linear(base.hidden_size, len(CATEGORIES))
        self.post_init()

    @classmethod
    def from_base(cls, base: str | Path, losses: dict[str, float], dropout: float = 0.1) -> BiasModel:
        """A model in fp32 with fresh heads on the pretrained encoder at a path or, with a network, on the hub.

        Only safetensors are read and no code that comes with an encoder is run.

        Raises:
            ModelError: the encoder's file lacks some of its weights, which would be random numbers.
            OSError, ValueError, RuntimeError: there is no such encoder (`bias.training.bases` puts it in one line).
        """
        safe: dict[str, Any] = {"trust_remote_code": False}
        described = AutoConfig.from_pretrained(base, **safe)
        encoder, report = AutoModel.from_pretrained(
            base,
            config=described,
            dtype=torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            **_without_pooler(described),
            **safe,
        )
        if missing := sorted(report["missing_keys"]):
            raise ModelError(f"{base}: {len(missing)} weights of the encoder are missing, as {missing[0]}")
        values = {name: value for name, value in encoder.config.to_dict().items() if name != "_name_or_path"}
        model = cls(BiasConfig(base=values, losses=losses, dropout=dropout))
        model.encoder = encoder
        return model

    @property
    def max_positions(self) -> int:
        """The most tokens that the encoder can tell apart by position; `sys.maxsize` where nothing limits them.

        Encoders of RoBERTa's kind number positions from the one after their padding id, so a table of 514 rows
        serves 512 tokens; their table marks that id as its `padding_idx`.
        """
        for name, module in self.encoder.named_modules():
            if name.rpartition(".")[2] == "position_embeddings" and isinstance(module, nn.Embedding):
                offset = 0 if module.padding_idx is None else module.padding_idx + 1
                return module.num_embeddings - offset
        stated = getattr(self.encoder.config, "max_position_embeddings", None)
        return stated if stated and stated > 0 else sys.maxsize

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        sentence_target: Tensor | None = None,
        token_target: Tensor | None = None,
        opinion_target: Tensor | None = None,
        technique_target: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> BiasOutput:
        """All heads in one pass. Without a mask, no row is padded.

        Shape:
            input_ids, attention_mask, token_target: (batch, tokens)
            sentence_target, opinion_target, weight: (batch,), targets from 0 to 1 or `IGNORED`
            technique_target: (batch, 6)
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = self.dropout(_mean(hidden, attention_mask))
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


def _mean(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Of the tokens that are no padding. Shape: (batch, tokens, width) -> (batch, width)."""
    if mask is None:
        return hidden.mean(1)
    kept = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * kept).sum(1) / kept.sum(1).clamp(min=1.0)


def _without_pooler(config: PreTrainedConfig) -> dict[str, bool]:
    """The argument that keeps an encoder's unused pooling layer out, for the classes that take it."""
    kind = MODEL_MAPPING.get(type(config), None)
    takes = isinstance(kind, type) and "add_pooling_layer" in inspect.signature(kind).parameters
    return {"add_pooling_layer": False} if takes else {}


def _masked_loss(logits: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """Binary cross-entropy averaged over the known targets; 0 where none is known."""
    known = target != IGNORED
    losses = nn.functional.binary_cross_entropy_with_logits(logits, target.clamp(0.0, 1.0), reduction="none")
    scale = known.to(losses.dtype)
    if weight is not None:
        scale = scale * weight.reshape(-1, *[1] * (target.dim() - 1))
    return (losses * scale).sum() / known.sum().clamp(min=1)
