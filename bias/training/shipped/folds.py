"""Development figures: out-of-fold predictions of the method and of two baselines on the same splits."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from tokenizers import Tokenizer
from transformers import set_seed

from bias.detector import Detector
from bias.errors import InputError, UsageError
from bias.evidence import evidence
from bias.lexicon import default_lexicon
from bias.output import atomic_write
from bias.scoring import find_terms
from bias.training.bases import open_base
from bias.training.data.examples import Example, article_groups, as_sentence
from bias.training.data.sources import SOURCES
from bias.training.data.splits import By
from bias.training.folder import new_model_folder, write_folder
from bias.training.model import BiasModel
from bias.training.recipe import Recipe, Stage
from bias.training.trainer import apart, choose, keep, run_stages
from bias.types import Prediction

PREDICTIONS = "predictions.jsonl"
"""What a fold's model says of the part that it was kept from, in the fold's folder."""

TAUGHT = "taught"
"""The set of what teachers say: each fold has its own."""

FOLDS: Mapping[By, int] = {"article": 5, "outlet": 2}

SPLIT_SEED = 13
"""Of the parts: one for teachers, students and ways of any seed, else a student would be measured on what its teachers
have learned."""

Data = Mapping[str, Sequence[Example]]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What models that never saw its article (or outlet) say of an example.

    `written` is the evidence for the sentence as written, `outlet` with its quotes withheld, None where that is not
    read. `words` holds (start, end, logit). `tfidf` and `lexicon` are the baselines' probabilities.
    """

    example: Example
    group: str
    fold: int
    written: Mapping[str, float]
    outlet: Mapping[str, float] | None
    words: tuple[tuple[int, int, float], ...]
    tfidf: float
    lexicon: float

    @property
    def logit(self) -> float:
        """Of the sentence as written."""
        return self.written["sentence"]

    @property
    def outlet_logit(self) -> float | None:
        """Of the sentence with its quotes withheld; None where that is not read."""
        return None if self.outlet is None else self.outlet["sentence"]


def shared_stages(recipe: Recipe) -> int:
    """How many stages come before the first that learns from BABE or from who did; every fold shares them."""
    return next(number for number, stage in enumerate(recipe.stages) if {"babe", TAUGHT} & set(stage.data))


def apart_by_outlet(recipe: Recipe) -> Recipe:
    """The recipe whose stages leave out every outlet of the set that they are kept apart from."""
    return replace(recipe, stages=tuple(replace(stage, apart_by="outlet") for stage in recipe.stages))


def train_shared(recipe: Recipe, data: Data, base: str, folder: Path) -> Path:
    """Train the stages that every fold shares, or take them as a run left them in the folder; where the last one is."""
    count = shared_stages(recipe)
    trained = folder / f"stage-{count}"
    if not trained.is_dir():
        set_seed(recipe.seed)
        opened = open_base(base, recipe.losses, recipe.dropout, recipe.max_tokens, recipe.layers)
        if count:
            run_stages(replace(recipe, stages=recipe.stages[:count]), opened.model, opened.tokenizer, data, folder)
        else:
            keep(trained, opened.model, opened.tokenizer, [])
    return trained


def split(data: Data, by: By) -> Iterator[tuple[Data, Sequence[Example]]]:
    """(training data, held-out sentences of BABE) of each fold, by article or outlet."""
    babe = list(data["babe"])
    groups = article_groups(babe) if by == "article" else [example.outlet for example in babe]
    labels = [example.label for example in babe]
    folds = StratifiedGroupKFold(FOLDS[by], shuffle=True, random_state=SPLIT_SEED).split(babe, labels, groups)
    for train, held in folds:
        yield {**data, "babe": [babe[i] for i in train]}, [babe[i] for i in held]


def apart_from_babe(data: Data, *recipes: Recipe) -> Data:
    """The data without what the recipes keep apart from any of BABE: a fold's training part is not all of it."""
    stages = [stage for recipe in recipes for stage in recipe.stages if stage.apart_from == "babe"]
    kept = {name: stage.apart_by for stage in stages for name in stage.data}
    parted = {name: apart(data[name], data["babe"], by) for name, by in kept.items() if name in data and name != "babe"}
    return {**data, **parted}


def cross_validate(
    recipe: Recipe,
    data: Data,
    shared: Path,
    by: By,
    folder: Path,
    jobs: int = 1,
    only: Collection[int] = (),
) -> Path | None:
    """Train on every fold (or some of them) from the shared stages, predict what was held out with the int8 engine.

    `shared` is the model after the stages that every fold shares, which must have been trained apart from BABE, its
    outlets too if the split is by outlet. Each fold's predictions are kept in `folder`, so an interrupted run goes on.
    What a fold learns from teachers, they must have learned without the fold's own part: `taught.parquet` in the fold's
    folder, which a fold that is trained already needs no more.

    Returns the path of all predictions (JSONL of `OutOfFold`); None as long as a fold has none.

    Raises:
        UsageError: there is no fold of a number in `only`.
    """
    if unknown := sorted(set(only) - set(range(FOLDS[by]))):
        raise UsageError(f"there is no fold {unknown[0]} by {by}: they are numbered from 0 to {FOLDS[by] - 1}")
    data = apart_from_babe(data, recipe)
    first = shared_stages(recipe)
    before = [example for stage in recipe.stages[:first] for example in choose(stage, data, recipe.seed)]
    tasks = [
        (recipe, first, before, train, held, shared, folder / f"{by}-{number}", number)
        for number, (train, held) in enumerate(split(data, by))
        if not only or number in only
    ]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_run_fold, *zip(*tasks, strict=True), [max(1, torch.get_num_threads() // jobs)] * len(tasks)))
    parts = [folder / f"{by}-{number}" / PREDICTIONS for number in range(FOLDS[by])]
    if not all(part.is_file() for part in parts):
        return None
    path = folder / f"{by}.jsonl"
    with atomic_write(path) as file:
        file.writelines(part.read_text("utf-8") for part in parts)
    return path


def _run_fold(
    recipe: Recipe,
    first: int,
    before: Sequence[Example],
    train: Data,
    held: Sequence[Example],
    shared: Path,
    folder: Path,
    number: int,
    threads: int,
) -> None:
    torch.set_num_threads(threads)
    path = folder / PREDICTIONS
    if path.is_file():
        return
    trained = (folder / f"stage-{len(recipe.stages)}").is_dir()
    if not trained and any(TAUGHT in stage.data for stage in recipe.stages[first:]):
        train = {**train, TAUGHT: SOURCES[TAUGHT].read(folder / SOURCES[TAUGHT].file)}
    tokenizer = Tokenizer.from_file(str(shared / "tokenizer.json"))
    tokenizer.enable_truncation(recipe.max_tokens)
    model, _ = run_stages(recipe, BiasModel.from_pretrained(shared), tokenizer, train, folder, first=first)
    if not (folder / "model").is_dir():
        with new_model_folder(folder / "model") as scratch:
            write_folder(scratch, model, tokenizer, name=recipe.name, version="0", base=recipe.base)
    labelled = [_without_pupils(stage) for stage in recipe.stages[first:]]
    fitted = _baselines([*before, *(e for stage in labelled for e in choose(stage, train, recipe.seed))])
    groups = article_groups(held)
    predictions = Detector(folder / "model", threads=threads).predict(as_sentence(e.text) for e in held)
    tfidf = fitted["tfidf"].predict_proba([e.text for e in held])[:, 1]
    lexicon = fitted["lexicon"].predict_proba(_hits(held))[:, 1]
    rows = [
        OutOfFold(
            example=example,
            group=f"{number}-{group}",
            fold=number,
            **_evidence(prediction),
            words=tuple((w.start, w.end, w.logit) for w in prediction.words),
            tfidf=float(a),
            lexicon=float(b),
        )
        for example, group, prediction, a, b in zip(held, groups, predictions, tfidf, lexicon, strict=True)
    ]
    with atomic_write(path) as file:
        file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def _without_pupils(stage: Stage) -> Stage:
    """The stage without what teachers say: a baseline has none."""
    return replace(stage, data=tuple(name for name in stage.data if name != TAUGHT))


def _evidence(prediction: Prediction) -> dict[str, Any]:
    hits = find_terms(prediction.sentence)
    outlet = prediction.outlet
    return {
        "written": evidence(prediction.written, hits),
        "outlet": None if outlet is None else evidence(outlet, hits),
    }


def _baselines(examples: Sequence[Example]) -> dict[str, Any]:
    """TF-IDF with logistic regression on all labelled sentences that the model learns from, and the lexicon's hits."""
    labelled = [example for example in examples if example.label is not None]
    labels = [int(example.label >= 0.5) for example in labelled if example.label is not None]
    tfidf = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=4.0, max_iter=1000)
    )
    experts = [i for i, example in enumerate(labelled) if example.source == "babe"]
    lexicon = LogisticRegression().fit(_hits([labelled[i] for i in experts]), [labels[i] for i in experts])
    return {"tfidf": tfidf.fit([e.text for e in labelled], labels), "lexicon": lexicon}


def _hits(examples: Sequence[Example]) -> np.ndarray:
    """Number of the lexicon's terms in each text. Shape: (examples, 1)."""
    return np.array([[len(default_lexicon().find(example.text))] for example in examples], dtype=float)


def read_out_of_fold(path: Path) -> list[OutOfFold]:
    """The predictions that `cross_validate` wrote.

    Raises:
        InputError: there are none yet.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: `folds` writes it once every fold is trained")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [_out_of_fold(row) for row in rows]


def _out_of_fold(row: dict[str, Any]) -> OutOfFold:
    spans, votes = row["example"]["spans"], row["example"].get("votes")
    example = Example(**row.pop("example") | {"votes": votes and tuple(votes)})
    if spans is not None:
        example = replace(example, spans=tuple((a, b) for a, b in spans))
    return OutOfFold(example=example, **row)
