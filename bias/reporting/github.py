"""Annotations of a GitHub workflow: commands in its log that show findings at their lines in a pull request.

The commands and their escapes are those of the "Workflow commands for GitHub Actions" in GitHub's documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bias.levels import Level
from bias.reporting.findings import Finding, Region, file_of, shown
from bias.reporting.marking import one_line, visible
from bias.reporting.records import Outcome
from bias.reporting.wording import percentile_line, score_line, sentence_case, summary_line
from bias.types import ArticleReport

_TITLE = "newsbias"
_KINDS: Mapping[Level, str] = {"low": "notice", "medium": "warning", "high": "error"}
_DATA_ESCAPES = {ord("%"): "%25", ord("\r"): "%0D", ord("\n"): "%0A"}
_PROPERTY_ESCAPES = {**_DATA_ESCAPES, ord(":"): "%3A", ord(","): "%2C"}


def escape_data(text: str) -> str:
    """The message of a command."""
    return text.translate(_DATA_ESCAPES)


def escape_property(text: str) -> str:
    """The value of a property of a command."""
    return text.translate(_PROPERTY_ESCAPES)


def render_github(outcomes: Sequence[Outcome]) -> str:
    """A command for each opinionated sentence, of its level or that of its strongest word; a notice for each warning
    and each score; an error for each failure.

    Every line is a command, so that nothing an article says can be one. Columns are given for a sentence on one line,
    as GitHub takes them for no other.
    """
    return "".join(f"{line}\n" for outcome in outcomes for line in _commands(outcome))


def _commands(outcome: Outcome) -> Iterator[str]:
    if not isinstance(outcome, ArticleReport):
        yield _command("error", outcome.source, f"{_TITLE}: not read", one_line(str(outcome.error)))
        return
    source = outcome.article.source
    for finding in shown(outcome):
        title = f"{_TITLE}: opinionated {finding.probability:.2f}"
        yield _command(_KINDS[finding.shown_level], source, title, _message(finding), finding.region)
    for warning in outcome.warnings:
        yield _command("notice", source, f"{_TITLE}: warning", one_line(warning))
    said = (score_line(outcome), percentile_line(outcome), summary_line(outcome))
    yield _command("notice", source, _TITLE, " ".join(sentence_case(line) for line in said if line))


def _message(finding: Finding) -> str:
    """A line for the sentence, one for each loaded word, and where they stand if no region tells."""
    lines = [finding.message, *(word.message for word in finding.words)]
    if finding.place:
        lines.append(sentence_case(finding.place))
    return "\n".join(lines)


def _command(kind: str, source: str, title: str, message: str, region: Region | None = None) -> str:
    file, row = file_of(source)
    properties: dict[str, str | int] = {"file": visible(file)}
    if region is not None:
        properties |= {"line": region.start_line, "endLine": region.end_line}
        if region.start_line == region.end_line:
            properties |= {"col": region.start_column, "endColumn": region.end_column}
    properties["title"] = title if row is None else f"{title} (row {row})"
    listed = ",".join(f"{name}={escape_property(str(value))}" for name, value in properties.items())
    return f"::{kind} {listed}::{escape_data(message)}"
