"""How the shipped model is calibrated and measured, once `bias train` made it; see each command's --help."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bias.cli.status import ExitStatus
from bias.cli.streams import complain
from bias.detector import Detector
from bias.errors import BiasError, UsageError
from bias.output import atomic_write
from bias.training.calibration import calibrate as calibration
from bias.training.calibration import newsmap
from bias.training.calibration import reference as corpus
from bias.training.card import save_figures, write_card, write_metrics
from bias.training.checklist import running as checklist
from bias.training.data.basil import read_basil
from bias.training.data.examples import Example
from bias.training.data.pages import Page, clean, read_pages
from bias.training.data.sources import SOURCES, read_source
from bias.training.data.splits import By, fingerprint, read_seen
from bias.training.folder import update_manifest
from bias.training.model import BiasModel
from bias.training.recipe import Recipe, read_recipe
from bias.training.shipped import figures as measures
from bias.training.shipped import floors as gate
from bias.training.shipped.folds import (
    FOLDS,
    TAUGHT,
    apart_by_outlet,
    apart_from_babe,
    cross_validate,
    read_out_of_fold,
    split,
    train_shared,
)
from bias.training.shipped.pagefigures import page_figures, score_each
from bias.training.shipped.teaching import read_pool, seeded, taught_of_fold, teach_pool, train_teacher
from bias.training.shipped.wayfigures import Material, compare, measure, sample_pages
from bias.training.shipped.ways import read_ways, train_way

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

Data = Annotated[Path, typer.Option("--data", help="Folder with the public data sets.")]
RecipeFile = Annotated[Path, typer.Option("--recipe", help="Recipe (TOML).")]
Work = Annotated[Path, typer.Option("--work", help="Folder for checkpoints and predictions.")]
Model = Annotated[Path, typer.Option("--model", help="Model folder.")]

DEFAULT_RECIPE = Path("models/default/recipe.toml")
DEFAULT_TEACHER = Path("models/default/teacher.toml")
DEFAULT_MODEL = Path("models/default")
DEFAULT_WORK = Path("runs")
REFERENCE = "US outlets, 2012 to 2020 (Baly et al. 2020)"


def _load(recipe: Recipe, data: Path) -> dict[str, list[Example]]:
    names = {name for stage in recipe.stages for name in stage.data}
    return {name: read_source(name, data) for name in SOURCES if name in names and name != TAUGHT}


def _trained(work: Path, recipe: Recipe, stage: int) -> Path:
    """What a stage came to, where `bias train --work WORK/NAME` leaves it."""
    return work / recipe.name / f"seed-{recipe.seed}" / f"stage-{stage}"


@app.command()
def folds(
    data: Data,
    by: Annotated[By, typer.Option(help="Split by article (five folds) or by outlet (two).")] = "article",
    recipe: RecipeFile = DEFAULT_RECIPE,
    work: Work = DEFAULT_WORK,
    base: Annotated[str | None, typer.Option(help="Encoder folder; as the recipe has it if not given.")] = None,
    jobs: Annotated[int, typer.Option(help="Folds trained at once.")] = 2,
    only: Annotated[list[int] | None, typer.Option(help="Numbers of the folds, from 0; all if not given.")] = None,
) -> None:
    """Train and predict fold by fold.

    The stages before the first that learns from BABE or from its pupils are shared: by article those that `bias train
    --work` left in the work folder, by outlet trained anew, without the outlets of BABE. What a fold's teachers say
    must be there: `teach --by`.
    """
    plan = read_recipe(recipe)
    shared = _trained(work, plan, 1).parent
    if by == "outlet":
        plan, shared = apart_by_outlet(plan), work / "folds" / "shared-by-outlet"
    loaded = _load(plan, data)
    trained = train_shared(plan, loaded, base or plan.base, shared)
    path = cross_validate(plan, loaded, trained, by, work / "folds", jobs, only or ())
    typer.echo(f"wrote {path}" if path else "done; the predictions are put together once every fold has been trained")


@app.command()
def teach(
    data: Data,
    by: Annotated[By | None, typer.Option(help="Teach the folds by article or outlet; all data if not given.")] = None,
    recipe: RecipeFile = DEFAULT_TEACHER,
    work: Work = DEFAULT_WORK,
    base: Annotated[str | None, typer.Option(help="Encoder folder; as the recipe has it if not given.")] = None,
    teachers: Annotated[int, typer.Option(help="Teachers to ask, by seeds from the recipe's on.", min=1)] = 1,
    count: Annotated[int | None, typer.Option(help="Sentences to ask about; all if not given.", min=1)] = None,
    only: Annotated[list[int] | None, typer.Option(help="Numbers of the folds, from 0; all if not given.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", help="File; taught.parquet in the work folder if not given.")
    ] = None,
) -> None:
    """Train teachers, ask them about sentences that nobody has labelled, and write the data set `taught`.

    It is read from the data folder as `taught.parquet`. The teachers of a fold learn nothing of its part, and what they
    say is written where `folds` looks for it.
    """
    plan = read_recipe(recipe)
    typer.echo("reading the data", err=True)
    texts = read_pool(data, count, plan.seed, by or "article")
    shared = work / "teachers"

    def write(known: Mapping[str, Sequence[Example]], own: Path, path: Path) -> None:
        ends = []
        for each in seeded(plan, teachers):
            typer.echo(f"training the teacher of seed {each.seed}", err=True)
            ends.append(train_teacher(each, known, base or plan.base, shared, own))
        with typer.progressbar(texts, label="asking", file=sys.stderr) as bar:
            teach_pool(ends, bar, path)
        typer.echo(f"wrote {path}")

    if by is None:
        write(_load(plan, data), shared, output or work / SOURCES[TAUGHT].file)
        return
    if output is not None:
        raise UsageError("-o is for the file of all data: what the teachers of folds say is put where `folds` looks")
    if by == "outlet":
        plan, shared = apart_by_outlet(plan), work / "teachers-by-outlet"
    for number, (train, _) in enumerate(split(apart_from_babe(_load(plan, data), plan), by)):
        path = taught_of_fold(work / "folds", by, number)
        if only and number not in only:
            continue
        if path.is_file():
            typer.echo(f"{path} is there already")
            continue
        typer.echo(f"fold {number}, by {by}", err=True)
        write(train, path.parent / "teachers", path)


@app.command(name="calibrate")
def calibrate_model(data: Data, model: Model = DEFAULT_MODEL, work: Work = DEFAULT_WORK) -> None:
    """Fit the maps and thresholds on the folds' predictions (balanced, spans) and on BASIL (news)."""
    values = calibration.fit_balanced(read_out_of_fold(work / "folds" / "article.jsonl"))
    rows = newsmap.read_news(Detector(model), read_basil(data / "basil_dev.jsonl"))
    values["news"] = newsmap.fit_news(rows)
    record = {"news": {"articles": len({row.article for row in rows}), "sentences": len(rows)}}
    update_manifest(model, calibration=calibration.checked(values), **{calibration.RECORD: record})
    typer.echo(f"calibrated {model}: {json.dumps({k: v for k, v in values.items() if k != 'curve'}, indent=1)}")


@app.command()
def reference(
    data: Data,
    model: Model = DEFAULT_MODEL,
    each: Annotated[int, typer.Option(help="Pages of every section and leaning at most.")] = 150,
) -> None:
    """Score a sample of the reference corpus and store its percentiles with the model."""
    pages, _ = corpus.unread(read_pages(data / "news_articles.parquet"), read_seen(model))
    found = corpus.make_reference(Detector(model), pages, REFERENCE, each=each, watch=_with_bar)
    update_manifest(model, reference=found)
    typer.echo(found["corpus"])


def _with_bar(pages: Iterable[Page]) -> Iterator[Page]:
    with typer.progressbar(list(pages), label="scoring") as bar:
        yield from bar


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
    _report(work, by, values)


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
    _report(work, "news", {**counts, **newsmap.cross_fitted_news(rows), **({"known": told} if told else {})})


@app.command()
def pages(
    data: Data,
    model: Model = DEFAULT_MODEL,
    work: Work = DEFAULT_WORK,
    each: Annotated[int, typer.Option(help="Pages of a section of an outlet at most.")] = 40,
) -> None:
    """Whether the score tells opinion pages from news pages, on pages that the model was not trained on."""
    unread, _ = corpus.unread(read_pages(data / "news_articles.parquet"), read_seen(model))
    _report(work, "pages", page_figures(score_each(Detector(model), unread, each, _with_bar)))


Checklist = Annotated[
    Path | None, typer.Option("--checklist", help="Folder of behavioural tests; our own if not given.")
]


@app.command()
def cases(model: Model = DEFAULT_MODEL, work: Work = DEFAULT_WORK, folder: Checklist = None) -> None:
    """The share of our own behavioural cases that the model flags; none of them is trained on."""
    results = checklist.run_checklist(Detector(model), checklist.read_checklist(folder))
    _report(work, "cases", checklist.flag_rates(results))


@app.command()
def floors(
    model: Model = DEFAULT_MODEL,
    folder: Checklist = None,
    seeds: Annotated[Path, typer.Option(help="Folder of seed articles with gold labels.")] = Path("seeds"),
    path: Annotated[Path, typer.Option("--floors", help="File of the floors.")] = Path("tests/floors.json"),
    lower: Annotated[str | None, typer.Option(metavar="REASON", help="Let floors fall, for this reason.")] = None,
) -> None:
    """Raise the floors of the quality gate to what the model reaches."""
    tests = folder or checklist.own_checklist()
    measured = gate.measure(Detector(model), tests, seeds)
    fallen = gate.update(path, measured, gate.digest_of(tests, seeds), lower)
    if lower is not None:
        gate.note_reason(Path("CHANGELOG.md"), fallen, lower)
    typer.echo(path.read_text("utf-8"))


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
    model = BiasModel.from_pretrained(_trained(work, plan, len(plan.stages)))
    _report(work, "precisions", measures.compare_precisions(model, _trained(work, plan, 1), examples))


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
    _report(work, "seeds", values)


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
    table = {
        way.name: {
            "about": way.about,
            "beside": way.beside,
            "folds": len(common),
            "figures": compare(found[way.name], found[way.beside]),
        }
        for way in every
        if (common := found[way.name].keys() & found[way.beside].keys())
    }
    if not table:
        typer.echo("nothing to compare with yet: train what the ways are beside as well", err=True)
        return
    _report(work, "ways", table)


def _measured(folder: Path) -> dict[int, Any]:
    """What was measured of a way, by fold."""
    return {int(file.parent.name): json.loads(file.read_text("utf-8")) for file in folder.glob("*/measured.json")}


@app.command()
def card(model: Model = DEFAULT_MODEL, work: Work = DEFAULT_WORK) -> None:
    """Write metrics.json and the model card from the figures in the work folder."""
    write_metrics(model, work / "figures")
    write_card(model)
    typer.echo(f"wrote {model / 'metrics.json'} and {model / 'README.md'}")


def _report(work: Path, part: str, values: dict[str, Any]) -> None:
    path = work / "figures" / f"{part}.json"
    save_figures(path, values)
    typer.echo(path.read_text("utf-8"))


if __name__ == "__main__":
    try:
        app()
    except BiasError as error:
        complain(str(error))
        sys.exit(ExitStatus.ERROR)
