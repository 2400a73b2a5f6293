"""Low-rank adapters on the encoder (LoRA, Hu et al. 2022), put in and merged in place: a model stays a `BiasModel`.

An adapted model's state dict holds the frozen weights of the encoder, the adapters and the heads, so a checkpoint that
`transformers.Trainer` makes of it is whole, and resuming finds everything by name in a model adapted the same way.
Once merged, nothing tells it from a model that was trained in full, and it needs no `peft`.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from safetensors.torch import load_file

from bias.errors import MissingExtraError, ModelError
from bias.modelfolder import TRAINABLE
from bias.training.model import BiasModel
from bias.training.recipe import Adapters


def check_installed() -> None:
    """Find out in time whether adapters can be trained.

    Raises:
        MissingExtraError: `peft` is not installed.
    """
    if find_spec("peft") is None:
        raise MissingExtraError("training adapters", "lora")


def add_adapters(model: BiasModel, adapters: Adapters) -> BiasModel:
    """Freeze the encoder and put an adapter on each of its linear layers (Dettmers et al. 2023); the heads learn on.

    The model is changed and given back. It computes what it did before until an adapter is trained. The adapters are
    drawn from torch's generator: seed it first.

    Raises:
        MissingExtraError: `peft` is not installed.
        ModelError: the encoder has no linear layers, or has adapters already.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
        from peft.tuners.tuners_utils import BaseTunerLayer
    except ImportError as error:
        raise MissingExtraError("training adapters", "lora") from error
    if any(isinstance(module, BaseTunerLayer) for module in model.encoder.modules()):
        raise ModelError("the model has adapters already: merge them first")
    config = LoraConfig(
        r=adapters.rank, lora_alpha=adapters.alpha, lora_dropout=adapters.dropout, target_modules="all-linear"
    )
    try:
        inject_adapter_in_model(config, model.encoder)
    except ValueError as error:
        kind = model.config.base.get("model_type")
        raise ModelError(f"adapters cannot be put on an encoder of the kind {kind}: {error}") from error
    return model


def merge_adapters(model: BiasModel) -> BiasModel:
    """Add what the adapters learned to the weights under them, take them out, and let the encoder learn again.

    The model is changed and given back; one without adapters stays as it is. Logits stay the same to about 1e-6.

    Raises:
        MissingExtraError: `peft` is not installed.
    """
    try:
        from peft.tuners.tuners_utils import BaseTunerLayer
    except ImportError as error:
        raise MissingExtraError("training adapters", "lora") from error
    for name, module in list(model.encoder.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            model.encoder.set_submodule(name, module.get_base_layer(), strict=True)
    if hasattr(model.encoder, "peft_config"):
        del model.encoder.peft_config
    model.requires_grad_(True)
    return model


def load_checkpoint(model: BiasModel, folder: Path) -> None:
    """Put the weights of a checkpoint into a model with the same adapters, or with none if it had none.

    `BiasModel.from_pretrained` cannot do this for adapted models: it knows nothing of adapters and would draw fresh
    weights where it finds others.
    """
    model.load_state_dict(load_file(folder / TRAINABLE))
