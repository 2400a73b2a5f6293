"""The material for measuring is well formed: what it says of a text is in that text.

Gold of the seed articles: see `seeds/README.md`. Stand-alone material:

    cases/sentences.json             {group: [{text, label, voice, note}]}
    cases/checklist/insertion.json   [{neutral, loaded, control, span}]: one place differs; `span` is loaded in `loaded`
    cases/checklist/swaps.json       {fills: {name: [{slot: text}]}, templates: [{template, fill, label}]}
    cases/checklist/facts.json       [text], all neutral
    cases/checklist/quotation.json   [{neutral, loaded, voice, quoted_spans}]: only the content of the quote differs

The two last kinds leave the outlet's voice neutral in every sentence.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest

from bias.types import Label, Voice

SEEDS = Path(__file__).parents[1] / "seeds"
CASES = Path(__file__).parent / "cases"
TRAINING = Path(__file__).parents[1] / "bias" / "training" / "sentences"
KINDS = {"wire", "quotes", "mixed", "column", "sly"}
ARTICLES = sorted(SEEDS.glob("*.txt"), key=lambda path: path.name)


def load(name: str) -> Any:
    return json.loads((CASES / name).read_text(encoding="utf-8"))


def differing(first: str, second: str) -> tuple[str, str]:
    """What is left of two sentences without the words that both begin and both end with."""
    one, two = first.split(), second.split()
    while one and two and one[0] == two[0]:
        one, two = one[1:], two[1:]
    while one and two and one[-1] == two[-1]:
        one, two = one[:-1], two[:-1]
    return " ".join(one), " ".join(two)


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


def test_sentences_by_group() -> None:
    groups = load("sentences.json")
    assert {name: len(items) for name, items in groups.items()} == {
        "neutral-hard": 60,
        "loaded-plain": 60,
        "loaded-sly": 20,
        "quoted": 20,
    }
    for name, items in groups.items():
        for item in items:
            assert set(item) == {"text", "label", "voice", "note"}
            assert item["label"] == ("opinionated" if name.startswith("loaded") else "neutral")
            assert item["voice"] in get_args(Voice)
            assert (item["voice"] != "outlet") == (name == "quoted")


def test_insertions_differ_in_one_place() -> None:
    cases = load("checklist/insertion.json")
    assert len(cases) == 80
    for case in cases:
        assert set(case) == {"neutral", "loaded", "control", "span"}
        neutral, loaded, control, span = (case[key] for key in ("neutral", "loaded", "control", "span"))
        for variant in (loaded, control):
            before, after = differing(neutral, variant)
            assert len(before.split()) <= 1
            assert 1 <= len(after.split()) <= 3
        locate([span], differing(neutral, loaded)[1])
        assert span not in neutral
        assert span not in control


def test_swaps_fill_every_slot_and_are_balanced() -> None:
    swaps = load("checklist/swaps.json")
    assert Counter(case["label"] for case in swaps["templates"]) == {"neutral": 30, "opinionated": 30}
    for fill in swaps["fills"].values():
        assert len(fill) >= 2
        assert len({tuple(values) for values in fill}) == 1
    for case in swaps["templates"]:
        filled = [case["template"].format_map(values) for values in swaps["fills"][case["fill"]]]
        assert len(set(filled)) == len(filled), case["template"]
    for fill in swaps["fills"]:
        labels = Counter(case["label"] for case in swaps["templates"] if case["fill"] == fill)
        assert labels["neutral"] == labels["opinionated"], fill


def test_facts_are_short_and_distinct() -> None:
    facts = load("checklist/facts.json")
    assert len(set(facts)) == len(facts) == 150
    assert all(fact[0].isupper() and fact.endswith(".") and len(fact.split()) <= 14 for fact in facts)


def test_quotation_pairs_differ_inside_the_quote_alone() -> None:
    cases = load("checklist/quotation.json")
    assert len(cases) == 50
    for case in cases:
        assert set(case) == {"neutral", "loaded", "voice", "quoted_spans"}
        assert case["voice"] in {"quoted", "mixed"}
        assert case["quoted_spans"]
        quoted = differing(case["neutral"], case["loaded"])[1]
        locate(case["quoted_spans"], quoted)
        before, after = case["loaded"].split(quoted)
        assert re.search(r'["“‘]', before + quoted[0])
        assert re.search(r'["”’]', quoted[-2:] + after)


def test_nothing_measured_on_is_trained_on() -> None:
    measured = [sentence["text"] for article in ARTICLES for sentence in gold(article)["sentences"]]
    measured += [item["text"] for items in load("sentences.json").values() for item in items]
    measured += load("checklist/facts.json")
    measured += [case["loaded"] for name in ("insertion", "quotation") for case in load(f"checklist/{name}.json")]
    rows = [json.loads(line) for path in TRAINING.glob("*.jsonl") for line in path.read_text("utf-8").splitlines()]
    trained = [(value, words(value)) for row in rows for value in row.values() if isinstance(value, str)]
    assert trained
    for text in measured:
        own = words(text)
        copies = [value for value, theirs in trained if len(own & theirs) > 0.6 * len(own | theirs)]
        assert not copies, (text, copies)
