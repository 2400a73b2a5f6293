"""The commands that measure the shipped model, its recipe and other ways of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bias.detector import Detector
from bias.errors import UsageError
from bias.output import atomic_write
from bias.training.calibration import newsmap
from bias.training.calibration import reference as corpus
from bias.training.checklist import running as checklist
from bias.training.data.basil import read_basil
from bias.training.data.pages import clean, read_pages
from bias.training.data.sources import SOURCES, read_source
from bias.training.data.splits import By, fingerprint, read_seen
from bias.training.model import BiasModel
from bias.training.recipe import read_recipe
from bias.training.shipped import figures as measures
from bias.training.shipped.folds import FOLDS, TAUGHT, apart_from_babe, read_out_of_fold, split
from bias.training.shipped.options import (
    DEFAULT_MODEL,
    DEFAULT_RECIPE,
    DEFAULT_WORK,
    Checklist,
    Data,
    Model,
    RecipeFile,
    Work,
    report,
    trained_by_run,
    with_bar,
)
from bias.training.shipped.pagefigures import page_figures, score_each
from bias.training.shipped.teaching import taught_of_fold
from bias.training.shipped.wayfigures import Material, measure, sample_pages, table_of
from bias.training.shipped.ways import read_ways, train_way

app = typer.Typer()


@app.command()
def figures(
    by: Annotated[By, typer.Option(help="Which folds: article or outlet.")] = "article",
    work: Work = DEFAULT_WORK,
) -> None:
    """Figures of the method and the baselines on out-of-fold predictions, with 95 % intervals."""
    rows = read_out_of_fold(work / "folds" / f"{by}.jsonl")
    values = {
        "sentences": len(rows),
        "methods": {name: measures.sentence_figures(rows, name) for name in measures.METHODS},
        "macro_f1_over_tfidf": measures.difference(rows, "newsbias", "tfidf"),
        "words": measures.word_figures(rows),
        "sides": measures.slices(rows),
    }
    report(work, by, values)


@app.command()
def news(data: Data, model: Model = DEFAULT_MODEL, work: Work = DEFAULT_WORK) -> None:
    """Figures of the news prior on BASIL's whole articles, each event by maps fitted on the others.

    Where sentences of theirs are among what the model was made from, also without those events.
    """
    rows = newsmap.read_news(Detector(model), read_basil(data / "basil_dev.jsonl"))
    counts = {
        "articles": len({row.article for row in rows}),
        "sentences": len(rows),
        "written": sum(row.written for row in rows),
        "outlets_own": sum(row.outlets_own for row in rows),
    }
    seen = read_seen(model)
    known = [row.event for row in rows if fingerprint(row.prediction.sentence.text) in seen]
    without = newsmap.cross_fitted_news([row for row in rows if row.event not in known]) if known else None
    told = without and {"sentences": len(known), "events": len(set(known)), "outlet_without": without["outlet"]}
    report(work, "news", {**counts, **newsmap.cross_fitted_news(rows), **({"known": told} if told else {})})


@app.command()
def pages(
    data: Data,
    model: Model = DEFAULT_MODEL,
    work: Work = DEFAULT_WORK,
    each: Annotated[int, typer.Option(help="Pages of a section of an outlet at most.")] = 40,
) -> None:
    """Whether the score tells opinion pages from news pages, on pages that the model was not trained on."""
    unread, _ = corpus.unread(read_pages(data / "news_articles.parquet"), read_seen(model))
    report(work, "pages", page_figures(score_each(Detector(model), unread, each, with_bar)))


@app.command()
def cases(model: Model = DEFAULT_MODEL, work: Work = DEFAULT_WORK, folder: Checklist = None) -> None:
    """The share of our own behavioural cases that the model flags; none of them is trained on."""
    results = checklist.run_checklist(Detector(model), checklist.read_checklist(folder))
    report(work, "cases", checklist.flag_rates(results))


@app.command()
def precisions(
    data: Data,
    recipe: RecipeFile = DEFAULT_RECIPE,
    work: Work = DEFAULT_WORK,
    count: Annotated[int, typer.Option(help="Sentences to compare on.")] = 2000,
) -> None:
    """Accuracy, speed and size of fp32, dynamic int8 and static int8 on Anno-Lexical's development part."""
    plan = read_recipe(recipe)
    examples = SOURCES["anno-lexical"].read(data / "anno_lexical_dev.parquet")[:count]
    model = BiasModel.from_pretrained(trained_by_run(work, plan, len(plan.stages)))
    report(work, "precisions", measures.compare_precisions(model, trained_by_run(work, plan, 1), examples))


@app.command()
def seeds(
    data: Data,
    models: Annotated[list[Path], typer.Argument(help="The shipped model first, then others of its recipe.")],
    work: Work = DEFAULT_WORK,
) -> None:
    """Figures of models of one recipe and of different seeds: how far chance alone moves them."""
    examples = SOURCES["anno-lexical:dev"].read(data / SOURCES["anno-lexical:dev"].file)
    articles = read_basil(data / "basil_dev.jsonl")
    each = [measures.seed_figures(Detector(model), examples, articles) for model in models]
    columns = {name: np.array([figures[name] for figures in each]) for name in each[0]}
    values = {
        "shipped": each[0],
        "models": len(each),
        "mean": {name: float(column.mean()) for name, column in columns.items()},
        "sd": {name: float(column.std(ddof=1)) for name, column in columns.items()},
        "each": each,
    }
    report(work, "seeds", values)


@app.command()
def ways(
    data: Data,
    base: Annotated[str | None, typer.Option(help="Encoder folder; as the recipe has it if not given.")] = None,
    recipe: RecipeFile = DEFAULT_RECIPE,
    path: Annotated[
        Path | None,
        typer.Option("--ways", help="What each way changes; ways.toml beside the recipe if not given."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Ways to train now; all if not given.")] = None,
    folds: Annotated[int, typer.Option(help="Folds (and seeds) to train, of five.", min=1, max=FOLDS["article"])] = 1,
    work: Work = DEFAULT_WORK,
) -> None:
    """Train each way fold by fold, measure it, and compare all that have been measured with what they are beside.

    What has been measured is kept in the work folder and not done again. What the folds' teachers say must be there:
    `teach --by article`.
    """
    plan = read_recipe(recipe)
    every = read_ways(path or recipe.with_name("ways.toml"), plan)
    if unknown := sorted(set(only or ()) - {way.name for way in every}):
        raise UsageError(f"there is no way {unknown[0]!r}, only {', '.join(way.name for way in every)}")
    chosen = [way for way in every if not only or way.name in only]
    names = dict.fromkeys((*(n for way in chosen for n in way.recipe.data), "babe"))
    read = {name: read_source(name, data) for name in names if name != TAUGHT}
    loaded = apart_from_babe(read, *(way.recipe for way in chosen))
    material = Material(
        read_basil(data / "basil_dev.jsonl"), sample_pages(clean(read_pages(data / SOURCES["pages"].file)))
    )
    folder = work / "ways"
    for fold, (train, held) in list(enumerate(split(loaded, "article")))[:folds]:
        taught = taught_of_fold(work / "folds", "article", fold)
        known = {**train, TAUGHT: SOURCES[TAUGHT].read(taught)} if TAUGHT in names else train
        for way in chosen:
            measured = folder / way.name / str(fold) / "measured.json"
            if not measured.is_file():
                typer.echo(f"{way.name}, fold {fold}: training", err=True)
                model = train_way(way, fold, known, base or plan.base, folder)
                rows = measure(Detector(model), held, material)
                with atomic_write(measured) as file:
                    file.write(json.dumps(rows))
    found = {way.name: _measured(folder / way.name) for way in every}
    table = table_of(every, found)
    for way in every:
        if found[way.name] and way.name not in {**table["references"], **table["changes"]}:
            typer.echo(f"{way.name} is not compared: {way.beside} is not measured on the same folds", err=True)
    report(work, "ways", table)


def _measured(folder: Path) -> dict[int, Any]:
    """What was measured of a way, by fold."""
    return {int(file.parent.name): json.loads(file.read_text("utf-8")) for file in folder.glob("*/measured.json")}
