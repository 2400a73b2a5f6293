"""From trainable weights to a complete model folder: exported, compared with what it was made from, and validated."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit
from tokenizers import Tokenizer

from bias.blinding import BlindEncoder
from bias.encoder import OnnxEncoder
from bias.errors import DataError, ModelError
from bias.modelfolder import MANIFEST, TOKENIZER, TRAINABLE, WEIGHTS, ModelFolder
from bias.output import refuse_existing
from bias.training.bases import open_base
from bias.training.calibration.calibrate import RECORD
from bias.training.card import CardTemplate, render_card, write_card
from bias.training.data.examples import Example
from bias.training.evaluation.measures import Array
from bias.training.export import Precision, QuantisationChange, quantisation_change, sentence_logits
from bias.training.folder import CONFIG, new_model_folder, read_manifest, update_manifest, write_folder
from bias.training.model import BiasModel
from bias.training.quiet import quiet

COPIED = ("seen.txt", "run.json", "recipe.toml", "metrics.json", "LICENSE")
"""What goes along from a model folder, beside calibration and reference."""

SAMPLES = 200
"""Sentences that static int8 takes the range of activations from."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Trainable weights in fp32 with their tokenizer; `folder` is the model folder that they lie in, if it is one."""

    path: Path
    model: BiasModel
    tokenizer: Tokenizer
    folder: ModelFolder | None


@dataclass(frozen=True, slots=True)
class Exported:
    """What export came to.

    `parity` is how far a logit of the fp32 file lies from torch's; `change` is what the precision does to probabilities
    and figures, None for fp32, which changes nothing. `calibration` says whether the calibration is that of the same
    precision, of another, or missing.
    """

    parity: float
    change: QuantisationChange | None
    calibration: str


def open_trained(path: Path) -> Trained:
    """The trainable weights of a model folder, or of a checkpoint of its training with its tokenizer.json.

    Raises:
        ModelError: there are none, or they are damaged.
    """
    if (path / MANIFEST).is_file():
        base = open_base(str(path))
        return Trained(path, base.model, base.tokenizer, base.from_model)
    for name in (CONFIG, TRAINABLE):
        if not (path / name).is_file():
            raise ModelError(
                f"{path} is no model folder and no checkpoint of one: it has neither {MANIFEST} nor {name}"
            )
    if not (path / TOKENIZER).is_file():
        raise ModelError(f"{path} holds no {TOKENIZER}: copy the one of the base, or of the finished stage, into it")
    try:
        with quiet():
            model, report = BiasModel.from_pretrained(
                path, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
        tokenizer = Tokenizer.from_file(str(path / TOKENIZER))
    except Exception as error:  # transformers, tokenizers and safetensors share no base
        reason = str(error).strip().splitlines() or [repr(error)]
        raise ModelError(f"{path} cannot be read as a checkpoint: {reason[0][:200]}") from error
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"{path / TRAINABLE}: {len(missing)} weights of the model are missing, as {missing[0]}")
    return Trained(path, model, tokenizer, None)


def export_model(
    trained: Trained,
    output: Path,
    examples: Sequence[Example],
    *,
    precision: Precision = "int8",
    name: str | None = None,
    version: str | None = None,
    terms: str | None = None,
    template: CardTemplate | None = None,
    watch: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> Exported:
    """Write a complete model folder.

    Calibration and reference go along from a model folder, though with another precision they are of other logits;
    weights from a checkpoint are not calibrated.

    Args:
        examples: labelled sentences to tell the change of figures on; static int8 takes its ranges from them too.
        name, version: None keeps those of the model folder; of a checkpoint they are the output's name and "1".
        terms: of the weights, for a checkpoint; a model folder's go on.
        watch: passes the sentences on, as a progress bar does.

    Raises:
        DataError: the examples have no labels of both kinds.
        ModelError: the encoder cannot be exported, or the file gives other logits than torch.
        OutputError: the output exists or cannot be written.
    """
    examples = [example for example in examples if example.label is not None]
    source = trained.folder
    # What can go wrong in a moment is found out before what takes minutes.
    refuse_existing(output)
    if precision != "fp32" and len({example.label >= 0.5 for example in examples if example.label is not None}) < 2:
        raise DataError("precisions are compared on labelled sentences of both kinds, opinionated and neutral")
    if source is not None and template is not None:
        render_card(source.path, template)
    samples = [encoding.ids for encoding in trained.tokenizer.encode_batch([e.text for e in examples[:SAMPLES]])]
    with new_model_folder(output) as folder, tempfile.TemporaryDirectory() as scratch:
        exact = Path(scratch) / WEIGHTS
        parity = write_folder(
            folder,
            trained.model,
            trained.tokenizer,
            name=name or (source.info.name if source else output.name),
            version=version or (source.info.version if source else "1"),
            base=source.base if source else str(trained.model.config.base.get("model_type")),
            license=source.license if source else terms,
            precision=precision,
            samples=samples,
            exact=exact,
        )
        calibration = "missing"
        if source is not None:
            for file in COPIED:
                if (source.path / file).is_file():
                    shutil.copyfile(source.path / file, folder / file)
            update_manifest(folder, **_going_along(source))
            calibration = "same" if source.manifest.get("precision") == precision else "other"
        change = None if precision == "fp32" else _change(folder, exact, examples, watch)
        write_card(folder, template)
    return Exported(parity, change, calibration)


def _going_along(source: ModelFolder) -> dict[str, Any]:
    kept = {key: source.manifest[key] for key in ("calibration", RECORD, "reference") if key in source.manifest}
    return {**kept, "exported": {**_info(source), "precision": source.manifest.get("precision", "")}}


def _info(source: ModelFolder) -> dict[str, str]:
    return {"name": source.info.name, "version": source.info.version, "sha256": source.info.sha256}


def _change(
    folder: Path, exact: Path, examples: Sequence[Example], watch: Callable[[Iterable[str]], Iterable[str]]
) -> QuantisationChange:
    """What the precision of the folder changes, by its balanced map and threshold."""
    manifest = read_manifest(folder)
    texts = [example.text for example in examples]

    def read(path: Path, texts: Iterable[str]) -> Array:
        engine = OnnxEncoder(path, folder / TOKENIZER, manifest["max_tokens"])
        return sentence_logits(BlindEncoder(engine) if manifest.get("blind") else engine, texts)

    logits = read(exact, texts), read(folder / WEIGHTS, watch(texts))
    balanced = manifest["calibration"]["balanced"]
    slope, intercept = balanced["written"]["weights"].get("sentence", 0.0), balanced["written"]["intercept"]

    def probability(of: Array) -> Array:
        return np.asarray(expit(slope * of + intercept))

    labels = np.array([example.label for example in examples], dtype=float)
    return quantisation_change(*logits, labels, probability, balanced["thresholds"]["include"])
