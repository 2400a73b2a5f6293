"""The full view for a terminal: the article with its loaded words marked, a bar for each sentence, the score.

Without colour the view says the same: a line of carets stands under the loaded words of the outlet, a line of tildes
under those that it quotes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from bias.reporting.marking import (
    Lines,
    all_marked_spans,
    is_aside,
    is_counted,
    is_marked,
    marked_spans,
    one_line,
    paragraphs,
    pieces,
)
from bias.reporting.records import Outcome
from bias.reporting.wording import (
    CATEGORY_NAMES,
    NOT_MEANT,
    categories_line,
    percentile_line,
    score_line,
    sentence_case,
    summary_line,
)
from bias.types import ArticleReport, SentenceResult, Span

_MIN_WIDTH, _MAX_WIDTH = 40, 100  # a longer line is hard to read
_BAR_WIDTH = 6
_GUTTER_WIDTH = 16  # marker, bar, probability and rule

# The sixteen colours that follow the terminal's own light or dark theme; none is a party's.
_THEME = Theme(
    {
        "loaded": "bold underline magenta",
        "loaded.quoted": "dim underline",
        "opinionated": "bold magenta",
        "quoted": "dim",
        "aside": "dim",
        "heading": "bold",
        "warning": "yellow",
    }
)
_UNDERLINES = {"loaded": "^", "loaded.quoted": "~"}


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a terminal can show: `width` in columns, colours, characters outside ASCII."""

    width: int = 80
    color: bool = False
    unicode: bool = True

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str] = os.environ) -> Terminal:
        """The abilities of an output stream.

        COLUMNS sets the width, else it is the terminal's, and 80 in a pipe or file. No colour in a pipe or file, with
        NO_COLOR (no-color.org) or with TERM=dumb.
        """
        interactive = stream.isatty()
        columns = environ.get("COLUMNS", "")
        width = int(columns) if columns.isdecimal() else 0
        if interactive and not width:
            with suppress(OSError):  # a terminal that does not tell its size
                width = os.get_terminal_size(stream.fileno()).columns
        return cls(
            width=width or 80,
            color=interactive and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
            unicode=(stream.encoding or "").lower().replace("_", "-").startswith("utf"),
        )


def render_full(outcomes: Sequence[Outcome], terminal: Terminal = Terminal()) -> str:
    """Every article with its marks and its summary below; a failure is one line.

    The articles' control characters and escape sequences are shown, never sent (`marking.visible`).
    """
    shown = io.StringIO()
    console = Console(
        file=shown,
        width=min(max(terminal.width, _MIN_WIDTH), _MAX_WIDTH),
        force_terminal=terminal.color,
        color_system="standard" if terminal.color else None,
        no_color=not terminal.color,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        theme=_THEME,
        _environ={},
    )
    for outcome in outcomes:
        for part in _parts(outcome, terminal, console):
            console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in shown.getvalue().splitlines())


def _parts(outcome: Outcome, terminal: Terminal, console: Console) -> Iterator[RenderableType]:
    if not isinstance(outcome, ArticleReport):
        yield Text(f"{one_line(outcome.source)}: error: {one_line(str(outcome.error))}\n")
        return
    yield Text(one_line(outcome.article.source), style="heading")
    if outcome.article.title:
        yield Text(one_line(outcome.article.title), style="heading")
    yield Text()
    yield from _article(outcome, terminal, console)
    yield Text(("─" if terminal.unicode else "-") * console.width, style="aside")
    yield from _summary(outcome, terminal, console.width)
    yield Text()


def _article(report: ArticleReport, terminal: Terminal, console: Console) -> Iterator[Text]:
    """Paragraph by paragraph, each sentence in its own lines to the right of its bar."""
    rule = " │ " if terminal.unicode else " | "
    blank = Text.assemble((" " * (_GUTTER_WIDTH - len(rule)) + rule, "aside"))
    speaker = None
    for paragraph in paragraphs(report):
        for run in paragraph:
            if isinstance(run, str):
                if run.strip():
                    yield from (blank + line for line in _wrapped(Text(one_line(run).strip(), style="aside"), console))
                continue
            gutter = Text.assemble(_gutter(report, run, terminal), (rule, "aside"))
            for line in _wrapped(_marked(report, run), console):
                yield gutter + line
                gutter = blank
                if not terminal.color and (underline := _underline(line)):
                    yield blank + Text(underline)
            quoted = run.sentence.speaker if report.quotes == "separate" else None
            if quoted and quoted != speaker and quoted not in run.sentence.text:
                yield blank + Text(f"(quoting {one_line(quoted)})", style="aside")
            speaker = quoted
            if is_marked(report, run) and not marked_spans(report, run) and (categories := categories_line(run)):
                yield blank + Text(f"({categories})", style="aside")
        yield Text()


def _wrapped(text: Text, console: Console) -> Iterator[Text]:
    yield from text.wrap(console, console.width - _GUTTER_WIDTH)


def _marked(report: ArticleReport, result: SentenceResult) -> Text:
    text = Text()
    for piece in pieces(report, result):
        style = "quoted" if piece.quoted else ""
        if piece.span is not None:
            style = "loaded" if is_counted(report, piece.span) else "loaded.quoted"
        text.append(one_line(piece.text), style=style)
    return text


def _underline(line: Text) -> str:
    """Carets or tildes under the marked words of a wrapped line, counted in terminal cells."""
    marks = [" "] * cell_len(line.plain)
    for span in line.spans:
        mark = _UNDERLINES.get(str(span.style))
        if mark:
            first, last = cell_len(line.plain[: span.start]), cell_len(line.plain[: span.end])
            marks[first:last] = mark * (last - first)
    return "".join(marks).rstrip()


def _gutter(report: ArticleReport, result: SentenceResult, terminal: Terminal) -> tuple[str, str]:
    """Thirteen cells and their style: a marker where opinionated, a bar, the probability; or that it is a quote."""
    if is_aside(report, result):
        return "quoted".rjust(_GUTTER_WIDTH - 3), "aside"
    probability = report.decisive(result)
    opinionated = is_marked(report, result)
    cells = f"{'!' if opinionated else ' '} {_bar(probability, terminal)} {probability:.2f}"
    return cells, "opinionated" if opinionated else "aside"


def _bar(share: float, terminal: Terminal) -> str:
    if not terminal.unicode:
        return ("#" * round(share * _BAR_WIDTH)).ljust(_BAR_WIDTH)
    whole, eighths = divmod(round(share * _BAR_WIDTH * 8), 8)
    return ("█" * whole + " ▏▎▍▌▋▊▉"[eighths].strip()).ljust(_BAR_WIDTH)


def _summary(report: ArticleReport, terminal: Terminal, width: int) -> Iterator[RenderableType]:
    if report.score is not None:
        yield Text(f"Score {report.score:.0f}  {_scale(report, terminal, min(50, width - 20))}", style="heading")
    lines = [score_line(report), percentile_line(report)]
    if report.percentile and report.reference:
        lines.append(f"Compared with {one_line(report.reference)}")
    lines.append(summary_line(report))
    for line in filter(None, lines):
        yield Text(sentence_case(line))
    if spans := all_marked_spans(report):
        yield Text()
        yield _words(report, spans)
    yield Text()
    yield Text(NOT_MEANT, style="aside")
    for warning in report.warnings:
        yield Text(f"Warning: {one_line(warning)}", style="warning")


def _scale(report: ArticleReport, terminal: Terminal, cells: int) -> str:
    """The score and its interval on a line from 0 to 100."""
    outside, inside, point = "·━●" if terminal.unicode else ".=|"
    line = [outside] * (cells + 1)
    if report.interval is not None:
        low, high = (round(bound * cells / 100) for bound in report.interval)
        line[low : high + 1] = inside * (high + 1 - low)
    if report.score is not None:
        line[round(report.score * cells / 100)] = point
    return f"0 {''.join(line)} 100"


def _words(report: ArticleReport, spans: Sequence[Span]) -> RenderableType:
    """Each loaded word with its place, probability, category and neutral alternatives."""
    lines = Lines(report.article.text)
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(max_width=24)
    table.add_column(no_wrap=True)
    table.add_column()
    for span in spans:
        line, column = lines.position(span.start)
        notes = [CATEGORY_NAMES[span.category]] if span.category else []
        if not is_counted(report, span):
            notes.append("quoted, not counted")
        if span.alternatives:
            notes.append(f"try {', '.join(map(one_line, span.alternatives))}")
        style = "" if is_counted(report, span) else "quoted"
        cells = (f"{line}:{column}", one_line(span.text), f"{span.probability:.2f}", "; ".join(notes))
        table.add_row(*(Text(cell) for cell in cells), style=style)
    return Padding(table, (0, 0, 0, 2))
