"""A tiny model folder with random weights, made on the spot: everything real except its size."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig

from bias.training.folder import write_folder
from bias.training.model import BiasConfig, BiasModel

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"-()$%"
WORDS = ["the", "regime", "said", "minister", "vote", "tax", "reckless", "on", "of", "to", "a", "in", "and"]
VOCABULARY = [*SPECIAL, *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]


def tiny_tokenizer() -> Tokenizer:
    """WordPiece over letters and a few words."""
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def tiny_base() -> BertConfig:
    """An encoder of two layers, 32 wide."""
    return BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=512,
    )


def tiny_model(seed: int = 0) -> BiasModel:
    """The model over that encoder, with random weights."""
    torch.manual_seed(seed)
    return BiasModel(BiasConfig(base=tiny_base().to_dict()))


def write_tiny_folder(folder: Path) -> Path:
    """A complete model folder."""
    write_folder(folder, tiny_model(), tiny_tokenizer(), name="tiny", version="1", base="none")
    return folder
