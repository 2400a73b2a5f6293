"""What training starts from: the shipped weights, another model folder of ours, or any pretrained encoder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import CONFIG_MAPPING, AutoTokenizer

from bias.encoder import OVERLAP
from bias.errors import BiasError, ModelError
from bias.modelfolder import MANIFEST, TOKENIZER, TRAINABLE, ModelFolder, default_model, digest, open_model, verify_file
from bias.training.model import HEADS, BiasConfig, BiasModel
from bias.training.quiet import quiet

DEFAULT = "default"
"""The base that is shipped."""

CONFIG = "config.json"
SHARDS = "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
FETCHED = (CONFIG, "model*.safetensors", SHARDS, "tokenizer*", "vocab*", "merges.txt", "*.model", "*_tokens*.json")
"""What is taken from the hub: weights in safetensors, their configuration and the tokenizer; no pickle and no code."""

MIN_POSITIONS = 2 * OVERLAP
"""Tokens that an encoder has to read at once at least: windows of a long sentence overlap by `OVERLAP`."""

ALONE = 1e-3
"""How far a logit may move when a sentence is padded, as far as a sentence's company may move its scores."""


@dataclass(frozen=True, slots=True)
class Base:
    """A model to train, in fp32, and the tokenizer that goes with it.

    `name` is without folders of this machine: a model's name and version, a folder's own name, or a name on the hub.
    `sha256` is of the weights as they were read. `max_tokens` is where the tokenizer cuts: what was asked for, or fewer
    where the encoder has no more positions. `from_model` is the model folder of ours that it was read from, whose heads
    are kept; None for a plain encoder, whose heads are fresh.
    """

    name: str
    model: BiasModel
    tokenizer: Tokenizer
    max_tokens: int
    sha256: str
    from_model: ModelFolder | None = None


def fetch_from_hub(name: str) -> Path:
    """The folder of an encoder on the Hugging Face hub, downloaded or kept from an earlier time.

    Raises:
        ModelError: there is no such encoder, it may not be read, or nothing could be fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    offline = f"without a network, --base {DEFAULT} or the path of a folder works"
    try:
        return Path(snapshot_download(name, allow_patterns=list(FETCHED)))
    except GatedRepoError as error:
        raise ModelError(f"{name}: its owner gives it out on request only; ask on the hub, then log in") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"{name} is neither a folder here nor a model on the hub that can be read; {offline}"
        ) from error
    except Exception as error:  # no network: errors of the hub's library, of its HTTP client, and of the system
        raise ModelError(f"{name} is no folder here, and nothing could be fetched from the hub; {offline}") from error


def open_base(
    name: str,
    losses: dict[str, float] | None = None,
    dropout: float = 0.1,
    max_tokens: int = 128,
    layers: Sequence[int] | None = None,
    *,
    fetch: Callable[[str], Path] = fetch_from_hub,
) -> Base:
    """The base of that name, checked and tried out, so that what does not work is told before training.

    Args:
        name: `default`, the path of a model folder or of a Hugging Face encoder, or a name on the hub.
        losses: weight of each head's loss; None keeps those of a model of ours, and is 1 each for an encoder.
        dropout: before the heads.
        max_tokens: where the tokenizer cuts.
        layers: numbers of the encoder's layers to keep, from 0 on; None keeps all.
        fetch: gives the folder for a name on the hub.

    Fresh heads are drawn from torch's generator: seed it first. Encoders of the kinds albert, bert, deberta-v2,
    distilbert, electra, modernbert, mpnet, roberta and xlm-roberta are tested from here to the finished ONNX file.

    Raises:
        ModelError: it is missing, damaged, not an encoder of text, or can only be read by running code that comes
            with it or by unpickling.
    """
    folder = _find(name, fetch)
    with quiet(), _in_one_line(name):
        if (folder / MANIFEST).is_file():
            base = _open_ours(folder, losses, dropout, max_tokens)
        else:
            hub = folder.resolve() != Path(name).expanduser().resolve()
            base = _open_encoder(folder, name if hub else folder.resolve().name, losses, dropout, max_tokens)
        if layers is not None:
            keep_layers(base.model, layers)
        _try_out(base)
    return base


def _find(name: str, fetch: Callable[[str], Path]) -> Path:
    if name == DEFAULT:
        return default_model()
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise ModelError(f"{name} is a file; a base is a folder, a name on the Hugging Face hub, or {DEFAULT}")
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
        raise ModelError(f"there is no folder {name}")
    return fetch(name)


def _open_ours(folder: Path, losses: dict[str, float] | None, dropout: float, max_tokens: int) -> Base:
    described = open_model(folder)
    files = described.manifest["files"]
    for name in (TRAINABLE, CONFIG):
        if name not in files:
            raise ModelError(f"{folder} holds no {name}: there are no weights to train on from")
        verify_file(folder / name, files[name])
    config = BiasConfig.from_pretrained(folder, dropout=dropout)
    config.losses = config.losses if losses is None else losses
    model, report = BiasModel.from_pretrained(
        folder, config=config, dtype=torch.float32, use_safetensors=True, output_loading_info=True
    )
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"{folder / TRAINABLE}: {len(missing)} weights of the model are missing, as {missing[0]}")
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    title = f"{described.info.name} {described.info.version}"
    return _base(title, model, tokenizer, max_tokens, files[TRAINABLE]["sha256"], described)


def _open_encoder(folder: Path, title: str, losses: dict[str, float] | None, dropout: float, max_tokens: int) -> Base:
    _check_kind(folder)
    weights = _weights(folder)
    model = BiasModel.from_base(folder, losses or dict.fromkeys(HEADS, 1.0), dropout).eval()
    sha256 = digest(weights[0]) if len(weights) == 1 else _digest_of(weights)
    return _base(title, model, _open_tokenizer(folder), max_tokens, sha256)


def _base(
    title: str,
    model: BiasModel,
    tokenizer: Tokenizer,
    max_tokens: int,
    sha256: str,
    from_model: ModelFolder | None = None,
) -> Base:
    if model.max_positions < MIN_POSITIONS:
        raise ModelError(f"{title} reads {model.max_positions} tokens at once; at least {MIN_POSITIONS} are needed")
    max_tokens = min(max_tokens, model.max_positions)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return Base(title, model, tokenizer, max_tokens, sha256, from_model)


def keep_layers(model: BiasModel, layers: Sequence[int]) -> None:
    """Take all other layers out of the encoder, in place: what is left is smaller and faster, and has to be trained.

    Layers taken from a trained encoder are a better start than fresh ones (Sanh et al. 2019, "DistilBERT").

    Raises:
        ModelError: it has no such layers, or none that can be told apart.
    """
    config = model.encoder.config
    count = config.num_hidden_layers
    if unknown := set(layers) - set(range(count)):
        raise ModelError(f"the base has the layers 0 to {count - 1}, not {', '.join(map(str, sorted(unknown)))}")
    stacks = [
        (parent, name)
        for parent in model.encoder.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.ModuleList) and len(child) == count
    ]
    if len(stacks) != 1:
        raise ModelError(f"layers cannot be taken out of an encoder of the kind {config.model_type}")
    ((parent, name),) = stacks
    stack = getattr(parent, name)
    setattr(parent, name, nn.ModuleList(stack[number] for number in layers))
    config.num_hidden_layers = len(layers)
    model.config.base = {name: value for name, value in config.to_dict().items() if name in model.config.base}


def _check_kind(folder: Path) -> None:
    """Refuse what config.json already tells: no model, no encoder, or one that comes with code of its own."""
    path = folder / CONFIG
    if not path.is_file():
        raise ModelError(
            f"{folder} is no model: it has neither {MANIFEST}, as a model folder of ours, nor {CONFIG}, as an encoder"
        )
    try:
        config = json.loads(path.read_text("utf-8"))
        kind = config["model_type"]
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ModelError(f"{path} does not describe a model: it names no model_type") from error
    if kind == BiasConfig.model_type:
        raise ModelError(f"{folder} is one of our models without its {MANIFEST}, so it cannot be checked: get it again")
    if kind not in CONFIG_MAPPING:
        own = " but by running code that comes with it, which is never done" if "auto_map" in config else ""
        raise ModelError(f"{folder}: encoders of the kind {kind} cannot be read{own}; choose another base")
    if config.get("is_encoder_decoder"):
        raise ModelError(f"{folder}: {kind} is an encoder with a decoder; choose one that is an encoder alone")


def _weights(folder: Path) -> list[Path]:
    """The safetensors files of an encoder."""
    if (folder / TRAINABLE).is_file():
        return [folder / TRAINABLE]
    if (folder / SHARDS).is_file():
        names = json.loads((folder / SHARDS).read_text("utf-8"))["weight_map"].values()
        return [folder / name for name in sorted(set(names))]
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        raise ModelError(
            f"{folder} holds weights only as a pickle ({pickles[0]}), which can run code as it is read: "
            f"convert them to {TRAINABLE} where you trust them"
        )
    raise ModelError(f"{folder} holds no weights: {TRAINABLE} is missing")


def _digest_of(paths: list[Path]) -> str:
    """One sha256 for weights in several files: of the digests of each, in order of name."""
    return hashlib.sha256("".join(map(digest, paths)).encode()).hexdigest()


def _open_tokenizer(folder: Path) -> Tokenizer:
    path = folder / TOKENIZER
    if path.is_file():
        try:
            tokenizer: Tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"{path} is not a tokenizer: {error}") from error
        return tokenizer
    # transformers builds a tokenizer without words where it finds none, so look for the words first.
    if not any(path for pattern in ("vocab.*", "*.model") for path in folder.glob(pattern)):
        raise ModelError(f"{folder} holds no tokenizer: {TOKENIZER} is missing")
    opened = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    backend = getattr(opened, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise ModelError(f"{folder}: its tokenizer {type(opened).__name__} has no {TOKENIZER} and cannot be made one")
    return backend


def _try_out(base: Base) -> None:
    """Read a longest text, alone and padded.

    Raises:
        ModelError: the tokenizer knows words that the encoder does not, the numbers are not finite, or padding
            changes them.
    """
    rows = base.model.encoder.get_input_embeddings().num_embeddings
    if (words := max(base.tokenizer.get_vocab().values(), default=0) + 1) > rows:
        raise ModelError(
            f"{base.name}: its tokenizer knows {words} pieces, its encoder {rows}: they do not belong together"
        )
    ids = torch.tensor([base.tokenizer.encode("the vote on a tax " * base.max_tokens).ids])
    some = ids[:, : ids.shape[1] // 2]
    padded = torch.cat([some, torch.zeros_like(ids[:, some.shape[1] :])], dim=1)
    seen = (torch.arange(ids.shape[1]) < some.shape[1]).long()[None]
    with torch.no_grad():
        longest = base.model(ids, torch.ones_like(ids))
        alone, among = base.model(some, torch.ones_like(some)), base.model(padded, seen)
    if not all(torch.isfinite(logits).all() for logits in longest.to_tuple()):
        raise ModelError(f"{base.name}: its weights give no finite numbers: they are damaged")
    moved = max(
        (alone.sentence - among.sentence).abs().max(), (alone.token - among.token[:, : some.shape[1]]).abs().max()
    )
    if moved > ALONE:
        kind = base.model.config.base["model_type"]
        raise ModelError(f"{base.name}: {kind} reads the padding of its batch as if it were text; choose another base")


@contextmanager
def _in_one_line(name: str) -> Iterator[None]:
    """Turn whatever the libraries raise over a damaged folder into one line."""
    try:
        yield
    except BiasError:
        raise
    except Exception as error:  # transformers, tokenizers, safetensors and torch share no base
        reason: Any = str(error).strip().splitlines() or [repr(error)]
        raise ModelError(f"{name} cannot be read as an encoder: {reason[0][:200]}") from error
