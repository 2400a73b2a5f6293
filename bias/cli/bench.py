"""`bias bench`: how fast this machine reads, beside what people use now."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterable, Sequence
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bias.cli.data import LabelColumn, Positive, columns_of, needs_training, note_files, read_data
from bias.cli.options import Debug, Model, TextColumn, a_number
from bias.cli.progress import track
from bias.cli.status import ExitStatus
from bias.cli.streams import note
from bias.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from bias.bench.result import Bench
    from bias.modelfolder import ModelFolder

SENTENCES = 2_000
"""Of our own, or of the data given, that are read."""


def bench(
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA]...",
            help="Labelled sentences to read, as for bias evaluate: tells accuracy beside speed. Without them the "
            "project's own are read, and no accuracy is told, for the model was trained on them.",
            show_default=False,
        ),
    ] = None,
    model: Model = None,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="Measure everything so many times.")] = 3,
    seconds: Annotated[
        float,
        typer.Option(min=0.1, callback=a_number, metavar="S", help="Read for so long at least in each measurement."),
    ] = 10.0,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processors to use; all by default.", show_default=False)
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Time the engine as it ships alone; needs no extra package.")
    ] = False,
    corpus: Annotated[
        bool,
        typer.Option(
            "--corpus", help="Time bias corpus run too, and what Ray costs on one machine; needs the extra ray."
        ),
    ] = False,
    output_format: Annotated[
        Literal["full", "json", "markdown"],
        typer.Option(help="A view for the terminal, a JSON object, or tables for a page."),
    ] = "full",
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR",
            help="A new folder for bench.json, bench.md and the plot (SVG and PNG).",
            show_default=False,
        ),
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    positive: Positive = None,
    debug: Debug = False,
) -> ExitStatus:
    """Time the engine in each precision, its weights through torch, and a transformers pipeline, in one run.

    Every measurement is a process of its own, and every round has all of them, so that the ratios hold on a busy
    machine too. Nothing is fetched: the pipeline's model has the size of RoBERTa-base and random weights, which are as
    slow as any.
    """
    from bias.bench.contestants import is_equipped
    from bias.cpus import available_cpus
    from bias.modelfolder import model_folder, open_model
    from bias.output import refuse_existing

    if output_dir is not None:
        refuse_existing(output_dir)
    if not alone and not is_equipped():
        note("Timed alone: what it is held against needs pip install '.[train]'.")
        alone = True
    if alone and output_dir is not None:
        raise UsageError("-o writes a comparison: leave --alone out, and install the extra `train`")
    if corpus and find_spec("ray") is None:
        raise MissingExtraError("timing a corpus", "ray")
    opened = open_model(model_folder(model))
    texts, labels = _sentences(opened, data, text_column, label_column, positive)
    found = _measure(opened, texts, labels, rounds, seconds, threads or available_cpus(), alone, corpus)
    _print(found, output_format)
    if output_dir is not None:
        _save(found, output_dir)
        note(f"wrote {output_dir}")
    return ExitStatus.DONE


def _sentences(
    model: ModelFolder, data: list[str] | None, text_column: str, label_column: str, positive: str | None
) -> tuple[list[str], list[int] | None]:
    """What is read, in an order of chance, with labels if data were given."""
    if not data:
        return random.Random(0).sample(_own_sentences(), SENTENCES), None
    with needs_training("bias bench with data"):
        from bias.training.evaluation.outcome import without_seen

        loaded = read_data(data, columns_of(text=text_column, label=label_column), positive=positive)
    note_files(loaded.files)
    labelled = [example for example in loaded.examples if example.label is not None]
    unseen = without_seen(labelled, {str(model.path): model.path}).examples
    chosen = random.Random(0).sample(list(unseen), min(SENTENCES, len(unseen)))
    labels = [int(example.label >= 0.5) for example in chosen if example.label is not None]
    if len(set(labels)) < 2:
        raise UsageError("accuracy needs sentences of both labels that the model has not seen")
    return [example.text for example in chosen], labels


def _own_sentences() -> list[str]:
    """Those of `bias/training/sentences`, read without what training needs."""
    files = sorted((resources.files("bias.training") / "sentences").iterdir(), key=lambda file: file.name)
    return [json.loads(line)["text"] for file in files for line in file.read_text("utf-8").splitlines()]


def _measure(
    model: ModelFolder,
    texts: Sequence[str],
    labels: Sequence[int] | None,
    rounds: int,
    seconds: float,
    threads: int,
    alone: bool,
    corpus: bool,
) -> Bench:
    from bias.bench.contestants import articles_of, ceilings, engine_of, others
    from bias.bench.result import Bench, tokens_a_text
    from bias.bench.running import time_cold_starts, time_contestants, time_corpora

    def watch(items: Iterable[Any], total: int) -> Iterable[Any]:
        return track(items, "measurements", total)

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first = [engine_of(model), *([] if alone else others(model, texts, folder))]
        products = [] if alone else ceilings(model, folder)
        contestants = [*first, *products, articles_of(model)]
        timed = time_contestants(
            contestants,
            model,
            texts,
            rounds=rounds,
            seconds=seconds,
            threads=threads,
            whole=labels is not None,
            watch=watch,
        )
        roberta = next((one.path for one in first if one.engine == "pipeline"), None)
        cold = time_cold_starts(model, texts, roberta, rounds, watch)
        corpora = time_corpora(model, texts, rounds, threads, watch) if corpus else []
    return Bench(
        model=f"{model.info.name} {model.info.version}",
        threads=threads,
        sentences=len(texts),
        tokens=tokens_a_text(model, texts),
        timed=tuple(timed[: len(first)]),
        products=tuple(timed[len(first) : -1]),
        articles=timed[-1],
        cold=tuple(cold),
        corpora=tuple(corpora),
        labels=None if labels is None else tuple(labels),
    )


def _print(found: Bench, output_format: Literal["full", "json", "markdown"]) -> None:
    if output_format == "json":
        print(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    elif output_format == "markdown":
        print(_markdown(found), end="")
    else:
        from rich.console import Console
        from rich.text import Text

        from bias.cli.evaluate_view import render_table

        console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
        for table in found.tables():
            for part in render_table(table):
                console.print(part)
        console.print()
        for finding in found.findings():
            console.print(Text(finding, style="bold"))


def _markdown(found: Bench) -> str:
    from bias.training.evaluation.presenting import table_markdown

    return "\n\n".join([*map(table_markdown, found.tables()), *found.findings()]) + "\n"


def _save(found: Bench, folder: Path) -> None:
    from bias.output import new_folder
    from bias.training.evaluation.plotstyle import save

    with new_folder(folder) as scratch:
        (scratch / "bench.json").write_text(json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n", "utf-8")
        (scratch / "bench.md").write_text(_markdown(found), "utf-8")
        save(found.plot(), scratch / "bench")
