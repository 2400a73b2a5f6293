"""95 % intervals of figures over articles, from sums alone, so that no corpus is too large for them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from bias.training.evaluation.resampling import Figure, without_exception

_NORMAL = 1.959963984540054
_MANY = 1000
"""Degrees of freedom from which Student's quantile is the normal one, to 1 in 800."""


@cache
def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t with so many degrees of freedom, at least 1."""
    if freedom > _MANY:
        return _NORMAL
    low, high = 0.0, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < 0.95 else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """The probability of a value between -t and t: the finite series of Abramowitz and Stegun (1964), 26.7.3 and 4."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def mean(n: int, value: float, variance: float) -> Figure:
    """The mean of scores, 0 to 100, of `n` articles with its t interval; none for one article."""
    if n < 2:
        return Figure(value, math.nan, math.nan)
    half = student(n - 1) * math.sqrt(variance / n)
    return Figure(value, max(0.0, value - half), min(100.0, value + half))


@dataclass(frozen=True, slots=True)
class Sums:
    """Over articles: how many, and sums of hits y, of cases n, and of their products."""

    articles: int
    y: float
    n: float
    yy: float
    yn: float
    nn: float


def share(sums: Sums) -> Figure:
    """The share of hits among all cases, whose articles are drawn and not they themselves.

    The variance is that of a ratio of sums over clusters, linearised (Cochran 1977, Sampling Techniques, 6.3 and
    6.4); the interval is symmetric in the log odds, so it stays between 0 and 1. Where there is no hit or no miss at
    all, the bound is the exact one for as many independent cases as there are articles.
    """
    if not sums.n:
        return Figure(math.nan, math.nan, math.nan)
    p = sums.y / sums.n
    if sums.articles < 2:
        return Figure(p, math.nan, math.nan)
    if p in (0.0, 1.0):
        return without_exception(Figure(p, math.nan, math.nan), sums.articles)
    squares = max(0.0, sums.yy - 2 * p * sums.yn + p * p * sums.nn)
    error = math.sqrt(sums.articles / (sums.articles - 1) * squares) / sums.n
    half = student(sums.articles - 1) * error / (p * (1 - p))
    odds = math.log(p / (1 - p))
    return Figure(p, _inverse(odds - half), _inverse(odds + half))


def _inverse(log_odds: float) -> float:
    return 0.5 * (1 + math.tanh(log_odds / 2))
