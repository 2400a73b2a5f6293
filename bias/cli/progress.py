"""Progress bars: on standard error, and only on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

from bias.cli.streams import is_watched

T = TypeVar("T")

FEW = 3
"""So many items pass before a bar is worth its lines."""


def track(items: Iterable[T], unit: str, total: int | None = None) -> Iterator[T]:
    """The items as they are, counted in a bar with their speed and, if their total is known, the time left.

    Args:
        unit: what the items are, in the plural.
    """
    source = iter(items)
    yield from islice(source, FEW)
    more = tuple(islice(source, 1))
    source = chain(more, source)
    if not more or not is_watched():
        yield from source
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("{task.completed:,.0f}{task.fields[of]} {task.description}"),
        TextColumn("{task.fields[speed]:,.0f} a second"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        of = "" if total is None else f" of {total:,}"
        task = progress.add_task(unit, total=total, completed=FEW, of=of, speed=0.0)
        for item in source:
            yield item
            progress.update(task, advance=1, speed=progress.tasks[0].speed or 0.0)
