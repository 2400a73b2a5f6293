"""The training sentences of our own writing are well formed, free of repeats and fair to both sides."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "bias" / "training" / "sentences"
FILES = (
    "pairs",
    "facts",
    "quotes",
    "sly",
    "groups",
    "mentions",
    "slant",
    "wire",
    "speech",
    "columns",
    "newsroom",
    "camps",
)
KINDS = {
    "pairs": {"pair-neutral": 0, "pair-loaded": 1, "pair-control": 0},
    "facts": {"fact": 0},
    "quotes": {"quote-plain": 0, "quote-loaded": 1, "scare-sneer": 1, "scare-term": 0},
    "sly": {"sly": 1, "sly-lookalike": 0},
    "groups": {"group-plain": 0, "group-loaded": 1},
    "mentions": {"mention-plain": 0, "mention-loaded": 1},
    "slant": {"slant": 1, "slant-lookalike": 0},
    "wire": {"wire": 0, "wire-loaded": 1},
    "speech": {"quote-plain": 0, "quote-loaded": 1},
    "columns": {"column": 1, "column-lookalike": 0},
    "newsroom": {"newsroom-loaded": 1, "newsroom-plain": 0},
    "camps": {
        "camp": 1,
        "camp-plain": 0,
        "verb": 1,
        "verb-plain": 0,
        "figure": 1,
        "figure-plain": 0,
        "agency": 0,
    },
}
KEYS = {"id", "text", "label", "spans", "group", "kind", "favours"}
QUOTE_KEYS = KEYS | {"full_label", "quoted_spans"}

# A quotation in double marks, or in single ones that open before a word and close after one (apostrophes do not).
QUOTATION = re.compile(r"\"[^\"]+\"|“[^”]+”|(?<!\w)['‘](?=\w).+?['’](?!\w)")

LEFT = re.compile(
    r"\b(Democrats?|Democratic|Labour|Labor|Greens?|progressives?|left-wing|socialists?|liberals?|Liberals?)\b"
)
RIGHT = re.compile(
    r"\b(Republicans?|Conservatives?|Tory|Tories|Reform UK|conservatives?|right-wing|nationalists?|Nationalists?)\b"
)

Row = dict[str, Any]


def load(name: str) -> list[Row]:
    with (FOLDER / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


BY_FILE = {name: load(name) for name in FILES}
ROWS = [row for rows in BY_FILE.values() for row in rows]


def occurs(span: str, text: str) -> bool:
    """Whether the span stands in the text as whole words."""
    return re.search(rf"(?<!\w){re.escape(span)}(?!\w)", text) is not None


def faults(row: Row, name: str) -> list[str]:
    """What is wrong with one line of a file."""
    keys = QUOTE_KEYS if name in ("quotes", "speech") or "full_label" in row else KEYS
    if set(row) != keys:
        return [f"keys {sorted(set(row) ^ keys)}"]
    found = []
    text, spans, quoted = row["text"], row["spans"], row.get("quoted_spans", [])
    if not re.fullmatch(r"own-\d{4}", row["id"]):
        found.append("id")
    if row["label"] not in (0, 1) or KINDS[name].get(row["kind"]) != row["label"]:
        found.append("label")
    if bool(spans) != bool(row["label"]):
        found.append("spans and label disagree")
    if any(not occurs(span, text) for span in [*spans, *quoted]):
        found.append("span not in the text")
    if row["favours"] not in (None, "left", "right"):
        found.append("favours")
    if "full_label" in row and row["full_label"] != int(bool(spans or quoted)):
        found.append("full_label")
    if not 6 <= len(text.split()) <= 45:
        found.append("length")
    if text != text.strip() or re.search(r"  | [,.;:]", text) or text[-1] not in ".?!\"'”’":
        found.append("punctuation")
    return found


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_well_formed(name: str) -> None:
    assert {row["id"]: wrong for row in BY_FILE[name] if (wrong := faults(row, name))} == {}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"label": 0}, "label"),
        ({"label": 2}, "label"),
        ({"spans": []}, "spans and label disagree"),
        ({"spans": ["dotty"]}, "span not in the text"),
        ({"spans": ["pot"]}, "span not in the text"),
        ({"favours": "centre"}, "favours"),
        ({"text": "A potty scheme."}, "length"),
        ({"text": "The potty scheme will cost the county £3m ."}, "punctuation"),
        ({"id": "1"}, "id"),
        ({"note": ""}, "keys ['note']"),
    ],
)
def test_a_malformed_line_is_noticed(change: Row, fault: str) -> None:
    good = {
        "id": "own-0001",
        "text": "The potty scheme will cost the county £3m.",
        "label": 1,
        "spans": ["potty"],
        "group": "pair-0001",
        "kind": "pair-loaded",
        "favours": None,
    }
    assert faults(good, "pairs") == []
    assert fault in faults(good | change, "pairs")


def test_nothing_is_there_twice() -> None:
    assert [key for key, count in Counter(row["id"] for row in ROWS).items() if count > 1] == []
    groups = defaultdict(set)  # scare quotes can be all that tells two of a group apart
    for row in ROWS:
        groups[" ".join(words(row["text"]))].add(row["group"])
    assert [key for key, found in groups.items() if len(found) > 1] == []
    assert len({row["text"] for row in ROWS}) == len(ROWS)


def test_a_group_stays_in_one_file_and_is_complete() -> None:
    files, kinds = defaultdict(set), defaultdict(list)
    for name, rows in BY_FILE.items():
        for row in rows:
            files[row["group"]].add(name)
            kinds[row["group"]].append(row["kind"])
    assert [group for group, names in files.items() if len(names) > 1] == []
    for group, found in kinds.items():
        (name,) = files[group]
        if name in ("pairs", "sly"):
            assert sorted(found) == sorted(KINDS[name]), group
        elif name in ("facts", "quotes"):
            assert len(found) == 1, group


def test_a_pair_differs_in_one_place_and_the_loaded_words_stand_there() -> None:
    texts = defaultdict(dict)
    for row in BY_FILE["pairs"]:
        texts[row["group"]][row["kind"]] = row
    for group, kinds in texts.items():
        loaded = words(kinds["pair-loaded"]["text"])
        plain = words(kinds["pair-neutral"]["text"])
        before = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(loaded, plain, strict=False)))
        rest = zip(reversed(loaded[before:]), reversed(plain[before:]), strict=False)
        after = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))
        changed = loaded[before : len(loaded) - after]
        assert before + after >= 4, group
        for span in kinds["pair-loaded"]["spans"]:
            assert set(changed) & set(words(span)), group


def test_quoted_spans_stand_in_quotes_and_the_outlets_own_outside() -> None:
    for row in BY_FILE["quotes"]:
        inside = " | ".join(QUOTATION.findall(row["text"]))
        outside = QUOTATION.sub(" | ", row["text"])
        assert all(occurs(span, inside) for span in row["quoted_spans"]), row["id"]
        if row["kind"] == "quote-loaded":
            assert all(occurs(span, outside) for span in row["spans"]), row["id"]


def test_the_loaded_vocabulary_is_wide() -> None:
    uses = Counter(span.lower() for row in ROWS for span in row["spans"])
    assert [span for span, count in uses.items() if count > 12] == []
    assert len({span.lower() for row in BY_FILE["pairs"] for span in row["spans"]}) >= 180


def test_sentences_of_different_groups_are_not_alike() -> None:
    # Mirrors share a frame on purpose, so the bar is high: it catches a sentence with one name replaced.
    seen = [(row["group"], frozenset(words(row["text"]))) for row in ROWS if row["kind"] != "pair-control"]
    alike = [
        (one, other)
        for at, (one, first) in enumerate(seen)
        for other, second in seen[at + 1 :]
        if one != other and len(first & second) > 0.85 * len(first | second)
    ]
    assert alike == []


@pytest.mark.parametrize("name", FILES)
def test_loading_favours_both_sides_equally(name: str) -> None:
    sides = defaultdict(Counter)
    for row in BY_FILE[name]:
        sides[row["kind"]][row["favours"]] += 1
    for kind, count in sides.items():
        assert abs(count["left"] - count["right"]) <= 1, kind


def test_naming_a_side_tells_nothing_about_the_label() -> None:
    shares = []
    for side in (LEFT, RIGHT):
        labels = [row["label"] for row in ROWS if side.search(row["text"])]
        assert len(labels) >= 60
        shares.append(sum(labels) / len(labels))
    assert abs(shares[0] - shares[1]) < 0.05
