"""How the shipped model is calibrated and measured, once `bias train` made it; see each command's --help."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from bias.cli.status import ExitStatus
from bias.cli.streams import complain
from bias.detector import Detector
from bias.errors import BiasError, UsageError
from bias.training.calibration import calibrate as calibration
from bias.training.calibration import newsmap
from bias.training.calibration import reference as corpus
from bias.training.card import write_card, write_metrics
from bias.training.checklist import running as checklist
from bias.training.data.basil import read_basil
from bias.training.data.examples import Example
from bias.training.data.pages import read_pages
from bias.training.data.sources import SOURCES, read_source
from bias.training.data.splits import By, read_seen
from bias.training.folder import update_manifest
from bias.training.recipe import Recipe, read_recipe
from bias.training.shipped import floors as gate
from bias.training.shipped.folds import (
    TAUGHT,
    apart_by_outlet,
    apart_from_babe,
    cross_validate,
    read_out_of_fold,
    split,
    train_shared,
)
from bias.training.shipped.measuring import app as measuring
from bias.training.shipped.options import (
    DEFAULT_MODEL,
    DEFAULT_RECIPE,
    DEFAULT_TEACHER,
    DEFAULT_WORK,
    Checklist,
    Data,
    Model,
    RecipeFile,
    Work,
    trained_by_run,
    with_bar,
)
from bias.training.shipped.teaching import read_pool, seeded, taught_of_fold, teach_pool, train_teacher

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(measuring)

REFERENCE = "US outlets, 2012 to 2020 (Baly et al. 2020)"


def _load(recipe: Recipe, data: Path) -> dict[str, list[Example]]:
    names = {name for stage in recipe.stages for name in stage.data}
    return {name: read_source(name, data) for name in SOURCES if name in names and name != TAUGHT}


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
    shared = trained_by_run(work, plan, 1).parent
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
    found = corpus.make_reference(Detector(model), pages, REFERENCE, each=each, watch=with_bar)
    update_manifest(model, reference=found)
    typer.echo(found["corpus"])


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
def card(model: Model = DEFAULT_MODEL, work: Work = DEFAULT_WORK) -> None:
    """Write metrics.json and the model card from the figures in the work folder."""
    write_metrics(model, work / "figures")
    write_card(model)
    typer.echo(f"wrote {model / 'metrics.json'} and {model / 'README.md'}")


if __name__ == "__main__":
    try:
        app()
    except BiasError as error:
        complain(str(error))
        sys.exit(ExitStatus.ERROR)
