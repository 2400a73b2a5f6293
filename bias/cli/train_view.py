"""What `bias train` says: what it learns from, how far it is, what came of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bias.cli.streams import is_watched, note

if TYPE_CHECKING:
    from bias.training.runs import Plan
    from bias.training.trainer import Moment, Watch

FEW = 40
"""Development sentences below which a calibration can do harm."""


def note_plan(plan: Plan) -> None:
    """Say what is learned from and what is kept apart, on standard error."""
    from bias.training.record import counts

    parts = {"training": plan.train, "development": plan.parts.development, "test": plan.parts.test}
    for name, examples in parts.items():
        if examples:
            of = counts(examples)
            note(f"{name}: {of['sentences']:,} sentences, {of['opinionated']:,} of {of['labelled']:,} opinionated")
    if 0 < len(plan.parts.development) < FEW:
        note(
            f"a development part of {len(plan.parts.development)} sentences is small: threshold and probabilities will "
            "be rough; label more, or keep more apart by --development"
        )
    if not plan.parts.development:
        note("no development part: trained to the end, and not calibrated (bias calibrate does that)")


@contextmanager
def progress(plan: Plan) -> Iterator[Watch]:
    """Show the steps done and the time left on a terminal, and each evaluation in a line of its own anywhere."""
    stages = len(plan.recipe.stages)

    def line(moment: Moment) -> None:
        figures = moment.figures
        if "eval_macro_f1" in figures:
            stage = f"stage {moment.stage} of {stages}, " if stages > 1 else ""
            reached = f"macro-F1 {figures['eval_macro_f1']:.3f}, AUROC {figures['eval_auroc']:.3f}"
            note(f"{stage}step {moment.step:,} of {moment.steps:,}: development {reached}")

    if not is_watched():
        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("step {task.completed:,.0f} of {task.total:,.0f}{task.fields[loss]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("training", total=None, visible=False, loss="")

        def show(moment: Moment) -> None:
            bar.update(task, completed=moment.step, total=moment.steps, visible=True)
            if "loss" in moment.figures:
                bar.update(task, loss=f", loss {moment.figures['loss']:.3f}")
            line(moment)

        yield show


def tell(record: Mapping[str, Any], output: Path, measured: list[str]) -> None:
    """What came of it, and what to do next, on standard output; `measured` is the data as `bias evaluate` takes it."""
    if record["spread"]:
        of = record["spread"]["macro_f1"]
        print(f"{len(record['seeds'])} seeds: development macro-F1 {of['mean']:.3f}, standard deviation {of['sd']:.3f}")
    kept = next(run["figures"] for run in record["seeds"] if run["seed"] == record["seed"])
    if kept:
        print(f"kept the weights of epoch {kept['epoch']:g}: development macro-F1 {kept['macro_f1']:.3f}")
    print(f"wrote {output} ({record['seconds'] / 60:.1f} minutes)")
    if record["parts"]["test"]["sentences"]:
        print(f"next: bias evaluate {shlex.join([*measured, '--model', str(output), '--compare', 'default'])}")
