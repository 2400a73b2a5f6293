"""The results of a checklist for a terminal, for a page, and as a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bias.reporting.marking import one_line

if TYPE_CHECKING:
    from bias.training.checklist.results import CapabilityResult, Failure

KNOWN = "known failure"
_COLUMNS = ("capability", "asked", "passed", "95 %", "of", "move", "changed")


def render_checklist(results: Sequence[CapabilityResult], *, failures: bool = True) -> RenderableType:
    """A table with a row for every question, its footnotes, and up to three failures of each."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(_COLUMNS):
        table.add_column(column, justify="left" if number < 2 else "right", no_wrap=number != 1)
    for row in _rows(results):
        table.add_row(*(Text(cell) for cell in row))
    parts: list[RenderableType] = [table, Text()]
    parts += [Text(line, style="dim") for line in _notes(results)]
    if failures:
        for result in results:
            if result.failures:
                parts += [Text(), Text(f"{_title(result)}: {result.asked}", style="bold")]
                parts += [Text(line) for failure in result.failures for line in _failure(failure)]
    return Group(*parts)


def checklist_markdown(results: Sequence[CapabilityResult], *, failures: bool = True) -> str:
    """The same in Markdown."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'|'.join(['---'] * 2 + ['---:'] * (len(_COLUMNS) - 2))}|"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in _rows(results)]
    lines += ["", *_notes(results)]
    if failures:
        for result in results:
            if result.failures:
                lines += ["", f"**{_cell(_title(result))}: {_cell(result.asked)}**", ""]
                lines += [
                    f"- {_cell(' / '.join(_sentences(f)))} (expected {_cell(f.expected)})" for f in result.failures
                ]
    return "\n".join(lines) + "\n"


def checklist_record(results: Sequence[CapabilityResult]) -> dict[str, Any]:
    """The same for `json.dumps`: every result, and the macro-F1 over all swapped sentences (null without any)."""
    return {"swaps_macro_f1": _rounded(_swaps(results)), "results": [result.to_dict() for result in results]}


def _rows(results: Sequence[CapabilityResult]) -> Iterator[tuple[str, ...]]:
    for _, group in groupby(results, lambda result: result.capability):
        for number, result in enumerate(group):
            low, high = result.interval
            yield (
                _title(result) if number == 0 else "",
                result.asked,
                _percent(result.rate),
                f"{100 * low:.0f} to {100 * high:.0f}",
                str(result.n),
                ""
                if result.move is None
                else f"{result.move:+.3f}"
                if result.kind == "direction"
                else f"{result.move:.3f}",
                "" if result.changed is None else _percent(result.changed),
            )


def _title(result: CapabilityResult) -> str:
    return one_line(result.capability) + (f" ({KNOWN})" if result.known_failure else "")


def _notes(results: Sequence[CapabilityResult]) -> Iterator[str]:
    yield (
        "passed: share of the cases, with its 95 % interval (Wilson); move: mean move of the probability between the "
        "sentences of a case; changed: share of fillings whose label is not that of most of their template."
    )
    if (share := _swaps(results)) is not None:
        yield f"Macro-F1 over all swapped sentences: {share:.3f}."
    if any(result.known_failure for result in results):
        yield f"A {KNOWN} is measured and not expected to pass."


def _swaps(results: Sequence[CapabilityResult]) -> float | None:
    from bias.training.checklist.results import macro_f1

    swaps = [result for result in results if result.kind == "invariance"]
    return macro_f1(swaps) if swaps else None


def _failure(failure: Failure) -> Iterator[str]:
    yield f"  expected {failure.expected}"
    yield from (f"    {line}" for line in _sentences(failure))


def _sentences(failure: Failure) -> Iterator[str]:
    for text, judged in zip(failure.texts, failure.judged, strict=True):
        yield f"{judged.probability:.2f} {one_line(text)}"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
