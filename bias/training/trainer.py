"""Running a recipe's stages on `transformers.Trainer`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer
from torch.nn import Parameter
from torch.optim import AdamW
from transformers import Trainer, TrainingArguments, set_seed

from bias.training.examples import Example, near_duplicates, withhold
from bias.training.features import collate, to_features
from bias.training.model import BiasModel
from bias.training.recipe import Recipe, Stage
from bias.training.sources import outlets_of

CHECKPOINT_STEPS = 200


def load_tokenizer(base: str | Path, max_tokens: int) -> Tokenizer:
    """The base's fast tokenizer, cutting at `max_tokens` and not padding."""
    tokenizer: Tokenizer = Tokenizer.from_file(str(Path(base) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def choose(stage: Stage, data: Mapping[str, Sequence[Example]], seed: int) -> list[Example]:
    """The examples of a stage, quotes withheld in second copies; the same for the same seed."""
    kept = data[stage.apart_from] if stage.apart_from else ()
    chosen: list[Example] = []
    for name in stage.data:
        examples = list(data[name]) if name == stage.apart_from else apart(data[name], kept)
        limit = stage.limits.get(name, len(examples))
        if limit < len(examples):
            examples = random.Random(seed).sample(examples, limit)
        chosen += [e for example in examples for e in withhold(example)] if stage.withhold else examples
    return chosen


def apart(examples: Sequence[Example], kept: Sequence[Example]) -> list[Example]:
    """The examples that neither come from an outlet of the kept ones nor nearly repeat one of their sentences."""
    barred = outlets_of(kept)
    examples = [example for example in examples if example.outlet not in barred]
    repeated = near_duplicates([example.text for example in examples], [example.text for example in kept])
    return [example for example, again in zip(examples, repeated, strict=True) if not again]


def train_stage(
    model: BiasModel, tokenizer: Tokenizer, examples: Sequence[Example], stage: Stage, folder: Path, seed: int
) -> BiasModel:
    """Train the model on the examples; checkpoints go to `folder`, and an interrupted run goes on from the last one."""
    set_seed(seed)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=stage.epochs,
        per_device_train_batch_size=stage.batch_size,
        learning_rate=stage.learning_rate,
        warmup_steps=stage.warmup,
        lr_scheduler_type="linear",
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        remove_unused_columns=False,
        save_strategy="steps",
        save_steps=CHECKPOINT_STEPS,
        save_total_limit=2,
        logging_steps=20,
        report_to=[],
        seed=seed,
        data_seed=seed,
        dataloader_pin_memory=False,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=to_features(examples, tokenizer),
        data_collator=collate,
        optimizers=(make_optimizer(model, stage), None),
    )
    trainer.train(resume_from_checkpoint=any(folder.glob("checkpoint-*")) or None)
    return model


def make_optimizer(model: BiasModel, stage: Stage) -> AdamW:
    """AdamW (Loshchilov and Hutter 2019) with a faster rate for the heads and no decay of biases and norms."""
    groups: dict[tuple[bool, bool], list[Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((name.startswith("encoder."), parameter.dim() > 1), []).append(parameter)
    return AdamW(
        [
            {
                "params": parameters,
                "lr": stage.learning_rate * (1.0 if in_encoder else stage.head_rate),
                "weight_decay": stage.weight_decay if decays else 0.0,
            }
            for (in_encoder, decays), parameters in groups.items()
        ]
    )


def run_recipe(
    recipe: Recipe, data: Mapping[str, Sequence[Example]], base: Path, folder: Path, first: int = 0
) -> BiasModel:
    """Train through the stages from `first` on; each finished stage is kept in `folder/stage-N` and not run again.

    With `first` above 0, `base` holds the model that the stages before it made.
    """
    tokenizer = load_tokenizer(base, recipe.max_tokens)
    if first:
        model: BiasModel = BiasModel.from_pretrained(base)
    else:
        set_seed(recipe.seed)
        model = BiasModel.from_base(base, recipe.losses, recipe.dropout)
    for number, stage in enumerate(recipe.stages[first:], first + 1):
        done = folder / f"stage-{number}"
        if (done / "model.safetensors").is_file():
            model = BiasModel.from_pretrained(done)
            continue
        examples = choose(stage, data, recipe.seed)
        model = train_stage(model, tokenizer, examples, stage, folder / f"checkpoints-{number}", recipe.seed)
        model.save_pretrained(done)
        tokenizer.save(str(done / "tokenizer.json"))
    return model
