"""The view of an audit for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bias.reporting.marking import one_line

if TYPE_CHECKING:
    from bias.training.data.examples import Example
    from bias.training.labels.audit import Agreement, Audit, Checked
    from bias.training.labels.leaks import Leak, Shared

SHOWN = 20
"""So many suspicious sentences are shown."""

_MEANING = {
    "label": "probably wrong",
    "conflict": "contradicts a repeat",
    "repeat": "repeats another",
    "shared": "stands in two files",
}


def show(found: Audit, files: Sequence[tuple[str, Sequence[Example]]], caveat: str | None) -> None:
    """Print what was found."""
    console = Console(highlight=False, soft_wrap=False)
    for part in _parts(found, files, caveat):
        console.print(part)


def _parts(
    found: Audit, files: Sequence[tuple[str, Sequence[Example]]], caveat: str | None
) -> Iterator[RenderableType]:
    for name, examples in files:
        opinionated = sum((example.label or 0.0) >= 0.5 for example in examples)
        yield Text(
            one_line(
                f"{name}: {len(examples):,} labelled sentences, {opinionated:,} opinionated, "
                f"{len(examples) - opinionated:,} neutral"
            )
        )
    yield Text()
    yield from _agreement_lines(found.agreement)
    if found.leaks:
        yield Text("Leaks: how often the commonest label of the same ... is right", style="bold")
        yield _leaks_table(found.leaks)
        yield from _leak_lines(found.leaks)
    yield from _repeat_lines(found)
    yield Text()
    yield from _error_lines(found, caveat)


def _agreement_lines(votes: Agreement | None) -> Iterator[Text]:
    if votes is None:
        return
    alpha = "not defined (all votes are the same)" if votes.alpha is None else str(votes.alpha)
    yield Text("Agreement of annotators", style="bold")
    yield Text(
        f"Krippendorff's alpha {alpha} over {votes.sentences:,} sentences with {votes.votes:,} votes; "
        f"{votes.unanimous:.0%} of them unanimous"
    )
    yield Text()


def _leaks_table(leaks: Sequence[Leak]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for heading in ("sentences", "baseline", "in sample", "elsewhere", "gain (95 % interval)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for leak in leaks:
        gain = leak.gain
        table.add_row(
            f"{leak.of} ({leak.values:,})",
            f"{leak.sentences:,}",
            f"{leak.baseline:.1%}",
            f"{leak.in_sample:.1%}",
            f"{leak.out_of_sample:.1%}",
            f"{100 * gain.value:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})",
        )
    return table


def _leak_lines(leaks: Sequence[Leak]) -> Iterator[Text]:
    yield Text(
        "baseline: always the commonest label of all; in sample: with the sentence's own label in the count; "
        "elsewhere: from other articles (of an article: from its other sentences)",
        style="dim",
    )
    if telling := [leak.of for leak in leaks if leak.leaks]:
        yield Text(
            f"The {_joined(telling)} of a sentence tell{'s' if len(telling) == 1 else ''} something of its label: what "
            "is measured on a part of the data that shares them with the training part flatters"
        )
    yield Text()


def _repeat_lines(found: Audit) -> Iterator[Text]:
    yield Text("Repeats", style="bold")
    yield Text(
        f"{found.count('repeat'):,} sentences repeat an earlier one; "
        f"{found.count('conflict'):,} stand under labels that contradict each other"
    )
    for pair in found.shared:
        yield Text(_shared_line(pair))


def _shared_line(pair: Shared) -> str:
    return one_line(
        f"{len(pair.repeats):,} sentences of {pair.second} stand nearly alike in {pair.first}; "
        f"{pair.articles:,} articles have sentences in both"
    )


def _error_lines(found: Audit, caveat: str | None) -> Iterator[RenderableType]:
    yield Text("Labels", style="bold")
    if not found.checked:
        yield Text("too few sentences to look for label errors: it takes both labels in two articles each")
    else:
        count = found.count("label")
        yield Text(f"{count:,} labels are probably wrong ({count / len(found.rows):.1%} of {len(found.rows):,})")
    if caveat:
        yield Text(f"Mind: {caveat}", style="yellow")
    worst = [row for row in found.rows if row.suspicious][:SHOWN]
    if worst:
        yield Text()
        for row in worst:
            yield from _sentence_lines(row)
        more = sum(row.suspicious for row in found.rows) - len(worst)
        if more:
            yield Text(f"and {more:,} more: -o FILE.csv writes all of them, to correct and train on")


def _sentence_lines(row: Checked) -> Iterator[RenderableType]:
    example = row.example
    given = one_line(f"{example.place}: labelled {example.label:g}")
    model = "" if row.probability is None else f", probability {row.probability:.2f}"
    yield Text(f"{given}{model}: {', '.join(_MEANING[issue] for issue in row.issues)}")
    yield Padding(Text(one_line(example.text)), (0, 0, 0, 2), expand=False)


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
