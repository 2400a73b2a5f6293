"""Bias and loaded language in news: calibrated, with exact offsets, the outlet's voice kept apart from its sources'.

>>> import bias
>>> report = bias.score("The talks ended on Monday. These warmongering officials were hellbent on war.")
>>> [result.label for result in report.sentences]
['neutral', 'opinionated']
>>> "hellbent" in [span.text for span in report.spans]
True
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bias.errors import BiasError
from bias.types import Article, ArticleReport, QuotesMode, Sentence, Span

if TYPE_CHECKING:
    from bias.comparing import compare
    from bias.detector import Detector
    from bias.reading import read

__version__ = "0.1.0"

__all__ = ["Article", "ArticleReport", "BiasError", "Detector", "Sentence", "Span", "compare", "read", "score"]

_LAZY = {"Detector": "bias.detector", "compare": "bias.comparing", "read": "bias.reading"}


def score(
    article: Article | str,
    *,
    prior: str = "news",
    quotes: QuotesMode = "separate",
    threshold: float | None = None,
    allow: Sequence[str] = (),
) -> ArticleReport:
    """The report of one article by the shipped model, loaded once; `Detector` is for any other."""
    return _shipped().score(article, prior=prior, quotes=quotes, threshold=threshold, allow=allow)


@cache
def _shipped() -> Detector:
    from bias.detector import Detector

    return Detector()


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'bias' has no attribute {name!r}")
