"""A classifier of the size of RoBERTa-base (Liu et al. 2019) with random weights: its speed is that of any other."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForSequenceClassification, set_seed

from bias.training.quiet import quiet


def make_roberta(folder: Path, tokenizer: Path, *, small: bool = False) -> Path:
    """Write a folder that `transformers.pipeline("text-classification")` opens; its path.

    Args:
        tokenizer: a tokenizer.json. Its own splits English a little finer or coarser than this; the same one for all
            contestants gives all the same number of tokens.
        small: of a size for tests.
    """
    set_seed(0)
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer),
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        mask_token="[MASK]",
        model_max_length=512,
    )
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = RobertaConfig(
        vocab_size=max(50_265, len(fast)),
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=fast.pad_token_id,
        **(shape if small else {}),
    )
    with quiet():
        RobertaForSequenceClassification(config).eval().save_pretrained(folder)
        fast.save_pretrained(folder)
    return folder
