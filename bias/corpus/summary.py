"""A finished corpus by groups: mean scores and shares with intervals, and the loaded terms that set a group apart.

DuckDB reads the Parquet files in streams, so a corpus may be larger than memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from bias.corpus.folder import Done
from bias.corpus.intervals import Sums, mean, share
from bias.corpus.terms import LEAST_ARTICLES, NOTABLE, Count, Term, compared
from bias.corpus.unit import ARTICLES, SENTENCES
from bias.errors import ColumnError, EmptyTextError, MissingExtraError, UsageError
from bias.training.evaluation.resampling import Figure

if TYPE_CHECKING:
    import pandas as pd

    from bias.training.evaluation.plotstyle import Picture

Rows = Literal["groups", "terms"]

DATES = {"year": "%Y", "month": "%Y-%m"}
"""Groups that are made of a date, unless the articles have a column of that name."""

DATE_COLUMN = "date"

NONE = "(none)"
"""How a group without a value is called."""


@dataclass(frozen=True, slots=True)
class Group:
    """Articles with the same values of the columns they are grouped by; None for an article without one.

    `score` is the mean of the articles' scores, `share` the share of opinionated among the sentences that count for
    the score.
    """

    key: tuple[str | None, ...]
    articles: int
    sentences: int
    words: int
    score: Figure
    share: Figure
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """Groups in the order of their keys; `unscored` articles are in none."""

    by: tuple[str, ...]
    groups: tuple[Group, ...]
    unscored: int

    def to_frame(self, rows: Rows = "groups") -> pd.DataFrame:
        """A pandas table with a row a group, or a row a term of a group (`terms`).

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError("a table for pandas", "notebook") from error
        return pd.DataFrame(self.rows() if rows == "groups" else self.term_rows())

    def plot(self) -> Picture:
        """The scores and shares with their intervals; a matplotlib figure, which a notebook shows by itself."""
        from bias.corpus.summaryplot import draw

        return draw(self)

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row a group, for a table."""
        for group in self.groups:
            yield {
                **dict(zip(self.by, group.key, strict=True)),
                "articles": group.articles,
                "sentences": group.sentences,
                "words": group.words,
                "score": round(group.score.value, 4),
                "score_low": round(group.score.low, 4),
                "score_high": round(group.score.high, 4),
                "opinionated": round(group.share.value, 6),
                "opinionated_low": round(group.share.low, 6),
                "opinionated_high": round(group.share.high, 6),
                "terms": "; ".join(term.text for term in group.terms),
            }

    def term_rows(self) -> Iterator[dict[str, Any]]:
        """A row a term of a group, for a table."""
        for group in self.groups:
            for term in group.terms:
                yield {
                    **dict(zip(self.by, group.key, strict=True)),
                    "term": term.text,
                    "uses": int(term.here.uses),
                    "articles": term.articles,
                    "per_100000_words": round(100_000 * term.here.uses / term.here.words, 3),
                    "elsewhere_per_100000_words": round(100_000 * term.elsewhere.uses / term.elsewhere.words, 3),
                    "log_odds": round(term.log_odds, 4),
                    "z": round(term.z, 3),
                }


def label(key: Sequence[str | None]) -> str:
    """What a group is called."""
    return ", ".join(NONE if part is None else part for part in key)


def summarise(done: Done, by: Sequence[str], *, date_column: str = DATE_COLUMN, terms: int = 5) -> Summary:
    """The groups of a corpus.

    Args:
        by: columns of the articles; `year` and `month` are made of the date.
        date_column: where the dates are, as dates or in ISO 8601.
        terms: how many loaded terms a group has at most: those used more often than in all others together
            (`bias.corpus.terms`), by z score. The prior weighs as much as the words of an average group.

    Raises:
        ColumnError: there is no such column.
        EmptyTextError: no article has a score.
        UsageError: no column is named, or one twice.
    """
    if not by or len(set(by)) < len(by):
        raise UsageError(f"--by takes names of columns, each once, not {','.join(by)!r}")
    with duckdb.connect(config=_CONFIG) as connection:
        described = connection.execute("SELECT * FROM read_parquet(?) LIMIT 0", [done.files(ARTICLES)]).description
        columns = [column[0] for column in described]
        keys = ", ".join(f"{_key(name, columns, date_column)} AS k{number}" for number, name in enumerate(by))
        connection.execute(_CHOSEN.format(keys=keys, articles=_table(done.files(ARTICLES))))
        names = ", ".join(f"k{number}" for number in range(len(by)))
        groups = [_group(row, len(by)) for row in connection.execute(_GROUPS.format(keys=names)).fetchall()]
        if not groups:
            raise EmptyTextError(f"{done.out}: no article has a score")
        found: dict[tuple[str | None, ...], list[Term]] = {}
        if terms and len(groups) > 1:
            counted = "true" if done.plan.run.settings.quotes == "include" else "span.voice = 'outlet'"
            sentences = _table(done.files(SENTENCES))
            query = _TERMS.format(keys=names, sentences=sentences, counted=counted, least=LEAST_ARTICLES)
            found = _terms(connection.execute(query).fetchall(), groups)
    kept = tuple(replace(group, terms=tuple(found.get(group.key, ())[:terms])) for group in groups)
    return Summary(tuple(by), kept, done.plan.rows - sum(group.articles for group in groups))


# Nothing is fetched, and what memory does not hold goes where temporary files go.
_CONFIG = {"autoinstall_known_extensions": "false", "temp_directory": tempfile.gettempdir()}
_CHOSEN = """
CREATE TEMP VIEW chosen AS
SELECT article, score, words, counted, opinionated, {keys} FROM {articles} WHERE score IS NOT NULL
"""
_GROUPS = """
SELECT {keys}, count(*), avg(score), coalesce(var_samp(score), 0), sum(words),
    sum(opinionated), sum(counted), sum(opinionated * opinionated), sum(opinionated * counted), sum(counted * counted)
FROM chosen GROUP BY ALL ORDER BY ALL
"""
_TERMS = r"""
WITH uses AS (
    SELECT article, {keys}, lower(regexp_replace(replace(span.text, '’', ''''), '\s+', ' ', 'g')) AS term
    FROM (SELECT article, unnest(spans) AS span FROM {sentences} WHERE len(spans) > 0)
    JOIN chosen USING (article) WHERE {counted}
), counts AS (
    SELECT {keys}, term, count(*) AS here, count(DISTINCT article) AS articles FROM uses GROUP BY ALL
), totals AS (
    SELECT *, sum(here) OVER (PARTITION BY term) AS everywhere FROM counts
)
SELECT {keys}, term, articles, here, everywhere FROM totals WHERE articles >= {least} ORDER BY ALL
"""


def _group(row: Sequence[Any], keys: int) -> Group:
    articles, score, variance, words, *sums = row[keys:]
    return Group(
        key=tuple(row[:keys]),
        articles=articles,
        sentences=int(sums[1]),
        words=int(words),
        score=mean(articles, score, variance),
        share=share(Sums(articles, *map(float, sums))),
    )


def _terms(rows: Sequence[Sequence[Any]], groups: Sequence[Group]) -> dict[tuple[str | None, ...], list[Term]]:
    """The notable terms of each group, the highest z score first."""
    words = {group.key: group.words for group in groups}
    total = sum(words.values())
    found: dict[tuple[str | None, ...], list[Term]] = {}
    for *key, text, articles, here, everywhere in rows:
        of = tuple(key)
        term = compared(text, articles, Count(here, words[of]), Count(int(everywhere), total), total / len(groups))
        if term.z >= NOTABLE:
            found.setdefault(of, []).append(term)
    return {key: sorted(terms, key=lambda term: (-term.z, term.text)) for key, terms in found.items()}


def _key(name: str, columns: Sequence[str], date_column: str) -> str:
    """The expression for a group's value."""
    if name in columns:
        return f"CAST({_quoted(name)} AS VARCHAR)"
    if name in DATES:
        if date_column in columns:
            return f"strftime(TRY_CAST({_quoted(date_column)} AS TIMESTAMP), '{DATES[name]}')"
        raise ColumnError(f"no column {date_column!r} to take the {name} of: name another by --date-column")
    raise ColumnError(f"no column {name!r} to group by, only {', '.join(columns)}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _table(files: Sequence[str]) -> str:
    """Files as a table; a view takes no parameters, so their names stand in the text."""
    return "read_parquet([" + ", ".join("'" + name.replace("'", "''") + "'" for name in files) + "])"
