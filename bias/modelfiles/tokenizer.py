"""A tokenizer.json looked through before the tokenizers library builds it.

It is a program of sorts: normalizers, pre-tokenizers and a model, each chosen by name and with settings. Patterns of
regular expressions can take time without end on a text made for them, so but for a few they are refused, as are
settings that make work grow with the square of a word's length, or leave results to chance.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bias.errors import ModelError
from bias.modelfiles.jsonfile import read_json

MAX_BYTES = 50_000_000
"""The largest in use, for 250,000 pieces, have about 35 MB."""

MAX_PIECES = 2_000_000
MAX_ADDED = 20_000
MAX_PIECE_CHARACTERS = 1_000
MAX_WORD_CHARACTERS = 1_000
"""WordPiece tries every end of a word for every beginning, so its own limit for a word bounds the work."""

MAX_PREPENDED = 16
MAX_STEPS = 32
MAX_DEPTH = 8

_NORMALIZERS = frozenset(
    {
        *("Sequence", "BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "Strip"),
        *("StripAccents", "Prepend", "Replace", "ByteLevel"),
    }
)
_PRE_TOKENIZERS = frozenset(
    {
        *("Sequence", "BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "FixedLength", "Metaspace"),
        *("Punctuation", "Split", "UnicodeScripts", "Whitespace", "WhitespaceSplit"),
    }
)
_POST_PROCESSORS = frozenset({"Sequence", "BertProcessing", "ByteLevel", "RobertaProcessing", "TemplateProcessing"})
_MODELS = frozenset({"BPE", "Unigram", "WordLevel", "WordPiece"})
_PARTS = {
    "normalizer": ("normalizers", _NORMALIZERS),
    "pre_tokenizer": ("pretokenizers", _PRE_TOKENIZERS),
    "post_processor": ("processors", _POST_PROCESSORS),
}
"""Where a part of a kind lists its steps, and which kinds there are."""

_PLAIN_PATTERNS = frozenset({" ", " {2,}", r"\s+", r"\n+"})
"""Runs of one kind of character, as tokenizers made from SentencePiece fold them: they take linear time."""


def check_tokenizer(path: Path) -> str:
    """Look a file through.

    Returns:
        What was checked, in words.

    Raises:
        ModelError: it is no tokenizer, or one with parts or settings that are not used here.
    """
    values = read_json(path, MAX_BYTES)
    try:
        return _check(values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a tokenizer that is opened here: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"its form is another ({error!r})"


def _check(values: dict[str, Any]) -> str:
    for part, (steps, known) in _PARTS.items():
        _check_steps(values.get(part), part, steps, known)
    _refuse_patterns({name: value for name, value in values.items() if name not in ("model", "added_tokens")})
    pieces = _check_model(values["model"])
    added = values.get("added_tokens") or []
    if len(added) > MAX_ADDED or not all(0 < len(token["content"]) <= MAX_PIECE_CHARACTERS for token in added):
        raise ValueError(f"its added tokens are over {MAX_ADDED:,}, or not of 1 to {MAX_PIECE_CHARACTERS:,} characters")
    _check_template(values.get("post_processor"))
    return f"{values['model']['type']} of {pieces:,} pieces, no patterns, parts of known kinds"


def _check_steps(value: Any, part: str, steps: str, known: frozenset[str], depth: int = 0) -> None:
    if value is None:
        return
    if depth > MAX_DEPTH:
        raise ValueError(f"its {part} is nested too deep")
    if value["type"] not in known:
        raise ValueError(f"its {part} is of the kind {str(value['type'])[:100]!r}, which is not used here")
    if value["type"] == "Sequence":
        inner = value[steps]
        if len(inner) > MAX_STEPS:
            raise ValueError(f"its {part} has {len(inner):,} steps")
        for step in inner:
            _check_steps(step, part, steps, known, depth + 1)
    if value["type"] == "Replace":
        (pattern,) = value["pattern"].values()
        if not pattern or len(value["content"]) > len(pattern):
            raise ValueError(f"its {part} puts more in the place of {str(pattern)[:100]!r} than there was")
    if value["type"] == "Precompiled":
        _check_character_map(value["precompiled_charsmap"])
    if len(value.get("prepend", "")) > MAX_PREPENDED:
        raise ValueError(f"its {part} puts {len(value['prepend']):,} characters in front")


def _check_character_map(encoded: str) -> None:
    """Check the outline of a table of characters by SentencePiece: a size, a trie of that size, texts in UTF-8."""
    table = b64decode(encoded, validate=True)
    size = int.from_bytes(table[:4], "little")
    if len(table) < 4 or size % 4 or not 0 < size <= len(table) - 4:
        raise ValueError("its table of characters is broken")
    table[4 + size :].decode()


def _refuse_patterns(value: Any) -> None:
    for holder in _objects(value):
        pattern = holder.get("Regex")
        if pattern is not None and pattern not in _PLAIN_PATTERNS:
            raise ValueError(f"it holds the pattern {str(pattern)[:100]!r}, and patterns can take time without end")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _check_model(model: dict[str, Any]) -> int:
    """Check the model, and give the number of its pieces."""
    kind = model["type"]
    if kind not in _MODELS:
        raise ValueError(f"its model is of the kind {str(kind)[:100]!r}, which is not used here")
    vocabulary = model["vocab"]
    pieces = [row[0] for row in vocabulary] if kind == "Unigram" else list(vocabulary)
    ids = range(len(pieces)) if kind == "Unigram" else vocabulary.values()
    if not 0 < len(pieces) <= MAX_PIECES or len(model.get("merges") or ()) > MAX_PIECES:
        raise ValueError(f"it has {len(pieces):,} pieces")
    # Whole lists at once, since there are tens of thousands and somebody waits.
    if set(map(type, pieces)) != {str} or max(map(len, pieces)) > MAX_PIECE_CHARACTERS:
        raise ValueError(f"its pieces are not texts of up to {MAX_PIECE_CHARACTERS:,} characters")
    if set(map(type, ids)) != {int} or min(ids) < 0 or max(ids) > MAX_PIECES:
        raise ValueError(f"its pieces are not numbered from 0 to {MAX_PIECES:,}")
    if model.get("dropout"):
        raise ValueError("it leaves pieces to chance (dropout)")
    longest = model.get("max_input_chars_per_word", 100)
    if kind == "WordPiece" and not (type(longest) is int and 0 < longest <= MAX_WORD_CHARACTERS):
        raise ValueError(f"it takes words of {longest} characters apart, and at most {MAX_WORD_CHARACTERS:,} are")
    return len(pieces)


def _check_template(post_processor: dict[str, Any] | None) -> None:
    """Check that a text comes once in what the model reads, with a few tokens around it."""
    for holder in _objects(post_processor):
        if holder.get("type") == "TemplateProcessing":
            parts = holder["single"]
            ids = [token["ids"] for token in holder["special_tokens"].values()]
            if len(parts) > MAX_STEPS or sum("Sequence" in part for part in parts) != 1 or any(len(i) > 1 for i in ids):
                raise ValueError("its template does not hold a text once, with a few tokens around it")
