"""What a report says in words, the same in every format."""

from __future__ import annotations

from collections.abc import Iterator

from bias.levels import Level
from bias.types import ArticleReport, Category, SentenceResult

NOT_MEANT = (
    "The score is the percentage of sentences that annotators would be expected to mark as opinionated. "
    "It measures wording: it does not say left or right, true or false, and a high score is no misconduct, "
    "for opinion is legitimate."
)
"""What the score measures, and what a reader could take it for and should not."""

CATEGORY_NAMES: dict[Category, str] = {
    "loaded_language": "loaded language",
    "name_calling": "name-calling",
    "exaggeration": "exaggeration",
    "doubt": "casting doubt",
    "appeal_to_fear": "appeal to fear",
    "flag_waving": "flag-waving",
}


STRENGTHS: dict[Level, str] = {"low": "slight", "medium": "marked", "high": "strong"}
"""How strongly a loaded word is marked."""


def sentence_case(line: str) -> str:
    """The line as a sentence: a capital first, a full stop last."""
    return f"{line[0].upper()}{line[1:].removesuffix('.')}."


def count(number: int, noun: str) -> str:
    """The number with its noun: "1 sentence", "3 sentences"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def population(report: ArticleReport) -> str:
    """Which sentences the score is a percentage of."""
    return "the outlet's own sentences" if report.quotes == "separate" else "all sentences, quotes included"


def score_line(report: ArticleReport) -> str:
    """What the score says: the expected percentage and its interval, or that there is none."""
    if report.score is None:
        return "no score: the outlet has no sentence of its own"
    line = f"expected {report.score:.0f} % of {population(report)}"
    if report.interval is None:
        return line
    low, high = report.interval
    return f"{line}, 95 % interval {low:.0f} to {high:.0f}"


def percentile_line(report: ArticleReport) -> str:
    """Where the score stands among the reference pages; empty without percentiles."""
    ranks = [f"{rank} % of {kind} pages" for kind, rank in (report.percentile or {}).items()]
    return f"higher than {' and '.join(ranks)}" if ranks else ""


def summary_line(report: ArticleReport) -> str:
    """Counts of sentences and loaded words, and of what is left out of them."""
    summary = report.summary
    line = (
        f"{summary['opinionated']} of {count(int(summary['sentences']), 'sentence')} opinionated, "
        f"{summary['quoted']} quoted; {count(int(summary['spans']), 'loaded term')} "
        f"({summary['spans_per_100_words']} in 100 words)"
    )
    return "; ".join((line, *left_out(report)))


def left_out(report: ArticleReport) -> Iterator[str]:
    """What the user keeps from being judged or shown, where there is any."""
    summary = report.summary
    if ignored := summary.get("ignored"):
        yield f"{count(int(ignored), 'sentence')} ignored"
    if allowed := summary.get("allowed"):
        yield f"{count(int(allowed), 'term')} allowed"
    if report.min_level != "low":
        yield f"findings below {report.min_level} not shown"
    if report.known:
        yield f"{count(len(report.known), 'finding')} of the baseline"


def categories_line(result: SentenceResult, least: float = 0.5) -> str:
    """The sentence's techniques at or above a probability, strongest first: "name-calling 0.82, doubt 0.61"."""
    ranked = sorted(result.categories.items(), key=lambda item: -item[1])
    return ", ".join(f"{CATEGORY_NAMES[name]} {value:.2f}" for name, value in ranked if value >= least)
