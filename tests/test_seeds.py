"""The seed articles are well formed: what their gold says of a text is in that text; see `seeds/README.md`."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest

from bias.types import Label, Voice

SEEDS = Path(__file__).parents[1] / "seeds"
TRAINING = Path(__file__).parents[1] / "bias" / "training" / "sentences"
KINDS = {"wire", "quotes", "mixed", "column", "sly"}
ARTICLES = sorted(SEEDS.glob("*.txt"), key=lambda path: path.name)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def gold(article: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(article.with_suffix(".json").read_text(encoding="utf-8"))
    return loaded


def locate(spans: list[str], text: str) -> list[tuple[int, int]]:
    """Offsets of the spans as whole words of the text, each searched after the one before."""
    found, at = [], 0
    for span in spans:
        match = re.compile(rf"(?<!\w){re.escape(span)}(?!\w)").search(text, at)
        assert match, f"{span!r} is not in order in {text!r}"
        found.append(match.span())
        at = match.end()
    return found


def test_every_article_has_gold_and_every_gold_an_article() -> None:
    assert len(ARTICLES) == 10
    assert {path.stem for path in ARTICLES} == {path.stem for path in SEEDS.glob("*.json")}


def test_the_table_of_the_readme_counts_right() -> None:
    rows = re.findall(
        r"^\| (\d\d-\S+) \| (\w+) \| .+ \| (\d+) \| (\d+) \|$", (SEEDS / "README.md").read_text("utf-8"), re.M
    )
    expected = []
    for article in ARTICLES:
        record = gold(article)
        labels = Counter(sentence["label"] for sentence in record["sentences"])
        expected.append((article.stem, record["kind"], str(labels.total()), str(labels["opinionated"])))
    assert rows == expected


@pytest.mark.parametrize("article", ARTICLES, ids=lambda path: path.stem)
class TestGold:
    def test_sentences_cover_the_text_in_order(self, article: Path) -> None:
        text, at = article.read_text(encoding="utf-8"), 0
        for sentence in gold(article)["sentences"]:
            start = text.find(sentence["text"], at)
            assert start >= 0, sentence["text"]
            assert not text[at:start].strip(), f"not covered: {text[at:start]!r}"
            at = start + len(sentence["text"])
        assert not text[at:].strip()
        assert 250 <= len(text.split()) <= 450

    def test_fields_and_their_values(self, article: Path) -> None:
        record = gold(article)
        assert set(record) == {"description", "kind", "sentences"}
        assert record["kind"] in KINDS
        for sentence in record["sentences"]:
            assert set(sentence) == {"text", "label", "voice", "spans", "quoted_spans"}
            assert sentence["label"] in get_args(Label)
            assert sentence["voice"] in get_args(Voice)

    def test_spans_are_words_of_their_sentence(self, article: Path) -> None:
        for sentence in gold(article)["sentences"]:
            locate(sentence["spans"], sentence["text"])
            locate(sentence["quoted_spans"], sentence["text"])

    def test_spans_agree_with_label_and_voice(self, article: Path) -> None:
        for sentence in gold(article)["sentences"]:
            assert not sentence["spans"] or sentence["label"] == "opinionated", sentence["text"]
            assert not sentence["quoted_spans"] or sentence["voice"] != "outlet", sentence["text"]

    def test_the_kind_decides_how_much_is_opinionated(self, article: Path) -> None:
        record = gold(article)
        opinionated = sum(sentence["label"] == "opinionated" for sentence in record["sentences"])
        share = opinionated / len(record["sentences"])
        low, high = {"wire": (0, 0), "quotes": (0, 0), "mixed": (0.05, 0.3), "sly": (0.3, 0.6), "column": (0.6, 0.9)}[
            record["kind"]
        ]
        assert low <= share <= high


def test_nothing_measured_on_is_trained_on() -> None:
    measured = [sentence["text"] for article in ARTICLES for sentence in gold(article)["sentences"]]
    rows = [json.loads(line) for path in TRAINING.glob("*.jsonl") for line in path.read_text("utf-8").splitlines()]
    trained = [(value, words(value)) for row in rows for value in row.values() if isinstance(value, str)]
    assert trained
    for text in measured:
        own = words(text)
        copies = [value for value, theirs in trained if len(own & theirs) > 0.6 * len(own | theirs)]
        assert not copies, (text, copies)
