"""Verdicts on sentences, and the rows for training that they come to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from bias.detector import Detector
from bias.errors import DataError
from bias.review.agreement import agreement
from bias.review.corrections import (
    Correction,
    correction_of,
    latest,
    taken_back,
    to_examples,
)
from bias.training.data.examples import withhold
from bias.training.data.readers import load_data
from bias.types import ArticleReport, Label
from bias.words import WORD

TEXT = (
    "The reckless council voted on Monday. "
    'The "shameless, greedy" plan, the mayor said, would hand her friends a pier. '
    "Voters queued in the rain."
)


@pytest.fixture(scope="module")
def report(tiny_detector: Detector) -> ArticleReport:
    return tiny_detector.score(TEXT)


def verdict(
    report: ArticleReport, index: int, label: Label | None, words: str | None = None, reviewer: str = "ana"
) -> Correction:
    spans = None
    if words is not None:
        start = report.article.text.index(words)
        spans = [(start, start + len(words))]
    return correction_of(
        report, report.sentences[index], reviewer=reviewer, label=label, spans=spans, time="2026-01-01"
    )


def test_a_verdict_survives_json(report: ArticleReport) -> None:
    made = verdict(report, 0, "opinionated", "reckless")
    assert Correction.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"label": "bad"}, "a label is neutral or opinionated"),
        ({"spans": [[5, 2]]}, "inside the sentence"),
        ({"spans": [[0, 900]]}, "inside the sentence"),
        ({"spans": [[4, 12], [8, 20]]}, "apart"),
        ({"spans": [["a", "b"]]}, "whole numbers"),
        ({"spans": 5}, "not a correction"),
        ({"text": None}, "another kind"),
        ({"index": "1"}, "another kind"),
        ({"more": 1}, "unknown: more"),
    ],
)
def test_what_is_no_verdict_is_refused(report: ArticleReport, changes: dict[str, object], fault: str) -> None:
    values = verdict(report, 0, "opinionated", "reckless").to_dict() | changes
    with pytest.raises(DataError, match=fault):
        Correction.from_dict(values)


def test_a_decision_tells_what_the_verdict_does(report: ArticleReport) -> None:
    made = verdict(report, 0, "opinionated", "reckless")
    marked = replace(made, scored="opinionated", marked=made.spans)
    assert marked.decision == "accepted"
    assert replace(marked, label="neutral", spans=()).decision == "rejected"
    assert replace(marked, spans=()).decision == "changed"
    assert replace(marked, scored="neutral").decision == "changed"
    assert replace(marked, scored="neutral", label="neutral", spans=()).decision == "accepted"
    assert taken_back(marked).decision is None


@given(st.integers(0, 36), st.integers(1, 20))
def test_spans_are_widened_to_whole_words(report: ArticleReport, start: int, length: int) -> None:
    sentence = report.sentences[0]
    words = {edge for match in WORD.finditer(sentence.sentence.text) for edge in match.span()}
    try:
        made = correction_of(
            report, sentence, reviewer="ana", label="opinionated", spans=[(start, start + length)], time=""
        )
    except DataError:
        end = start + length
        inside = end <= len(sentence.sentence.text)
        assert not inside or not any(m.start() < end and start < m.end() for m in WORD.finditer(sentence.sentence.text))
    else:
        ((first, last),) = made.spans
        assert {first, last} <= words
        assert first < start + length
        assert start < last


def test_the_last_verdict_of_each_reviewer_stands(report: ArticleReport) -> None:
    one, two = verdict(report, 0, "opinionated", "reckless"), verdict(report, 0, "neutral")
    other, gone = verdict(report, 0, "neutral", reviewer="ben"), taken_back(verdict(report, 2, "neutral"))
    assert latest([one, verdict(report, 2, "neutral"), two, other, gone]) == [two, other]
    assert latest([two, one]) == [one]


def test_rows_train(report: ArticleReport, tmp_path: Path) -> None:
    corrections = [
        verdict(report, 0, "opinionated", "reckless"),
        verdict(report, 1, "neutral"),
        verdict(report, 2, "neutral"),
    ]
    rows = to_examples(corrections)
    assert rows[1]["text"] == 'The "..." plan, the mayor said, would hand her friends a pier.'
    path = tmp_path / "reviewed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    examples = load_data([str(path)]).examples
    assert [example.label for example in examples] == [1.0, 0.0, 0.0]
    assert examples[0].spans == ((4, 12),)
    assert len({example.group for example in examples}) == 1


def test_a_verdict_on_the_outlets_words_is_learned_with_the_quote_withheld(
    report: ArticleReport, tmp_path: Path
) -> None:
    (row,) = to_examples([verdict(report, 1, "opinionated", "friends")])
    assert row["text"] == 'The "..." plan, the mayor said, would hand her friends a pier.'
    path = tmp_path / "reviewed.jsonl"
    path.write_text(json.dumps(row), "utf-8")
    (learned,) = withhold(load_data([str(path)]).examples[0])
    assert learned.label == learned.outlet_label == 1.0
    ((start, end),) = learned.spans or ()
    assert learned.text[start:end] == "friends"


def test_words_that_nobody_named_are_not_known(report: ArticleReport, tmp_path: Path) -> None:
    bare = replace(verdict(report, 0, "opinionated", "reckless"), spans=())
    path = tmp_path / "reviewed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in to_examples([bare, verdict(report, 2, "neutral")])))
    assert [example.spans for example in load_data([str(path)]).examples] == [None, ()]


def test_quoted_speech_is_not_marked(report: ArticleReport) -> None:
    with pytest.raises(DataError, match="quoted speech"):
        verdict(report, 1, "opinionated", "greedy")


def test_a_quote_throughout_gives_no_row(report: ArticleReport) -> None:
    made = verdict(report, 2, "neutral")
    assert to_examples([replace(made, withheld=((0, len(made.text) - 1),))]) == []


LABELS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=12)


@given(LABELS)
def test_agreement_is_cohens(report: ArticleReport, labels: list[tuple[bool, bool]]) -> None:
    names: tuple[Label, Label] = ("neutral", "opinionated")
    one, other = (
        [
            replace(verdict(report, 0, names[pair[i]], reviewer=reviewer), start=number, end=number + 50)
            for number, pair in enumerate(labels)
        ]
        for i, reviewer in enumerate(("ana", "ben"))
    )
    found = agreement(one, other)
    first, second = ([pair[i] for pair in labels] for i in (0, 1))
    assert found.sentences == len(labels)
    assert found.share == pytest.approx(sum(a == b for a, b in labels) / len(labels))
    if len({*first, *second}) == 2:
        assert found.kappa == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)
    else:
        assert found.kappa is None


def test_agreement_on_words_is_their_f1(report: ArticleReport) -> None:
    one = verdict(report, 0, "opinionated", "reckless council")
    found = agreement([one], [verdict(report, 0, "opinionated", "reckless", reviewer="ben")])
    assert found.words == pytest.approx(2 / 3)
    with pytest.raises(DataError, match="no sentence in common"):
        agreement([one], [verdict(report, 2, "neutral", reviewer="ben")])
    with pytest.raises(DataError, match="ana and ben together"):
        agreement([one], [one, verdict(report, 2, "neutral", reviewer="ben")])
