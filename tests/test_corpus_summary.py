from __future__ import annotations

import csv
import json
import math
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import write_corpus
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bias.cli import main
from bias.corpus import intervals
from bias.corpus.folder import read_done
from bias.corpus.intervals import Sums
from bias.corpus.summary import Group, Summary, summarise
from bias.corpus.summaryplot import draw
from bias.corpus.terms import Count, compared, log_odds
from bias.errors import ColumnError, OutputError, UsageError
from bias.training.evaluation.resampling import Figure

# Terms


def test_the_log_odds_of_an_example_done_by_hand() -> None:
    # 10 uses in 1,000 words against 5 in 2,000, and a prior of 7.5 in 1,500:
    # ln(17.5 / 2482.5) - ln(12.5 / 3487.5) = -4.95482 + 5.63121, over the root of 1 / 17.5 + 1 / 12.5.
    difference, z = log_odds(Count(10, 1000), Count(5, 2000), Count(7.5, 1500))
    assert difference == pytest.approx(0.67639, abs=1e-5)
    assert z == pytest.approx(0.67639 / 0.370328, abs=1e-4)


COUNTS = st.tuples(st.integers(0, 500), st.integers(0, 50_000)).map(lambda pair: Count(pair[0], sum(pair) + 1))
PRIORS = st.tuples(st.floats(0.01, 500), st.floats(1, 50_000)).map(lambda pair: Count(pair[0], sum(pair)))


@given(COUNTS, COUNTS, PRIORS)
def test_what_is_more_here_is_as_much_less_there(a: Count, b: Count, prior: Count) -> None:
    assert log_odds(a, b, prior) == pytest.approx(tuple(-x for x in log_odds(b, a, prior)))


@given(st.integers(1, 500), st.integers(1, 5000), st.integers(1, 50), st.integers(1, 50), st.floats(1, 1e6))
def test_the_same_rate_is_no_difference(uses: int, more: int, a: int, b: int, prior_words: float) -> None:
    here, there = Count(a * uses, a * (uses + more)), Count(b * uses, b * (uses + more))
    total = Count(here.uses + there.uses, here.words + there.words)
    term = compared("x", 3, here, total, prior_words)
    assert (term.log_odds, term.z) == pytest.approx((0, 0), abs=1e-7)


@given(COUNTS, PRIORS)
def test_more_uses_are_a_higher_score(count: Count, prior: Count) -> None:
    there = Count(20, 40_000)
    few, many = (log_odds(Count(count.uses + n, count.words + 20), there, prior) for n in (1, 11))
    assert many > few


def test_a_rare_term_counts_for_less_than_a_common_one_of_the_same_ratio() -> None:
    rare = compared("x", 3, Count(3, 100_000), Count(4, 400_000), 100_000)
    common = compared("x", 3, Count(30, 100_000), Count(40, 400_000), 100_000)
    assert 0 < rare.z < common.z


# Intervals


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 10, 29, 30, 99, 500, 999, 1000, 5000])
def test_students_quantile(freedom: int) -> None:
    assert intervals.student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=2e-3 if freedom > 999 else 1e-9)


def test_the_interval_of_a_mean_is_students() -> None:
    scores = np.array([3.0, 8.0, 1.0, 12.0, 6.0])
    found = intervals.mean(len(scores), scores.mean(), scores.var(ddof=1))
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 4, scores.mean(), stats.sem(scores)))
    assert not intervals.mean(1, 5.0, 0.0).bounded
    assert intervals.mean(2, 1.0, 50.0).low == 0


def sums(y: Any, n: Any) -> Sums:
    y, n = np.asarray(y, float), np.asarray(n, float)
    return Sums(len(y), *(float(x) for x in (y.sum(), n.sum(), (y * y).sum(), (y * n).sum(), (n * n).sum())))


def test_an_interval_of_a_share_holds_it_in_95_of_100_samples_of_articles() -> None:
    chance = np.random.default_rng(3)
    held, alike = 0, 0
    rounds = 1500
    for _ in range(rounds):
        n = chance.integers(5, 60, size=40)
        y = chance.binomial(n, chance.beta(1.5, 13.5, size=40))  # each article has a share of its own; the mean is 0.1
        found = intervals.share(sums(y, n))
        held += found.low <= 0.1 <= found.high
        simple = 1.96 * math.sqrt(found.value * (1 - found.value) / n.sum())  # as if sentences were drawn one by one
        alike += abs(found.value - 0.1) <= simple
    assert 0.93 < held / rounds < 0.97
    assert alike / rounds < 0.85


def test_a_share_of_none_or_all_has_the_exact_bound_of_as_many_cases_as_articles() -> None:
    none, every = intervals.share(sums([0, 0, 0], [5, 5, 5])), intervals.share(sums([5, 5, 5], [5, 5, 5]))
    assert (none.low, none.high) == pytest.approx((0, 1 - 0.025 ** (1 / 3)))
    assert (every.low, every.high) == pytest.approx((0.025 ** (1 / 3), 1))
    assert not intervals.share(sums([2], [5])).bounded
    assert not intervals.share(sums([0], [0])).defined


# The corpus


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus with the shipped model, for what is in it is known."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder / "in.jsonl", of_each=3)
    assert main(["corpus", "run", str(folder / "in.jsonl"), "-o", str(folder / "out"), "--jobs", "1"]) == 0
    return folder / "out"


def test_groups_are_what_a_loop_over_the_rows_finds(scored: Path) -> None:
    import pyarrow.parquet as pq

    articles = pq.read_table(scored / "articles").to_pylist()
    found = summarise(read_done(scored), ["outlet", "section"])
    assert [group.key for group in found.groups] == sorted({(row["outlet"], row["section"]) for row in articles})
    for group in found.groups:
        own = [row for row in articles if (row["outlet"], row["section"]) == group.key]
        assert group.articles == len(own) == 12
        assert group.score.value == pytest.approx(np.mean([row["score"] for row in own]))
        assert group.share.value == sum(r["opinionated"] for r in own) / sum(r["counted"] for r in own)
        assert group.score.low < group.score.value < group.score.high
    assert found.unscored == 0


def test_uses_of_terms_are_what_a_loop_over_the_spans_finds(scored: Path) -> None:
    import pyarrow.parquet as pq

    outlets = {row["article"]: row["outlet"] for row in pq.read_table(scored / "articles").to_pylist()}
    uses: Counter[tuple[str, str]] = Counter()
    within: dict[tuple[str, str], set[int]] = {}
    for row in pq.read_table(scored / "sentences").to_pylist():
        for span in row["spans"]:
            if span["voice"] == "outlet":
                key = outlets[row["article"]], span["text"].lower()
                uses[key] += 1
                within.setdefault(key, set()).add(row["article"])
    found = list(summarise(read_done(scored), ["outlet"], terms=50).term_rows())
    assert len(found) > 10
    for row in found:
        key = row["outlet"], row["term"]
        assert (row["uses"], row["articles"]) == (uses[key], len(within[key]))


def test_opinion_is_above_news_and_the_terms_are_those_put_in(scored: Path) -> None:
    by_section = {group.key[0]: group for group in summarise(read_done(scored), ["section"]).groups}
    assert by_section["opinion"].score.low > by_section["news"].score.high
    by_outlet = {g.key[0]: {term.text for term in g.terms} for g in summarise(read_done(scored), ["outlet"]).groups}
    left, right = by_outlet["Northfield Courier"], by_outlet["Southgate Tribune"]
    assert any(word in " ".join(left) for word in ("thugs", "nanny", "woke", "job-killing"))
    assert any(word in " ".join(right) for word in ("vultures", "robber", "reactionary", "heartless", "greed"))
    assert not left & right


def test_months_and_years_come_from_the_date(scored: Path) -> None:
    months = summarise(read_done(scored), ["outlet", "month"], terms=0)
    assert {group.key[1] for group in months.groups} == {"2026-01", "2026-02", "2026-03", "2026-04"}
    assert not any(group.terms for group in months.groups)
    (year,) = summarise(read_done(scored), ["year"]).groups
    assert (year.key, year.articles, year.terms) == (("2026",), 60, ())
    with pytest.raises(ColumnError, match="name another by --date-column"):
        summarise(read_done(scored), ["month"], date_column="day")


def test_dates_of_every_type_and_columns_of_any_name(tiny_folder: Path, tmp_path: Path) -> None:
    import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    day = datetime.datetime(2025, 7, 3, 12, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "text": ["The vote was on Monday. It passed.", "   ", "The vote was on Monday."],
            "when": pa.array([day, day, None], pa.timestamp("us", "UTC")),
            "day": [day.date(), day.date(), None],
            "said": ["2025-07-03T12:00:00Z", "2025", "in July"],
            'a "b"\'; --': ["x", "y", None],
        }
    )
    pq.write_table(table, tmp_path / "it's.parquet")
    out = tmp_path / "it's out"
    command = ["corpus", "run", str(tmp_path / "it's.parquet"), "-o", str(out), "--model", str(tiny_folder)]
    assert main([*command, "--jobs", "1"]) == 2
    for column in ("when", "day", "said"):
        found = summarise(read_done(out), ["month"], date_column=column)
        assert [group.key for group in found.groups] == [("2025-07",), (None,)]
        assert found.unscored == 1
    assert [group.key for group in summarise(read_done(out), ['a "b"\'; --']).groups] == [("x",), (None,)]


def test_what_cannot_be_summed_up_is_told(
    scored: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for by, error, message in (
        (["outlets"], ColumnError, "no column 'outlets' to group by, only article"),
        ([], UsageError, "--by takes names"),
        (["outlet", "outlet"], UsageError, "each once"),
    ):
        with pytest.raises(error, match=message):
            summarise(read_done(scored), by)
    with pytest.raises(OutputError, match="holds no corpus run"):
        read_done(tmp_path)
    assert main(["corpus", "summary", str(scored), "--by", "outlet", "-o", str(tmp_path / "x.pdf")]) == 2
    assert "a summary goes to .csv" in capsys.readouterr().err
    manifest = scored / "manifest.jsonl"
    content = manifest.read_bytes()
    try:
        manifest.write_bytes(b"")
        with pytest.raises(OutputError, match="is not finished, 1 of 1 shards are missing"):
            read_done(scored)
    finally:
        manifest.write_bytes(content)
    (tmp_path / "empty.jsonl").write_text('{"text": " "}\n')
    run = ["corpus", "run", str(tmp_path / "empty.jsonl"), "-o", str(tmp_path / "e"), "--model", str(tiny_folder)]
    assert main(run) == 2
    assert main(["corpus", "summary", str(tmp_path / "e"), "--by", "source"]) == 2
    assert "no article has a score" in capsys.readouterr().err


def test_the_command_prints_a_table_and_writes_the_same_to_files(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    capsys.readouterr()
    assert main(["corpus", "summary", str(scored), "--by", "outlet,section"]) == 0
    shown = capsys.readouterr().out
    files = [tmp_path / name for name in ("x.csv", "x.png", "x.svg", "x.parquet")]
    options = [part for path in files for part in ("-o", str(path))]
    command = [
        "corpus",
        "summary",
        str(scored),
        "--by",
        "outlet, section",
        *options,
        "--terms-file",
        str(tmp_path / "t.jsonl"),
    ]
    assert main(command) == 0
    assert capsys.readouterr().out == ""
    with files[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    told = [tuple(map(float, each)) for each in re.findall(r"(\d+\.\d) +\((\d+\.\d) to (\d+\.\d)\)", shown)]
    for row in rows:
        figures = tuple(float(row[name]) for name in ("score", "score_low", "score_high"))
        assert any(each == pytest.approx(figures, abs=0.0501) for each in told)  # rounded from more places
        assert row["outlet"].split()[0] in shown
    assert "It measures wording" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert "Mean score" in re.sub(r"<!-- | -->", "", files[2].read_text())
    terms = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert terms
    assert all(term["z"] >= 1.96 and term["articles"] >= 3 for term in terms)
    assert all(term["per_100000_words"] > term["elsewhere_per_100000_words"] for term in terms)


def group(*key: str | None, articles: int = 5, score: float = 4.0) -> Group:
    bounded = Figure(score, score / 2, score * 2)
    return Group(key, articles, 10 * articles, 100 * articles, bounded, Figure(0.1, 0.05, 0.2))


def texts(picture: Any) -> str:
    import matplotlib.text

    return " ".join(text.get_text() for text in picture.findobj(matplotlib.text.Text))


def test_of_too_many_groups_the_largest_are_drawn_and_that_is_said() -> None:
    many = Summary(("outlet",), tuple(group(f"Paper {n:03d}", articles=n) for n in range(1, 61)), 0)
    picture = draw(many)
    assert "the 40 of 60 groups with the most articles" in texts(picture)
    assert "Paper 060" in texts(picture)
    assert "Paper 020  " not in texts(picture)


def test_a_picture_over_time_has_a_panel_a_line() -> None:
    months = [f"2025-{m:02d}" for m in range(1, 13)]
    lines = tuple(group(f"P{n:02d}", month) for n in range(14) for month in months)
    picture = draw(Summary(("outlet", "month"), (*lines, group("P00", None)), 0))
    assert sum(axes.get_visible() for axes in picture.axes) == 12
    assert "the 12 of 14 lines with the most articles" in texts(picture)
    alone = draw(Summary(("month",), tuple(group(month) for month in months), 0))
    assert "2025-01" in texts(alone)
    single = Figure(4.0, math.nan, math.nan)
    draw(Summary(("outlet",), (Group(("x",), 1, 3, 50, single, single),), 0))


def test_no_torch_is_loaded() -> None:
    code = (
        "import sys, bias.corpus.summary, bias.corpus.summaryplot, bias.corpus.localpool, bias.cli.corpus; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'ray', 'matplotlib.pyplot')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
