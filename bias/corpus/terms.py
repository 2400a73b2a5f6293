"""Which loaded terms a group of articles uses more often than the others do."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST_ARTICLES = 3
"""A term in fewer articles of the group tells of those articles, not of the group."""

NOTABLE = 1.96
"""The z score from which a term is listed. It ranks; among thousands of terms some pass it by chance."""


@dataclass(frozen=True, slots=True)
class Count:
    """Uses of a term, and the words among which they stand."""

    uses: float
    words: float


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a group: in how many of its articles, its uses there and elsewhere, and how far apart they are."""

    text: str
    articles: int
    here: Count
    elsewhere: Count
    log_odds: float
    z: float


def log_odds(here: Count, elsewhere: Count, prior: Count) -> tuple[float, float]:
    """By how much the log odds of a term are higher here than elsewhere, and that in standard errors.

    The log-odds ratio with an informative Dirichlet prior of Monroe, Colaresi and Quinn (2008), "Fightin' Words:
    Lexical Feature Selection and Evaluation for Identifying the Content of Political Conflict", Political Analysis 16:
    the uses of each side are added to those of the prior, which draws rare terms to where they are alike; the
    variance is approximately the sum of the reciprocals of the two.

    Args:
        prior: uses to add on both sides, among words to add; what a corpus of that size has on average.
    """
    a, b = here.uses + prior.uses, elsewhere.uses + prior.uses
    rest_a, rest_b = here.words + prior.words - a, elsewhere.words + prior.words - b
    difference = math.log(a / rest_a) - math.log(b / rest_b)
    return difference, difference / math.sqrt(1 / a + 1 / b)


def compared(text: str, articles: int, here: Count, total: Count, prior_words: float) -> Term:
    """A term of a group against all that is not the group.

    Args:
        total: uses and words of the whole corpus, the group's among them.
        prior_words: how many words the prior weighs as much as.
    """
    elsewhere = Count(total.uses - here.uses, total.words - here.words)
    prior = Count(total.uses * prior_words / total.words, prior_words)
    return Term(text, articles, here, elsewhere, *log_odds(here, elsewhere, prior))
