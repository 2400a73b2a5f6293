"""The teachers of the shipped model, for all data or for one fold, and what they say of the pool."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer

from bias.output import row_writer
from bias.training.data.pages import clean, read_pages
from bias.training.data.sources import SOURCES, outlet_name, outlets_of, read_source
from bias.training.data.splits import By
from bias.training.distillation import open_teachers, pool, taught_row, teach
from bias.training.model import BiasModel
from bias.training.quiet import quiet
from bias.training.recipe import Recipe
from bias.training.shipped.folds import TAUGHT, Data, shared_stages, train_shared
from bias.training.trainer import run_stages
from bias.training.workplace import make_folder


def train_teacher(recipe: Recipe, data: Data, base: str, shared: Path, folder: Path) -> Path:
    """A teacher by the recipe and its seed: where its last stage is.

    Stages that know nothing of BABE are trained once and kept in `shared`, the later ones in `folder`.
    """
    with quiet():
        trained = train_shared(recipe, data, base, shared / f"seed-{recipe.seed}")
        tokenizer = Tokenizer.from_file(str(trained / "tokenizer.json"))
        tokenizer.enable_truncation(recipe.max_tokens)
        own = folder / f"seed-{recipe.seed}"
        model = BiasModel.from_pretrained(trained)
        run_stages(recipe, model, tokenizer, data, own, first=shared_stages(recipe))
    return own / f"stage-{len(recipe.stages)}"


def teach_pool(teachers: Sequence[Path], texts: Iterable[str], path: Path) -> Path:
    """Ask the teachers about every text, and write the file that the data set `taught` is read from."""
    make_folder(path.parent)
    with quiet():
        opened = open_teachers(teachers)
    with row_writer(path) as writer:
        for example in teach(texts, opened):
            writer.write(taught_row(example))
    return path


def taught_of_fold(folder: Path, by: By, number: int) -> Path:
    """Where what the teachers of a fold say is looked for, in the folder of the folds."""
    return folder / f"{by}-{number}" / SOURCES[TAUGHT].file


ASKED = ("anno-lexical", "cw-hard", "mpqa", "semeval-2023")
"""Data sets whose texts teachers are asked about, whatever their labels: news, columns, an encyclopaedia."""

MEASURED_ON = ("babe", "basil")
"""Data sets that the model is measured on: teachers are not asked about a sentence of theirs."""


def read_pool(data: Path, count: int | None = None, seed: int = 0, by: By = "article") -> list[str]:
    """What teachers are asked about: half of the pages of every outlet, and the texts of `ASKED`.

    By outlet, nothing of an outlet of BABE's. With a `count`, no more of them than that, drawn by the seed.
    """
    pages = clean(read_pages(data / SOURCES["pages"].file))
    others = [example for name in ASKED for example in read_source(name, data)]
    babe, basil = (read_source(name, data) for name in MEASURED_ON)
    if by == "outlet":
        barred = outlets_of(babe)
        pages = [page for page in pages if outlet_name(page.outlet) not in barred]
        others = [example for example in others if example.outlet not in barred]
    texts = pool(pages, others, [*babe, *basil])
    return texts if count is None or count >= len(texts) else random.Random(seed).sample(texts, count)


def seeded(recipe: Recipe, count: int) -> list[Recipe]:
    """The recipe with its seed and those after it."""
    return [replace(recipe, seed=recipe.seed + number) for number in range(count)]
