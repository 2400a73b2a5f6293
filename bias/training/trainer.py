"""Running a recipe's stages on `transformers.Trainer`, so that a run that was killed ends as an unbroken one does."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from scipy.special import expit
from sklearn import metrics
from tokenizers import Tokenizer
from torch.nn import Parameter
from torch.optim import AdamW
from transformers import EvalPrediction, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback

from bias.errors import DataError
from bias.training.adapters import add_adapters, load_checkpoint, merge_adapters
from bias.training.agreement import AgreeingTrainer
from bias.training.calibration.fitting import macro_f1_threshold
from bias.training.checkpoints import Sealing, latest_whole, read_state
from bias.training.data.augmentation import with_insertions
from bias.training.data.examples import Example, blinded, near_duplicates, withhold
from bias.training.data.readers import with_soft_labels
from bias.training.data.sources import outlets_of
from bias.training.data.splits import By
from bias.training.features import collate, to_features, training_order
from bias.training.model import BiasModel
from bias.training.recipe import Recipe, Stage

CHECKPOINT_STEPS = 200
"""Steps between two checkpoints at most, which with a development part are evaluations as well."""

WATCHED = 2000
"""Development sentences that training is watched with at most."""

_DIVERGED = (
    "the training ran away: it gives no numbers any more; choose a lower learning rate, and look for rows of huge "
    "weight"
)

TARGETS = ("sentence_target", "token_target", "opinion_target", "technique_target")


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run stands: steps of its stage done and to do, and what was last logged."""

    stage: int
    step: int
    steps: int
    figures: Mapping[str, float]


Watch = Callable[[Moment], None]
Curve = list[dict[str, float]]
"""What was logged in a stage, in order: "step", "epoch" and "loss", "learning_rate" or development figures."""


def choose(stage: Stage, data: Mapping[str, Sequence[Example]], seed: int) -> list[Example]:
    """The examples of a stage, quotes withheld in second copies; the same for the same seed."""
    kept = data[stage.apart_from] if stage.apart_from else ()
    chosen: list[Example] = []
    for name in stage.data:
        examples = list(data[name]) if name == stage.apart_from else apart(data[name], kept, stage.apart_by)
        limit = stage.limits.get(name, len(examples))
        if limit < len(examples):
            examples = random.Random(seed).sample(examples, limit)
        if stage.soft_labels:
            examples = with_soft_labels(examples, float(stage.soft_labels))
        if not stage.soft_words:
            examples = [replace(example, marks=None) for example in examples]
        if name in stage.auxiliary:
            examples = [replace(example, label=None, opinion=example.label) for example in examples]
        chosen += [e for example in examples for e in withhold(example)] if stage.withhold else examples
    chosen += with_insertions(chosen, stage.insertions, seed)
    return balanced(chosen) if stage.class_weights else chosen


def apart(examples: Sequence[Example], kept: Sequence[Example], by: By = "outlet") -> list[Example]:
    """The examples that repeat no sentence of the kept ones nearly nor, by outlet, come from an outlet of theirs."""
    barred = outlets_of(kept) if by == "outlet" else frozenset()
    examples = [example for example in examples if example.outlet not in barred]
    repeated = near_duplicates([example.text for example in examples], [example.text for example in kept])
    return [example for example, again in zip(examples, repeated, strict=True) if not again]


def balanced(examples: Sequence[Example]) -> list[Example]:
    """The examples weighted so that the labelled ones count half for each label (soft labels in part for both)."""
    labels = [example.label for example in examples if example.label is not None]
    share = float(np.mean(labels)) if labels else 0.5
    if not 0 < share < 1:
        return list(examples)

    def weight(label: float | None) -> float:
        return 1.0 if label is None else label * 0.5 / share + (1 - label) * 0.5 / (1 - share)

    return [replace(example, weight=example.weight * weight(example.label)) for example in examples]


def train_stage(
    model: BiasModel,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    stage: Stage,
    folder: Path,
    seed: int,
    *,
    development: Sequence[Example] = (),
    patience: int = 0,
    number: int = 1,
    watch: Watch | None = None,
    cpu: bool = False,
) -> Curve:
    """Train the model on the examples, in place; with development examples it ends with its best weights on them.

    Checkpoints go to `folder`, and a run that was interrupted goes on from the last whole one: with the same machine,
    threads and seed its weights end as those of an unbroken run, since the order of the examples is settled beforehand.

    Raises:
        DataError: the training ran away, and the model gives no numbers.
    """
    set_seed(seed)
    if model.config.blind:
        examples, development = blinded(examples), blinded(development)
    features = to_features(examples, tokenizer)
    batch_size = min(stage.batch_size, len(features))
    order = training_order(features["length"], batch_size, stage.epochs, seed)
    steps = len(order) // batch_size
    interval = _interval(len(features) // batch_size, steps)
    watched = _watched(development, tokenizer, seed)
    halt = StopEarly(patience)
    checkpoint = latest_whole(folder)
    if checkpoint is not None and halt.is_due(read_state(checkpoint).log_history):
        state = read_state(checkpoint)
    else:
        trainer = AgreeingTrainer(
            model=model,
            consistency=stage.consistency,
            args=_arguments(stage, folder, seed, batch_size, steps, interval, watched is not None, cpu),
            train_dataset=features.select(order),
            eval_dataset=watched,
            data_collator=collate,
            compute_metrics=development_figures,
            preprocess_logits_for_metrics=lambda outputs, _: outputs[0],
            optimizers=(make_optimizer(model, stage), None),
            callbacks=[Sealing(), halt, *([] if watch is None else [Watching(watch, number)])],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        # Mixed precision is of training alone: left in place, it would be exported.
        trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
        state = trainer.state
    if state.best_global_step:
        load_checkpoint(model, folder / f"checkpoint-{state.best_global_step}")
    _refuse_diverged(model, collate([features[0]]))
    epoch_steps = max(len(features) // batch_size, 1)
    return [{**entry, "epoch": entry["step"] / epoch_steps} for entry in state.log_history if "step" in entry]


def _refuse_diverged(model: BiasModel, batch: Mapping[str, torch.Tensor]) -> None:
    device = next(model.parameters()).device
    inputs = {name: batch[name].to(device) for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        logits = model.eval()(**inputs).to_tuple()
    if not all(bool(torch.isfinite(found).all()) for found in logits):
        raise DataError(_DIVERGED)


def _interval(epoch_steps: int, steps: int) -> int:
    """Steps between two checkpoints: an even part of an epoch, `CHECKPOINT_STEPS` or fewer."""
    parts = -(-max(epoch_steps, 1) // CHECKPOINT_STEPS)
    return max(1, min(epoch_steps // parts, steps))


def _watched(development: Sequence[Example], tokenizer: Tokenizer, seed: int) -> Dataset | None:
    """The development examples by length, so that batches are padded little; None if they cannot tell a figure."""
    labelled = [example for example in development if example.label is not None]
    if len({example.label >= 0.5 for example in labelled if example.label is not None}) < 2:
        return None
    if len(labelled) > WATCHED:
        labelled = random.Random(seed).sample(labelled, WATCHED)
    return to_features(sorted(labelled, key=lambda example: len(example.text)), tokenizer)


def _arguments(
    stage: Stage, folder: Path, seed: int, batch_size: int, steps: int, interval: int, watched: bool, cpu: bool
) -> TrainingArguments:
    on_gpu = torch.cuda.is_available() and not cpu
    bf16 = torch.cuda.is_bf16_supported() if on_gpu else computes_bf16()
    return TrainingArguments(
        output_dir=str(folder),
        # One pass over an order that holds every epoch: nothing is drawn at random once training runs.
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=64,
        learning_rate=stage.learning_rate,
        warmup_steps=round(stage.warmup * steps) if stage.warmup < 1 else int(stage.warmup),
        lr_scheduler_type="linear",
        remove_unused_columns=False,
        label_names=list(TARGETS),
        eval_strategy="steps" if watched else "no",
        eval_steps=interval,
        metric_for_best_model="macro_f1" if watched else None,
        greater_is_better=True if watched else None,
        save_strategy="steps",
        save_steps=interval,
        save_total_limit=2,
        logging_steps=max(1, min(20, interval)),
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to=[],
        seed=seed,
        data_seed=seed,
        dataloader_pin_memory=on_gpu,
        bf16=bf16,
        use_cpu=cpu or (bf16 and not on_gpu),
    )


def computes_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself: training in mixed precision takes about two thirds of the time.

    Elsewhere it would take longer than fp32.
    """
    told: Callable[[], Mapping[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)  # of later torch
    return bool(told().get("avx512_bf16"))


def development_figures(prediction: EvalPrediction) -> dict[str, float]:
    """Macro-F1, AUROC and log-loss of the sentence head on the development part, before any calibration.

    Macro-F1 is that of the best threshold, since calibration chooses it on the same part afterwards: a model whose
    logits are all a little high is no worse for it.

    Raises:
        DataError: the logits are no numbers.
    """
    probabilities = expit(np.asarray(prediction.predictions, dtype=float).reshape(-1))
    if not np.isfinite(probabilities).all():
        raise DataError(_DIVERGED)
    labels = (np.asarray(prediction.label_ids[0]).reshape(-1) >= 0.5).astype(int)
    flags = probabilities >= macro_f1_threshold(probabilities, labels)
    return {
        "macro_f1": float(metrics.f1_score(labels, flags, average="macro", zero_division=0)),
        "auroc": float(metrics.roc_auc_score(labels, probabilities)),
        "log_loss": float(metrics.log_loss(labels, probabilities, labels=[0, 1])),
    }


class StopEarly(TrainerCallback):
    """Ends training once macro-F1 has not risen for `patience` evaluations; 0 never does.

    It goes by the log alone, so that a resumed run stops where an unbroken one would.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def is_due(self, log: Sequence[Mapping[str, float]]) -> bool:
        """Whether a run with this log has ended."""
        reached = [entry["eval_macro_f1"] for entry in log if "eval_macro_f1" in entry]
        return bool(self.patience and reached and len(reached) - 1 - int(np.argmax(reached)) >= self.patience)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after an evaluation."""
        control.should_training_stop = self.is_due(state.log_history)


class Watching(TrainerCallback):
    """Tells a function how far training is."""

    def __init__(self, watch: Watch, number: int) -> None:
        self.watch, self.number = watch, number

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called after each step."""
        self.watch(Moment(self.number, state.global_step, state.max_steps, {}))

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **kw: Any) -> None:
        """Called with what was logged."""
        self.watch(Moment(self.number, state.global_step, state.max_steps, dict(logs or {})))


def make_optimizer(model: BiasModel, stage: Stage) -> AdamW:
    """AdamW (Loshchilov and Hutter 2019) with a faster rate for the heads and no decay of biases and norms."""
    groups: dict[tuple[bool, bool], list[Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith("encoder."), parameter.dim() > 1), []).append(parameter)
    return AdamW(
        [
            {
                "params": parameters,
                "lr": stage.learning_rate * (1.0 if in_encoder else stage.head_rate),
                "weight_decay": stage.weight_decay if decays else 0.0,
            }
            for (in_encoder, decays), parameters in groups.items()
        ],
        fused=True,  # one pass over the weights: a step on two cores takes a quarter less time
    )


def run_stages(
    recipe: Recipe,
    model: BiasModel,
    tokenizer: Tokenizer,
    data: Mapping[str, Sequence[Example]],
    folder: Path,
    *,
    development: Sequence[Example] = (),
    first: int = 0,
    watch: Watch | None = None,
    cpu: bool = False,
) -> tuple[BiasModel, list[Curve]]:
    """Train through the stages from `first` on; each finished stage is kept in `folder/stage-N` and not run again.

    Returns the model and the curves of the stages run (of a soup the last one's), and changes the model given.
    """
    model.config.blind = recipe.blind
    curves: list[Curve] = []
    for number, stage in enumerate(recipe.stages[first:], first + 1):
        done = folder / f"stage-{number}"
        if done.is_dir():
            model = BiasModel.from_pretrained(done)
        else:
            examples = choose(stage, data, recipe.seed)
            soup: list[BiasModel] = []
            for nth in range(stage.soup):
                set_seed(recipe.seed + nth)
                start = model if nth + 1 == stage.soup else deepcopy(model)
                trained = start if recipe.adapters is None else add_adapters(start, recipe.adapters)
                curve = train_stage(
                    trained,
                    tokenizer,
                    examples,
                    stage,
                    _checkpoints(folder, number, nth),
                    recipe.seed + nth,
                    development=development,
                    patience=recipe.patience,
                    number=number,
                    watch=watch and _watch_part(watch, nth, stage.soup),
                    cpu=cpu,
                )
                soup.append(trained if recipe.adapters is None else merge_adapters(trained))
            model = averaged(soup)
            keep(done, model, tokenizer, curve)
            for nth in range(stage.soup):
                shutil.rmtree(_checkpoints(folder, number, nth), ignore_errors=True)
        curves.append(json.loads((done / "curve.json").read_text("utf-8")))
    return model, curves


def averaged(models: Sequence[BiasModel]) -> BiasModel:
    """The last of the models with the mean of all their weights, a soup (Wortsman et al. 2022); changes that model.

    They have to come from the same weights by training, else their mean is of no use.
    """
    weights = [dict(model.named_parameters()) for model in models]
    with torch.no_grad():
        for name, parameter in weights[-1].items():
            parameter.copy_(torch.stack([each[name] for each in weights]).mean(0))
    return models[-1]


def _checkpoints(folder: Path, number: int, nth: int) -> Path:
    return folder / (f"checkpoints-{number}.{nth + 1}" if nth else f"checkpoints-{number}")


def _watch_part(watch: Watch, nth: int, of: int) -> Watch:
    """Tells of one training of several as of a part of one."""
    return lambda at: watch(replace(at, step=nth * at.steps + at.step, steps=of * at.steps))


def keep(folder: Path, model: BiasModel, tokenizer: Tokenizer, curve: Curve) -> None:
    """Write a finished stage, whole or not at all."""
    scratch = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(scratch, ignore_errors=True)
    model.save_pretrained(scratch)
    tokenizer.save(str(scratch / "tokenizer.json"))
    (scratch / "curve.json").write_text(json.dumps(curve, indent=1), "utf-8")
    scratch.rename(folder)
