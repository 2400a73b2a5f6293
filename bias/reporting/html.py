"""Reports as HTML: a page to keep, print and send, and a fragment for notebooks.

Both are self-contained: no request, no script but the one that sorts the index of a page, and a content security policy
that would refuse any other. Everything that comes from an article is escaped by Jinja and made `visible` first.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from bias.comparing import Comparison
from bias.reporting import wording
from bias.reporting.marking import (
    all_marked_spans,
    is_aside,
    is_counted,
    is_marked,
    marked_spans,
    paragraphs,
    pieces,
    strongest,
    terms_of,
    visible,
)
from bias.reporting.records import Outcome
from bias.types import ArticleReport


def render_page(outcomes: Sequence[Outcome]) -> str:
    """A page of all outcomes in their order; with more than one, or a failure, an index comes first.

    An index of several articles can be sorted, by a small script; that is all that it is for.
    """
    reports = [outcome for outcome in outcomes if isinstance(outcome, ArticleReport)]
    alone = reports[0].article if len(reports) == len(outcomes) == 1 else None
    title = (alone.title or alone.source) if alone else f"Loaded language in {wording.count(len(reports), 'article')}"
    entries = [
        {"id": f"a{number}", "outcome": outcome, "is_report": isinstance(outcome, ArticleReport)}
        for number, outcome in enumerate(outcomes, 1)
    ]
    template = _environment().get_template("page.html.jinja")
    page = {"title": title, "entries": entries, "indexed": alone is None}
    return _exact(template.render(**page, script_hash=_script_hash() if len(reports) > 1 else None))


def render_fragment(report: ArticleReport, *, marks: Mapping[int, str] | None = None) -> str:
    """One report as a `div` with its own style sheet, whose rules reach nothing outside it.

    Every sentence is an element with `data-index`, `data-start` and `data-end`, every loaded word one with its offsets:
    what a page or a widget takes clicks by.

    Args:
        marks: what a reviewer decided on a sentence, by its index: "accepted", "rejected" or "changed".
    """
    digest = hashlib.sha256(repr((report.article, report.threshold)).encode()).hexdigest()
    template = _environment().get_template("fragment.html.jinja")
    return _exact(template.render(report=report, id=f"nb-{digest[:8]}", decisions=marks or {}))


def render_comparison(comparison: Comparison, *, page: bool = False) -> str:
    """Articles side by side, as a `div` like that of `render_fragment` or as a page."""
    reports = comparison.reports
    digest = hashlib.sha256(repr([(report.article, report.threshold) for report in reports]).encode()).hexdigest()
    template = _environment().get_template("comparison.html.jinja")
    ranked = list(dict.fromkeys(kind for report in reports for kind in report.percentile or {}))
    return _exact(template.render(of=comparison, id=f"nb-{digest[:8]}", page=page, ranked=ranked))


def _exact(html: str) -> str:
    """Carriage returns as references: a parser makes line feeds of bare ones, and offsets would slip."""
    return html.replace("\r", "&#13;")


@cache
def _script_hash() -> str:
    """The script that sorts, as a content security policy lets it run (CSP level 3, hash-source)."""
    environment = _environment()
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, "sort.js")
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bias.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["zip"] = zip
    environment.globals |= {
        "paragraphs": paragraphs,
        "pieces": pieces,
        "is_aside": is_aside,
        "all_marked_spans": all_marked_spans,
        "is_counted": is_counted,
        "is_marked": is_marked,
        "marked_spans": marked_spans,
        "strongest": strongest,
        "terms_of": terms_of,
        "say": wording,
    }
    return environment


def _finalize(value: object) -> str:
    """What Jinja prints for a value, before it escapes it; markup stays markup."""
    return visible(value if isinstance(value, str) else str(value))
