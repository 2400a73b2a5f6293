from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from bias.cli import main
from bias.training.data.examples import Example
from bias.training.data.readers import load_data
from bias.training.data.splits import Split, write_seen
from bias.training.labels.audit import Audit, agreement, audit, check_labels
from bias.training.labels.leaks import find_leaks, find_repeats, find_shared, is_opinionated

NOUNS = ("bridge", "budget", "school", "harbour", "clinic", "library", "railway", "market", "forest", "museum")
VERBS = ("opened", "closed", "voted", "rose", "fell", "moved", "grew", "burned", "waited", "returned")


def sentence(number: int) -> str:
    """A sentence that shares no three words in a row with that of another number below 1000."""
    a, b, c = number // 100 % 10, number // 10 % 10, number % 10
    return f"n{number} {NOUNS[a]} {VERBS[b]} x{number} {NOUNS[c]} y{number} {VERBS[a]} z{number}"


def examples(count: int, seed: int = 0) -> list[Example]:
    """Sentences in articles of two, with random labels."""
    labels = np.random.default_rng(seed).integers(2, size=count)
    return [
        Example(sentence(i), "t", label=float(labels[i]), group=f"a{i // 2}", place=f"t.csv:{i + 1}")
        for i in range(count)
    ]


def telling_features(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Noisy features of which the first three tell the label."""
    features = np.random.default_rng(seed).normal(size=(len(labels), 12))
    features[:, :3] += 1.5 * (2 * labels[:, None] - 1)
    return features


# Label errors


def test_flipped_labels_come_first() -> None:
    rows = examples(600)
    features = telling_features(is_opinionated(rows))
    flipped = set(np.random.default_rng(1).choice(600, size=48, replace=False).tolist())  # 8 %
    rows = [replace(e, label=1 - (e.label or 0)) if i in flipped else e for i, e in enumerate(rows)]
    found = audit([("t.csv", rows)], features)
    places = {f"t.csv:{i + 1}" for i in flipped}
    first = [row.example.place for row in found.rows[: len(flipped)]]
    assert len(places & set(first)) >= 0.85 * len(flipped)
    called = {row.example.place for row in found.rows if "label" in row.issues}
    assert len(called & places) >= 0.8 * len(places)
    assert len(called - places) <= 0.05 * 600
    suspicious = [row.suspicious for row in found.rows]
    assert suspicious == sorted(suspicious, reverse=True)
    for row in found.rows:
        assert row.probability is not None
        assert row.quality == pytest.approx(row.probability if row.example.label else 1 - row.probability)


def test_no_sentence_is_judged_by_its_own_article() -> None:
    """Features that tell the article and nothing else: they help only where the article is on both sides."""
    generator = np.random.default_rng(3)
    articles = np.repeat(np.arange(60), 5)
    labels = generator.integers(2, size=60)[articles]
    features = generator.normal(size=(60, 40))[articles]
    apart = check_labels(features, labels, [f"a{i}" for i in articles], seed=0)
    mixed = check_labels(features, labels, [f"s{i}" for i in range(300)], seed=0)
    assert apart is not None
    assert mixed is not None
    assert roc_auc_score(labels, apart.probabilities) < 0.7
    assert roc_auc_score(labels, mixed.probabilities) > 0.9


def auroc(found: Audit) -> float:
    return float(roc_auc_score([row.example.label for row in found.rows], [row.probability for row in found.rows]))


def test_the_outlet_can_be_kept_apart_too() -> None:
    """Features that tell the outlet and nothing else."""
    generator = np.random.default_rng(4)
    outlets = np.arange(300) % 60
    labels = generator.integers(2, size=60)[outlets]
    features = generator.normal(size=(60, 40))[outlets]
    rows = [
        replace(e, label=float(label), group="", outlet=f"o{outlet}")
        for e, label, outlet in zip(examples(300), labels, outlets, strict=True)
    ]
    by_article, by_outlet = audit([("t", rows)], features), audit([("t", rows)], features, by="outlet")
    assert auroc(by_article) > 0.8
    assert auroc(by_outlet) < 0.7


def test_the_same_data_and_seed_give_the_same_audit() -> None:
    rows = examples(80)
    features = telling_features(is_opinionated(rows))
    assert audit([("t", rows)], features, seed=5) == audit([("t", rows)], features, seed=5)


@pytest.mark.parametrize("labels", [[1.0] * 8, [1.0] + [0.0] * 7])
def test_too_few_sentences_are_not_judged(labels: list[float]) -> None:
    rows = [replace(e, label=label, group="") for e, label in zip(examples(8), labels, strict=True)]
    found = audit([("t", rows)], np.zeros((8, 3)))
    assert not found.checked
    assert found.count("label") == 0
    assert all(row.probability is None for row in found.rows)


# Agreement


def with_votes(votes: list[tuple[int, int] | None]) -> list[Example]:
    return [Example(sentence(i), "t", label=0.0, votes=vote) for i, vote in enumerate(votes)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_alpha_is_one_minus_disagreement_over_that_of_chance(counts: list[tuple[int, int]]) -> None:
    """Krippendorff's definition, pair by pair."""
    votes = [(yes, yes + no) for yes, no in counts if yes + no]
    found = agreement(with_votes(list(votes)), seed=0)
    paired = [(yes, n) for yes, n in votes if n > 1]
    if not paired:
        assert found is None
        return
    assert found is not None
    everyone, positive = sum(n for _, n in paired), sum(yes for yes, _ in paired)
    assert (found.sentences, found.votes) == (len(paired), everyone)
    assert found.unanimous == pytest.approx(np.mean([yes in (0, n) for yes, n in paired]))
    if positive in (0, everyone):
        assert found.alpha is None
        return
    observed = sum(2 * yes * (n - yes) / (n - 1) for yes, n in paired) / everyone
    expected = 2 * positive * (everyone - positive) / (everyone * (everyone - 1))
    assert found.alpha is not None
    assert found.alpha.value == pytest.approx(1 - observed / expected)
    assert found.alpha.low <= found.alpha.high


def test_the_interval_of_alpha_narrows_with_data() -> None:
    few, many = (agreement(with_votes([(5, 5), (0, 5), (3, 5), (1, 5)] * n), seed=0) for n in (5, 80))
    assert few is not None
    assert many is not None
    assert few.alpha is not None
    assert many.alpha is not None
    assert many.alpha.high - many.alpha.low < 0.5 * (few.alpha.high - few.alpha.low)
    assert many.alpha.low < many.alpha.value < many.alpha.high


def test_no_votes_no_agreement() -> None:
    assert agreement(with_votes([None, (1, 1)]), seed=0) is None


# Leaks, files and repeats


def test_leaks_are_counted_as_by_hand() -> None:
    """Outlet A has articles a (1, 1) and b (1), outlet B has article c (0, 1), d has no outlet."""
    rows = [("A", "a", 1), ("A", "a", 1), ("A", "b", 1), ("B", "c", 0), ("B", "c", 1), ("", "d", 0)]
    found = [
        Example(sentence(i), "t", label=float(label), group=group, outlet=outlet)
        for i, (outlet, group, label) in enumerate(rows)
    ]
    outlet, article = find_leaks(found, [e.group for e in found], seed=0)
    assert (outlet.of, outlet.values, outlet.sentences) == ("outlet", 2, 5)
    assert outlet.baseline == pytest.approx(4 / 5)
    assert outlet.in_sample == pytest.approx(4 / 5)  # B's tie goes to the commonest label
    assert outlet.out_of_sample == pytest.approx(4 / 5)  # B without its article: the commonest
    assert (article.of, article.values, article.sentences) == ("article", 4, 6)
    assert article.baseline == pytest.approx(4 / 6)
    assert article.in_sample == pytest.approx(5 / 6)
    assert article.out_of_sample == pytest.approx(3 / 6)  # both of c are guessed by the other, d by the commonest


def test_outlets_that_tell_the_label_leak_and_others_do_not() -> None:
    rows = examples(200)
    told = [replace(e, outlet="left" if e.label else "right", topic=f"t{i % 4}") for i, e in enumerate(rows)]
    outlet, topic, article = find_leaks(told, [e.group for e in told], seed=0)
    assert outlet.leaks
    assert outlet.out_of_sample == 1.0
    assert not topic.leaks
    assert not article.leaks
    assert article.in_sample > article.baseline + 0.1  # which is why it is not the figure to go by


def test_one_outlet_cannot_leak() -> None:
    assert [leak.of for leak in find_leaks([replace(e, outlet="o") for e in examples(10)], ["a"] * 10, 0)] == [
        "article"
    ]


def test_what_files_share_is_found_pair_by_pair() -> None:
    one, two, three = examples(30)[:10], examples(30)[10:20], examples(30)[20:]
    two = [*two, replace(one[3], text=one[3].text.upper() + " indeed", group="elsewhere")]
    three = [*three, replace(three[0], text="A sentence of an article that stands in the first.", group=one[0].group)]
    found = find_shared([("one", one), ("two", two), ("three", three)])
    assert [(s.first, s.second, s.repeats, s.articles) for s in found] == [
        ("one", "two", (20,), 0),
        ("one", "three", (), 1),
    ]
    audited = audit([("one", one), ("two", two), ("three", three)], np.zeros((32, 2)))
    assert [row.example.text for row in audited.rows if "shared" in row.issues] == [two[10].text]
    assert [row.file for row in audited.rows if "shared" in row.issues] == ["two"]


def test_repeats_and_contradictions_are_marked_in_their_rows() -> None:
    rows = examples(6)
    rows = [replace(e, label=float(i % 2)) for i, e in enumerate(rows)]
    again = [replace(rows[0], text=rows[0].text.upper()), replace(rows[1], label=0.0)]
    assert find_repeats([*rows, *again]) == ({6}, {1, 7})
    found = audit([("t", [*rows, *again])], np.zeros((8, 2)))
    assert [row.suspicious for row in found.rows if row.example.text == rows[1].text] == [True, True]
    assert found.count("repeat") == 1
    assert found.count("conflict") == 2


# The command


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["text", "label", "votes", "group", "outlet", "spans", "weight", "outlet_label"])
        for i, e in enumerate(examples(40)):
            spans = json.dumps([[0, 2]]) if e.label else "[]"
            out.writerow([e.text, int(e.label or 0), f"{i % 4}/3", e.group, f"o{i % 3}", spans, 1 + i % 2, 1])
    return path


def run(folder: Path, *arguments: str | Path) -> int:
    return main(["audit", "--model", str(folder), *map(str, arguments)])


def test_the_review_file_is_read_back_once_corrected(
    table: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "review.csv"
    assert run(tiny_folder, f"{table}@3", "-o", target) == 0
    assert str(target) in capsys.readouterr().err
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:6] == ["place", "text", "label", "probability", "quality", "issues"]
    assert len(rows) == 40
    corrected = 1 - int(rows[0]["label"])
    rows[0] |= {"label": str(corrected), "spans": ""}
    with target.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(rows)
    before = {e.text: e for e in load_data([str(table)]).examples}
    after = {e.text: e for e in load_data([str(target)]).examples}
    assert after[rows[0]["text"]].label == corrected
    assert all(e.votes is None for e in after.values())  # they would outweigh the correction
    for text, example in before.items():
        if text != rows[0]["text"]:
            kept = replace(after[text], votes=example.votes, place=example.place, source=example.source)
            assert kept == example


def test_the_view_tells_every_part(
    table: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "test.csv"
    shutil.copy(table, other)
    assert run(tiny_folder, table, other) == 0
    out = " ".join(capsys.readouterr().out.split())
    for part in ("Krippendorff's alpha", "unanimous", "outlet (3)", "article (20)", "40 sentences repeat", "baseline"):
        assert part in out
    assert "40 sentences of" in out
    assert "20 articles have sentences in both" in out
    assert "does not say what it was trained on" in out


def test_json_has_the_same_and_names_what_the_model_has_seen(
    table: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    loaded = load_data([str(table)]).examples
    write_seen(folder, Split(train=loaded[:7], development=(), test=loaded[7:]))
    assert run(folder, table, "--output-format", "json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["files"] == [
        {"name": str(table), "sentences": 40, "opinionated": sum(bool(e.label) for e in examples(40))}
    ]
    assert "7 of these 40" in facts["label_errors"]["caveat"]
    assert [leak["of"] for leak in facts["leaks"]] == ["outlet", "article"]
    assert facts["agreement"]["sentences"] == 40
    assert len(facts["suspicious"]) >= facts["label_errors"]["found"]
    other = tmp_path / "other.csv"
    other.write_text("text,label\nThe vote was held on Tuesday.,0\n", "utf-8")
    assert run(folder, other, "--output-format", "json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["label_errors"] == {"checked": False, "found": 0, "caveat": None}


def test_work_of_people_is_not_written_over(
    table: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "review.csv"
    target.write_text("mine", "utf-8")
    assert run(tiny_folder, table, "-o", target) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert target.read_text("utf-8") == "mine"
    assert run(tiny_folder, table, "-o", tmp_path / "review.txt") == 2
    assert ".csv" in capsys.readouterr().err
    assert run(tiny_folder, table, "-o", target, "--overwrite") == 0
    assert target.read_text("utf-8").startswith("place,text,label")
