from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from bias.errors import DataError, ModelError, UsageError
from bias.training.data.examples import Example, article_groups, near_duplicates
from bias.training.data.repeats import links, repeats
from bias.training.data.splits import (
    SEEN,
    Split,
    fingerprint,
    read_seen,
    remove_duplicates,
    split,
    unseen,
    write_seen,
)

WORDS = tuple("council vote tax plan mayor said vile greedy pier lease harbour hail snow budget school road".split())  # noqa: SIM905


def corpus(count: int, seed: int = 0, outlets: int = 8) -> list[Example]:
    """Sentences in articles of one to six, some nearly repeated in other articles."""
    draw = random.Random(seed)
    examples = []
    for n in range(count):
        if examples and draw.random() < 0.05:
            text = draw.choice(examples).text + " Again."
        else:
            text = " ".join([*draw.choices(WORDS, k=draw.randint(4, 12)), str(n)])
        outlet = draw.randrange(outlets)
        article = draw.choice(["", f"{outlet}-{draw.randrange(max(1, count // 30))}"])
        examples.append(
            Example(text, "t", label=float(draw.random() < 0.4), group=article, outlet=f"o{outlet}", place=f"t:{n}")
        )
    return examples


def near(a: str, b: str) -> bool:
    """Whether two texts share half of the shorter one's word trigrams, by sets."""
    first, second = ({tuple(t.split()[i : i + 3]) for i in range(len(t.split()) - 2)} for t in (a, b))
    shared = len(first & second)
    return shared > 0 and shared >= 0.5 * min(len(first), len(second))


# Near repeats


PARTS = ("train", "development", "test")
TEXTS = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=9).map(" ".join), max_size=12)


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from([1, 2, 3, 100]))
def test_near_repeats_are_those_of_all_pairs(texts: list[str], others: list[str], many: int) -> None:
    assert repeats(texts, others, many=many).tolist() == [any(near(a, b) for b in others) for a in texts]
    if texts:
        expected = np.array([[near(a, b) for b in texts] for a in texts])
        rows, columns = links(texts, many=many)
        found = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts),) * 2)
        components = [
            connected_components(csr_matrix(graph), directed=False)[1].tolist() for graph in (expected, found)
        ]
        assert components[0] == components[1]


def test_a_line_that_all_sentences_share_costs_little() -> None:
    draw = random.Random(5)
    line = "sign up here for the newsletter that we send every day"
    texts = [f"{line} {' '.join(str(draw.randrange(30_000)) for _ in range(14))}" for n in range(6000)]
    assert len(set(article_groups([Example(text, "t") for text in texts]))) == 6000
    assert not near_duplicates(texts[:3000], texts[3000:]).all()
    same = [Example(f"{line} number {n}", "t") for n in range(6000)]
    assert len(set(article_groups(same))) == 1


def test_no_texts_no_groups() -> None:
    assert article_groups([]) == []
    assert near_duplicates([], ["a"]).tolist() == []
    assert near_duplicates(["a"], []).tolist() == [False]


# Repeats and conflicts


def test_the_first_of_repeats_is_kept() -> None:
    rows = [
        Example(text, "t", label=1.0, place=f"t:{n}") for n, text in enumerate(["It rained!", "it  rained", "Snow."])
    ]
    kept, found = remove_duplicates(rows)
    assert kept == [rows[0], rows[2]]
    assert found.repeated == (("t:1", "t:0"),)
    assert found.counts() == {"repeated": 1, "conflicting": 0, "in_conflict": 0}


def test_none_of_conflicting_rows_is_kept() -> None:
    rows = [Example("It rained.", "t", label=label, place=f"t:{n}") for n, label in enumerate([1.0, 0.0, 1.0])]
    kept, found = remove_duplicates([*rows, Example("Snow.", "t", label=0.0)])
    assert [e.text for e in kept] == ["Snow."]
    assert found.conflicting[0].places == ("t:0", "t:1", "t:2")
    assert found.conflicting[0].labels == (1.0, 0.0, 1.0)
    assert found.counts() == {"repeated": 0, "conflicting": 1, "in_conflict": 3}


def test_labels_on_one_side_agree_and_outlet_labels_may_conflict() -> None:
    one, other = Example("a", "t", label=0.6), Example("a", "t", label=1.0)
    assert remove_duplicates([one, other])[0] == [one]
    assert remove_duplicates([replace(one, outlet_label=1.0), replace(other, outlet_label=0.0)])[0] == []
    assert remove_duplicates([one, replace(other, outlet_label=0.0)])[0] == [one]


def test_labels_and_techniques_of_a_text_both_stay() -> None:
    label = Example("a", "t", label=1.0)
    technique = Example("a", "s", techniques=(("doubt", 1.0),))
    silent = Example("A", "pool", place="pool:1")
    assert remove_duplicates([silent, technique, label])[0] == [technique, label]
    assert remove_duplicates([technique, replace(technique, techniques=(("doubt", 0.0),))])[0] == []
    assert remove_duplicates([silent, silent])[0] == [silent]


def test_signs_alone_are_texts_too() -> None:
    rows = [Example("!!!", "t", label=1.0), Example("???", "t", label=0.0)]
    assert remove_duplicates(rows)[0] == rows
    assert fingerprint("!!!") != fingerprint("???")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "A.", "b", "c"]), st.sampled_from([None, 0.0, 0.4, 1.0])), max_size=9))
def test_after_removal_no_text_stands_twice(pairs: list[tuple[str, float | None]]) -> None:
    rows = [Example(text, "t", label=label, place=str(n)) for n, (text, label) in enumerate(pairs)]
    kept, found = remove_duplicates(rows)
    prints = [fingerprint(e.text) for e in kept]
    assert len(prints) == len(set(prints))
    assert len(kept) + len(found.repeated) + found.counts()["in_conflict"] == len(rows)
    assert remove_duplicates(kept)[0] == kept


# Splits


@settings(max_examples=25, deadline=None)
@given(st.integers(120, 400), st.integers(0, 1000), st.sampled_from(["article", "outlet"]), st.integers(0, 3))
def test_parts_share_neither_groups_nor_near_repeats(count: int, data: int, by: str, seed: int) -> None:
    examples = corpus(count, data)
    parts = split(examples, by=by, seed=seed)  # type: ignore[arg-type]
    everything = [*parts.train, *parts.development, *parts.test, *parts.left_out]
    assert sorted(e.place for e in everything) == sorted(e.place for e in examples)
    assert by == "outlet" or not parts.left_out
    texts = [[e.text for e in part] for part in (parts.train, parts.development, parts.test)]
    keys = [
        {e.outlet if by == "outlet" else e.group for e in part} - {""}
        for part in (parts.train, parts.development, parts.test)
    ]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert not keys[i] & keys[j]
        assert not near_duplicates(texts[i], texts[j]).any()
        assert not {e.group for e in _of(parts, i)} & {e.group for e in _of(parts, j)} - {""}


def _of(parts: Split, number: int) -> tuple[Example, ...]:
    part: tuple[Example, ...] = getattr(parts, PARTS[number])
    return part


def test_the_order_of_rows_does_not_matter() -> None:
    examples = corpus(300)
    mixed = random.Random(1).sample(examples, len(examples))
    for by in ("article", "outlet"):
        first, second = split(examples, by=by), split(mixed, by=by)  # type: ignore[arg-type]
        for number in range(3):
            assert {e.place for e in _of(first, number)} == {e.place for e in _of(second, number)}
    assert split(examples) == split(examples)
    assert split(examples, seed=1) != split(examples, seed=2)


def test_parts_have_their_shares_and_labels() -> None:
    examples = [Example(f"w{n} x{n} y{n}", "t", label=float(n % 4 == 0), group=str(n)) for n in range(1000)]
    parts = split(examples, development=0.1, test=0.3)
    assert [len(_of(parts, n)) for n in range(3)] == [600, 100, 300]
    assert [sum(e.label or 0 for e in _of(parts, n)) for n in range(3)] == [150, 25, 75]


def test_shares_hold_within_each_source() -> None:
    examples = [Example(f"w{n} x{n} y{n}", "ab"[n % 10 == 0], label=float(n % 2)) for n in range(400)]
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    parts = split([replace(e, label=float(n // 10 % 2)) for n, e in enumerate(examples)])
    for number in range(3):
        counts[number].update(e.source for e in _of(parts, number))
    assert [counts[n]["b"] for n in range(3)] == [24, 8, 8]


def test_large_articles_reach_every_part() -> None:
    examples = [Example(f"w{n} x{n} y{n}", "t", label=float(n % 2), group=str(n // 10)) for n in range(500)]
    parts = split(examples)
    assert [len(_of(parts, n)) for n in range(3)] == [300, 100, 100]


@pytest.mark.parametrize(("development", "test"), [(0.0, 0.2), (0.2, 0.0), (0.0, 0.0)])
def test_a_part_may_be_empty(development: float, test: float) -> None:
    parts = split(corpus(100), development=development, test=test)
    assert bool(parts.development) == bool(development)
    assert bool(parts.test) == bool(test)
    assert len(parts.train) + len(parts.development) + len(parts.test) == 100


@pytest.mark.parametrize(("development", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.2, 1.0), (float("nan"), 0.2)])
def test_shares_that_leave_nothing_are_refused(development: float, test: float) -> None:
    with pytest.raises(UsageError, match="nothing to train on"):
        split(corpus(50), development=development, test=test)


def test_too_few_data_are_told() -> None:
    few = [Example(f"w{n} x{n} y{n}", "t", label=float(n == 0)) for n in range(20)]
    with pytest.raises(DataError, match=r"the development part has no opinionated .* 1 opinionated and 19 neutral"):
        split(few)
    whole = [replace(e, label=float(n % 2), group="one") for n, e in enumerate(few)]
    with pytest.raises(DataError, match="in 1 articles"):
        split(whole)
    with pytest.raises(DataError, match="0 opinionated and 0 neutral"):
        split([])
    smallest = [replace(e, label=float(n % 2)) for n, e in enumerate(few[:10])]
    assert [len(_of(split(smallest), n)) for n in range(3)] == [6, 2, 2]


def test_a_split_by_outlet_needs_outlets() -> None:
    examples = [replace(e, outlet="") if n < 3 else e for n, e in enumerate(corpus(100))]
    with pytest.raises(DataError, match="3 of 100 have none"):
        split(examples, by="outlet")


# What a model has seen


def test_a_model_remembers_without_the_texts(tmp_path: Path) -> None:
    examples = corpus(100)
    parts = split(examples)
    write_seen(tmp_path, parts)
    text = (tmp_path / SEEN).read_text("utf-8")
    assert not any(word in text for word in WORDS)
    seen = read_seen(tmp_path)
    assert Counter(seen.values())["development"] == len({fingerprint(e.text) for e in parts.development})
    kept, left = unseen(examples, seen)
    assert (kept, left) == ([e for e in examples if e in parts.test], len(parts.train) + len(parts.development))
    again = replace(parts.train[0], text=parts.train[0].text.upper() + "!")
    assert unseen([again], seen) == ([], 1)


def test_a_model_that_says_nothing_has_seen_nothing(tmp_path: Path) -> None:
    assert read_seen(tmp_path) == {}


@pytest.mark.parametrize("line", ["0123456789", "0123456789\ttest", "xyz\ttrain", "012345678Z\ttrain", ""])
def test_a_damaged_memory_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / SEEN).write_text(f"0123456789\ttrain\n{line}\n", "utf-8")
    with pytest.raises(ModelError, match=r"seen\.txt:2: found "):
        read_seen(tmp_path)


@given(st.text())
def test_fingerprints_are_ten_hex_digits(text: str) -> None:
    assert len(fingerprint(text)) == 10
    assert set(fingerprint(text)) <= set("0123456789abcdef")
