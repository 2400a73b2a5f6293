"""Development figures: out-of-fold predictions of the method and of two baselines on the same splits."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from tokenizers import Tokenizer

from bias.detector import Detector
from bias.lexicon import default_lexicon
from bias.training.data.examples import Example, article_groups, as_sentence
from bias.training.data.splits import By
from bias.training.folder import write_folder
from bias.training.model import BiasModel
from bias.training.recipe import Recipe
from bias.training.trainer import choose, run_stages

FOLDS: Mapping[By, int] = {"article": 5, "outlet": 2}

Data = Mapping[str, Sequence[Example]]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What models that never saw its article (or outlet) say of an example.

    `words` holds (start, end, logit). `tfidf` and `lexicon` are the baselines' probabilities.
    """

    example: Example
    group: str
    fold: int
    logit: float
    outlet_logit: float | None
    words: tuple[tuple[int, int, float], ...]
    tfidf: float
    lexicon: float


def split(data: Data, by: By, seed: int) -> Iterator[tuple[Data, Data]]:
    """(training, held-out) data of each fold: BABE by article or outlet, our own sentences by pair."""
    babe, own = list(data["babe"]), list(data["own"])
    groups = article_groups(babe) if by == "article" else [example.outlet for example in babe]
    folds = FOLDS[by]
    labels = [example.label for example in babe]
    of_babe = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(babe, labels, groups)
    of_own = GroupKFold(folds, shuffle=True, random_state=seed).split(own, groups=[e.group for e in own])
    for (train, held), (own_train, own_held) in zip(of_babe, of_own, strict=True):
        yield (
            {**data, "babe": [babe[i] for i in train], "own": [own[i] for i in own_train]},
            {"babe": [babe[i] for i in held], "own": [own[i] for i in own_held]},
        )


def cross_validate(recipe: Recipe, data: Data, first_stage: Path, by: By, folder: Path, jobs: int = 1) -> Path:
    """Train on every fold from the shared first stage, predict what was held out with the int8 engine.

    `first_stage` is the model after stage 1, which must have been trained apart from BABE. Each fold's predictions are
    kept in `folder`, so an interrupted run goes on. Returns the path of all predictions (JSONL of `OutOfFold`).
    """
    shared = choose(recipe.stages[0], data, recipe.seed)
    tasks = [
        (recipe, shared, train, held, first_stage, folder / f"{by}-{number}", number)
        for number, (train, held) in enumerate(split(data, by, recipe.seed))
    ]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = list(
            pool.map(_run_fold, *zip(*tasks, strict=True), [max(1, torch.get_num_threads() // jobs)] * len(tasks))
        )
    path = folder / f"{by}.jsonl"
    path.write_text("".join(part.read_text("utf-8") for part in parts), "utf-8")
    return path


def _run_fold(
    recipe: Recipe,
    shared: Sequence[Example],
    train: Data,
    held: Data,
    first_stage: Path,
    folder: Path,
    number: int,
    threads: int,
) -> Path:
    torch.set_num_threads(threads)
    path = folder / "predictions.jsonl"
    if path.is_file():
        return path
    tokenizer = Tokenizer.from_file(str(first_stage / "tokenizer.json"))
    tokenizer.enable_truncation(recipe.max_tokens)
    model, _ = run_stages(recipe, BiasModel.from_pretrained(first_stage), tokenizer, train, folder, first=1)
    write_folder(folder / "model", model, tokenizer, name=recipe.name, version="0", base=recipe.base)
    fitted = _baselines([*shared, *(e for stage in recipe.stages[1:] for e in choose(stage, train, recipe.seed))])
    examples = [example for part in held.values() for example in part]
    groups = dict(zip((e.text for e in examples), article_groups(examples), strict=True))
    predictions = Detector(folder / "model", threads=threads).predict(as_sentence(e.text) for e in examples)
    tfidf = fitted["tfidf"].predict_proba([e.text for e in examples])[:, 1]
    lexicon = fitted["lexicon"].predict_proba(_hits(examples))[:, 1]
    rows = [
        OutOfFold(
            example=example,
            group=f"{number}-{groups[example.text]}",
            fold=number,
            logit=prediction.written.logit,
            outlet_logit=prediction.outlet.logit if prediction.outlet else None,
            words=tuple((w.start, w.end, w.logit) for w in prediction.words),
            tfidf=float(a),
            lexicon=float(b),
        )
        for example, prediction, a, b in zip(examples, predictions, tfidf, lexicon, strict=True)
    ]
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), "utf-8")
    return path


def _baselines(examples: Sequence[Example]) -> dict[str, Any]:
    """TF-IDF with logistic regression on all sentences that the model is trained on, and the lexicon's hits alone."""
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
    """The predictions that `cross_validate` wrote."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [_out_of_fold(row) for row in rows]


def _out_of_fold(row: dict[str, Any]) -> OutOfFold:
    spans, votes = row["example"]["spans"], row["example"].get("votes")
    example = Example(**row.pop("example") | {"votes": votes and tuple(votes)})
    if spans is not None:
        example = replace(example, spans=tuple((a, b) for a, b in spans))
    return OutOfFold(example=example, **row)
