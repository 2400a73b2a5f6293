"""What is timed: the engine in each precision, the same weights through torch, and what people use now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from bias.modelfolder import TOKENIZER, WEIGHTS, ModelFolder

Engine = Literal["onnx", "torch", "pipeline", "products", "articles"]

TRAINING = ("torch", "transformers", "onnx")
"""What the contestants beside the shipped one need; the extra `train` brings it."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to read sentences.

    `path` is a model folder, or for `onnx` and `products` an ONNX file. `batch` is how many sentences a call takes.
    """

    name: str
    engine: Engine
    path: Path
    batch: int = 1
    note: str = ""

    @property
    def reads(self) -> bool:
        """Whether what comes out are logits of the model that is compared, so that figures of them mean something."""
        return self.engine in {"onnx", "torch"}


def engine_of(model: ModelFolder) -> Contestant:
    """The engine with the model as it is in its folder."""
    precision = str(model.manifest.get("precision", "as it ships"))
    return Contestant(f"newsbias {precision}", "onnx", model.path / WEIGHTS, note="ships")


def articles_of(model: ModelFolder) -> Contestant:
    """The whole way from a text to its report."""
    return Contestant("newsbias", "articles", model.path)


def is_equipped() -> bool:
    """Whether what the other contestants need is installed."""
    return all(find_spec(name) is not None for name in TRAINING)


def others(model: ModelFolder, texts: Sequence[str], folder: Path) -> list[Contestant]:
    """The contestants beside the shipped engine, made ready in `folder`; needs the extra `train`.

    Raises:
        ModelError: the model folder holds no weights to export from.
    """
    from bias.bench.rivals import make_roberta
    from bias.training.export import export_fp32, quantise
    from bias.training.exporting import open_trained

    trained = open_trained(model.path)
    shipped = model.manifest.get("precision")
    samples = [encoding.ids for encoding in trained.tokenizer.encode_batch(list(texts[:200]))]
    exact = folder / "fp32.onnx"
    export_fp32(trained.model, exact)
    found = []
    for precision in ("int8", "int8-static"):
        if precision != shipped:
            path = folder / f"{precision}.onnx"
            quantise(exact, path, precision, samples)
            found.append(Contestant(f"newsbias {precision}", "onnx", path))
    if shipped != "fp32":
        found.append(Contestant("newsbias fp32", "onnx", exact))
    found += [Contestant(f"torch, batch {batch}", "torch", model.path, batch) for batch in (1, 32)]
    roberta = make_roberta(folder / "roberta", model.path / TOKENIZER)
    found += [Contestant(f"pipeline, batch {batch}", "pipeline", roberta, batch) for batch in (1, 32)]
    return found


def ceilings(model: ModelFolder, folder: Path) -> list[Contestant]:
    """The encoder's matrix products alone, with nothing around them; needs the extra `train`."""
    from bias.bench.products import make_products
    from bias.training.exporting import open_trained

    config = open_trained(model.path).model.encoder.config
    made = []
    for precision in ("int8", "fp32"):
        path = folder / f"products-{precision}.onnx"
        make_products(path, config.hidden_size, config.intermediate_size, config.num_hidden_layers, precision)
        made.append(Contestant(f"products, {precision}", "products", path))
    return made
