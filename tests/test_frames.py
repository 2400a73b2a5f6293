"""Tables of reports: what stands in them, and types that do not hang on the rows."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from factories import harbour, loaded, report, sentence

from bias.errors import MissingExtraError, UsageError
from bias.frames import COLUMNS, to_frame
from bias.types import CATEGORIES, Article, ArticleReport

pytest.importorskip("pandas")


def bare() -> ArticleReport:
    """A report in which nothing is known that need not be."""
    given = report([sentence("Rain fell.")], score=None, interval=None, percentile=None, reference=None)
    return replace(given, sentences=())


def test_a_row_a_sentence_has_the_values_of_the_record() -> None:
    given = harbour()
    table = given.to_frame()
    records = given.to_dict()["sentences"]
    assert list(table.columns) == list(COLUMNS["sentences"])
    for name in ("index", "paragraph", "start", "end", "text", "voice", "probability", "outlet_probability", "label"):
        assert table[name].tolist() == [record[name] for record in records]
    text = given.article.text
    assert all(text[row.start : row.end] == row.text for row in table.itertuples())
    assert table.speaker.dropna().tolist() == ["Tomás Reyes", "Ms. Lindqvist", "Priya Raman", "Priya Raman"]
    assert table.name_calling[1] == 0.91
    assert table[list(CATEGORIES)].notna().sum().sum() == sum(len(record["categories"]) for record in records)


def test_the_words_of_the_outlet_and_those_it_quotes_are_apart() -> None:
    table = harbour().to_frame()
    assert (table.spans[1], table.quoted_spans[1]) == ("rammed through; cronies", "")
    assert (table.spans[2], table.quoted_spans[2]) == ("", "shameless giveaway")


def test_the_counted_rows_are_those_that_the_score_rests_on() -> None:
    given = harbour()
    table = given.to_frame()
    assert table.index[~table.counted].tolist() == [2, 8, 9]
    assert replace(given, quotes="include").to_frame().counted.all()
    spans = given.to_frame("spans")
    assert spans.counted.sum() == given.summary["spans"]
    assert replace(given, quotes="include").to_frame("spans").counted.all()


def test_a_row_a_loaded_word_stands_where_it_says() -> None:
    given = harbour()
    table = given.to_frame("spans")
    text = given.article.text
    assert [text[row.start : row.end] for row in table.itertuples()] == [span.text for span in given.spans]
    assert all(row.text in row.sentence_text for row in table.itertuples())
    assert table.alternatives[0] == "passed; approved"
    assert table.why.isna().sum() == 0


def test_a_row_an_article_holds_the_summary() -> None:
    given = harbour()
    table = to_frame([given, bare()], "articles", ["one", "two"])
    assert table.article.tolist() == ["one", "two"]
    first = table.iloc[0]
    assert (first.score, first.interval_low, first.percentile_news, first.opinionated) == (24.6, 11.2, 86, 3)
    assert table.iloc[1][["score", "interval_high", "percentile_opinion"]].isna().all()


@pytest.mark.parametrize("rows", list(COLUMNS))
def test_the_types_do_not_hang_on_the_rows(rows: str) -> None:
    full, empty, both = (to_frame(given, rows) for given in ([harbour()], [bare()], [bare(), harbour()]))
    assert full.dtypes.to_dict() == empty.dtypes.to_dict() == both.dtypes.to_dict()
    assert {name: str(kind) for name, kind in full.dtypes.items()} == COLUMNS[rows]


def test_a_lone_surrogate_does_not_break_the_table() -> None:
    given = replace(harbour(), article=Article("x", source="a\ud800b"))
    assert given.to_frame().source[0] == "a\ufffdb"


def test_a_threshold_changes_the_labels_of_the_table_alone() -> None:
    given = report([sentence("The reckless council voted.", 0.6, loaded("reckless"))])
    table, moved = given.to_frame(), given.at(0.7).to_frame()
    assert (table.label[0], moved.label[0]) == ("opinionated", "neutral")
    assert moved.level.isna().all()
    judged = ["label", "level"]
    assert table.drop(columns=judged).equals(moved.drop(columns=judged))


def test_other_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="articles, sentences, spans, not 'words'"):
        harbour().to_frame("words")


def test_without_pandas_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'newsbias\[notebook\]'"):
        harbour().to_frame()


def test_a_table_goes_to_json_and_back() -> None:
    table = harbour().to_frame()
    assert len(json.loads(table.to_json(orient="records"))) == len(harbour().sentences)
