"""Reports as text: for a terminal, a page, a spreadsheet or another program.

A renderer is a pure function from outcomes (reports, and failures of inputs that could not be read) to a string.
`full`, `concise`, `jsonl`, `markdown` and `github` are concatenative: rendering the outcomes one by one and joining the
results gives the same string, so that a command may print each as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pkgutil import resolve_name
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from bias.reporting.records import Outcome

Renderer: TypeAlias = "Callable[[Sequence[Outcome]], str]"

RENDERERS: Mapping[str, str] = {
    "full": "bias.reporting.terminal:render_full",
    "concise": "bias.reporting.concise:render_concise",
    "json": "bias.reporting.records:render_json",
    "jsonl": "bias.reporting.records:render_jsonl",
    "csv": "bias.reporting.records:render_csv",
    "markdown": "bias.reporting.markdown:render_markdown",
    "html": "bias.reporting.html:render_page",
    "sarif": "bias.reporting.sarif:render_sarif",
    "github": "bias.reporting.github:render_github",
}
"""Output format -> its renderer, by name: rich and jinja2 are slow to import, so only what is asked for is imported."""


def renderer(output_format: str) -> Renderer:
    """The renderer of an output format.

    Raises:
        KeyError: there is no such format.
    """
    found: Renderer = resolve_name(RENDERERS[output_format])
    return found
