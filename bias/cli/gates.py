"""The gates of `bias score`: what a user's limits say of an article, and what a baseline knows of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from bias.cli.status import ExitStatus
from bias.cli.streams import complain, note
from bias.errors import UsageError
from bias.reporting.wording import count
from bias.types import ArticleReport

if TYPE_CHECKING:
    from bias.reporting.baseline import Baseline
    from bias.reporting.records import Outcome
    from bias.settings import Settings

LISTED = 10
"""So many sentences with findings that are gone are told one by one."""


class Gates:
    """The limits, applied article by article.

    Args:
        baseline: the file of the findings that are known, if there is one.
        update: whether to write that file anew in the end; then no finding fails, as all are known from now on.

    Raises:
        UsageError: the baseline is to be written and not named, or is not there.
        InputError: it cannot be read, or is no baseline.
    """

    def __init__(self, baseline: Path | None, update: bool) -> None:
        if baseline is None and update:
            raise UsageError("--update-baseline has no file to write: name it with --baseline")
        if baseline is not None and not update and not baseline.exists():
            raise UsageError(f"there is no baseline {baseline}: make it with --update-baseline")
        self._baseline: Baseline | None = None
        self._update = update
        self.status = ExitStatus.DONE
        if baseline is not None:
            from bias.reporting.baseline import Baseline

            self._baseline = Baseline(baseline)

    def passed(self, outcome: Outcome, settings: Settings) -> Outcome:
        """The outcome as it is to be shown; complaints are told, and the worst of all is the `status`."""
        if not isinstance(outcome, ArticleReport):
            self._fail(ExitStatus.ERROR, f"{outcome.source}: {outcome.error}")
            return outcome
        report = replace(outcome, min_level=settings.min_level)
        if self._baseline is not None:
            report = replace(report, known=self._baseline.known(report))
        for line in _exceeded(report, settings, checks_findings=not self._update):
            self._fail(ExitStatus.EXCEEDED, line)
        return report

    def close(self) -> None:
        """Write the baseline if that was asked for, and tell how it differs.

        Raises:
            OutputError: it cannot be written.
        """
        if self._baseline is None:
            return
        changes = self._baseline.changes
        name = self._baseline.path
        gone = Counter(f'{known.file}: "{known.sentence}"' for known in changes.gone)
        for place, number in islice(gone.items(), LISTED):
            note(f"gone: {place} ({count(number, 'finding')})")
        if len(gone) > LISTED:
            note(f"gone: {count(len(gone) - LISTED, 'more sentence')}")
        if self._update:
            self._baseline.update()
            dropped = f"{len(changes.gone)} gone and dropped"
            note(f"{name}: {count(changes.added, 'finding')} added, {changes.kept} kept, {dropped}")
        elif changes.gone:
            note(f"{name}: {count(len(changes.gone), 'finding')} gone: drop them with --update-baseline")

    def _fail(self, status: ExitStatus, line: str) -> None:
        self.status = max(self.status, status)
        complain(line)


def _exceeded(report: ArticleReport, settings: Settings, *, checks_findings: bool) -> Iterator[str]:
    """A line for each limit that an article exceeds."""
    source = report.article.source
    if settings.fail_above is not None and report.score is not None and report.score > settings.fail_above:
        yield f"{source}: score {report.score:.1f} is above {settings.fail_above:g}"
    if settings.fail_level is not None and checks_findings:
        from bias.reporting.findings import reaching

        if found := reaching(report, settings.fail_level):
            new = "" if report.known is None else "new "
            above = "" if settings.fail_level == "high" else " or above"
            yield f"{source}: {count(len(found), f'{new}finding')} of level {settings.fail_level}{above}"
