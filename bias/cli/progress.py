"""Progress bars: on standard error, and only on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

from bias.cli.streams import is_watched

T = TypeVar("T")

FEW = 3
"""So many items pass before a bar is worth its lines."""

PERIOD = 600.0
"""Seconds that the speed is the mean of; items of some size come far apart."""


def track(
    items: Iterable[T],
    unit: str,
    total: int | None = None,
    *,
    size: Callable[[T], int] = lambda _: 1,
    done: int = 0,
    few: int = FEW,
) -> Iterator[T]:
    """The items as they are, counted in a bar with their speed and, if their total is known, the time left.

    Args:
        unit: what is counted, in the plural.
        size: how much of it an item is.
        done: how much of the total was there before.
        few: so many items pass before the bar is shown.
    """
    source = iter(items)
    for item in islice(source, few):
        done += size(item)
        yield item
    if few:
        more = tuple(islice(source, 1))
        source = chain(more, source)
        if not more:
            return
    if not is_watched():
        yield from source
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("{task.completed:,.0f}{task.fields[of]} {task.description}"),
        TextColumn("{task.fields[speed]:,.{task.fields[digits]}f} a second"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, speed_estimate_period=PERIOD) as progress:
        of = "" if total is None else f" of {total:,}"
        task = progress.add_task(unit, total=total, completed=done, of=of, speed=0.0, digits=0)
        for item in source:
            yield item
            speed = progress.tasks[0].speed or 0.0
            progress.update(task, advance=size(item), speed=speed, digits=int(speed < 10))
