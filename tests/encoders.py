"""Tiny encoders of the kinds that people start from, as the folders that they come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from tiny import LETTERS, WORDS
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AlbertConfig,
    AutoModel,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
"""Padding is 1, as RoBERTa has it, and not what batches are padded with."""

POSITIONS = 64

SIZES = {
    "vocab_size": len(PIECES),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": POSITIONS,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
OFFSET = {**SIZES, "max_position_embeddings": POSITIONS + 2}
DISENTANGLED = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 16,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
    "type_vocab_size": 0,
}

ENCODERS: dict[str, Callable[[], PreTrainedConfig]] = {
    "albert": lambda: AlbertConfig(**SIZES, embedding_size=8),
    "bert": lambda: BertConfig(**SIZES),
    "deberta-v2": lambda: DebertaV2Config(**SIZES, **DISENTANGLED),
    "distilbert": lambda: DistilBertConfig(
        vocab_size=len(PIECES),
        dim=16,
        n_layers=1,
        n_heads=2,
        hidden_dim=32,
        max_position_embeddings=POSITIONS,
        pad_token_id=1,
    ),
    "electra": lambda: ElectraConfig(**SIZES, embedding_size=8),
    # Two layers: one with attention over all tokens, one with attention to a few neighbours.
    "modernbert": lambda: ModernBertConfig(
        **{**SIZES, "num_hidden_layers": 2}, local_attention=8, cls_token_id=0, sep_token_id=2
    ),
    "mpnet": lambda: MPNetConfig(**OFFSET),
    "roberta": lambda: RobertaConfig(**OFFSET),
    "xlm-roberta": lambda: XLMRobertaConfig(**OFFSET),
}


def piece_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def write_encoder(folder: Path, config: PreTrainedConfig) -> Path:
    """An encoder with random weights (large enough to matter) and its tokenizer."""
    torch.manual_seed(0)
    encoder = AutoModel.from_config(config)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    encoder.save_pretrained(folder)
    piece_tokenizer().save(str(folder / "tokenizer.json"))
    return folder
