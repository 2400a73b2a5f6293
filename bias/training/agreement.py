"""Training that a model agrees with itself, whichever of its units are left out (R-Drop, Liang et al. 2021)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import Trainer


class AgreeingTrainer(Trainer):
    """Reads every batch twice, by different dropout, and has the two readings of each sentence agree.

    The loss is the mean of the readings' own losses, and `consistency` times the mean of the divergences (in nats) of
    the one sentence probability from the other and back; words and the other heads have no part in that. A consistency
    of 0 is plain training; with any other a step takes twice as long.
    """

    loss_is_scaled_for_ga = False

    def __init__(self, *args: Any, consistency: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.consistency = consistency

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
    ) -> Any:
        """As `Trainer` has it; without a second reading where nothing is trained, as on the development part."""
        if not (self.consistency and model.training):
            return super().compute_loss(model, inputs, return_outputs, **kwargs)
        outputs, again = model(**inputs), model(**inputs)
        apart = divergence(outputs["sentence"], again["sentence"]).mean()
        loss = (outputs["loss"] + again["loss"]) / 2 + self.consistency * apart
        return (loss, outputs) if return_outputs else loss


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """The mean of the two Kullback-Leibler divergences, in nats, of the probabilities that two logits stand for."""
    return (one.sigmoid() - other.sigmoid()) * (one - other) / 2
