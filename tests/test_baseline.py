from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from factories import harbour, loaded, report, sentence
from hypothesis import given, settings
from hypothesis import strategies as st
from test_findings import run_of

from bias.errors import InputError
from bias.reporting import renderer
from bias.reporting.baseline import Baseline, Changes
from bias.reporting.findings import findings, reaching
from bias.types import ArticleReport


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "known.json"


def story(*texts: str, source: str = "story.txt", lead: str = "") -> ArticleReport:
    """A report of opinionated sentences whose first words are loaded."""
    return report([sentence(text, 0.9, loaded(text.split()[0])) for text in texts], source=source, lead=lead)


def update(path: Path, *reports: ArticleReport) -> Changes:
    baseline = Baseline(path)
    for given_report in reports:
        baseline.known(given_report)
    changes = baseline.changes
    baseline.update()
    return changes


def new(path: Path, *reports: ArticleReport) -> list[str]:
    """The texts of findings that are not known."""
    baseline, found = Baseline(path), []
    for given_report in reports:
        known = baseline.known(given_report)
        parts = [part for finding in findings(given_report) for part in finding.parts]
        assert known <= {part.key for part in parts}
        found += [part.text for part in parts if part.key not in known]
    return found


def test_what_was_written_is_known_wherever_it_has_moved(path: Path) -> None:
    assert update(path, harbour()).added == 8
    assert new(path, harbour()) == []
    first, second = "Cronies met.", "Thugs ate."
    update(path, story(first, second))
    assert new(path, story(second, "Fools sang.", first, lead="A line.\n\n")) == ["Fools sang.", "Fools"]


def test_a_sentence_counts_as_often_as_it_is_there(path: Path) -> None:
    update(path, story("Cronies met.", "Cronies met."))
    (entry,) = json.loads(path.read_text())["findings"]["story.txt"]
    assert (entry["opinionated"], entry["words"]) == (2, {"Cronies": 2})
    assert new(path, story("Cronies met.", "Cronies met.", "Cronies met.")) == ["Cronies met.", "Cronies"]
    (path.parent / "story.txt").touch()
    assert Baseline(path).changes.gone == []


def test_rows_of_a_table_share_what_is_known_of_it(path: Path) -> None:
    first, second = (story("Cronies met.", source=f"a.jsonl:{row}") for row in (1, 7))
    update(path, first)
    assert new(path, second) == []
    assert new(path, first, second) == ["Cronies met.", "Cronies"]


def test_files_are_named_from_the_baselines_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path.parent / "news").mkdir()
    update(path, story("Cronies met.", source=str(path.parent / "news" / "a.txt")))
    assert list(json.loads(path.read_text())["findings"]) == ["news/a.txt"]
    monkeypatch.chdir(path.parent / "news")
    assert new(Path("../known.json"), story("Cronies met.", source="a.txt")) == []


def test_what_is_gone_is_told_and_dropped_but_only_of_what_was_read(path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (path.parent / name).touch()
    a, b, c = (story("Cronies met.", "Thugs ate.", source=name) for name in ("a.txt", "b.txt", "<stdin>"))
    assert update(path, a, b, c) == Changes(12, 0, [])
    baseline = Baseline(path)
    baseline.known(story("Thugs ate.", "Fools sang.", source="a.txt"))
    changes = baseline.changes
    assert (changes.added, changes.kept) == (2, 2)
    assert [(known.file, known.sentence, known.word) for known in changes.gone] == [
        ("a.txt", "Cronies met.", ""),
        ("a.txt", "Cronies met.", "Cronies"),
    ]
    baseline.update()
    assert [new(path, given_report) for given_report in (a, b, c)] == [["Cronies met.", "Cronies"], [], []]
    (path.parent / "b.txt").unlink()
    assert {known.file for known in Baseline(path).changes.gone} == {"b.txt"}
    update(path)
    assert set(json.loads(path.read_text())["findings"]) == {"a.txt", "<stdin>"}


def test_the_file_is_the_same_whatever_the_order(path: Path) -> None:
    texts = ["Cronies met.", "Thugs ate.", "Élan won."]
    update(path, story(*texts, source="b.txt"), story(*texts, source="a.txt"))
    once = path.read_text(encoding="utf-8")
    path.unlink()
    update(path, story(*reversed(texts), source="a.txt"), story(*texts, source="b.txt"))
    assert path.read_text(encoding="utf-8") == once
    assert "Élan won." in once
    update(path, story(*texts, source="a.txt"), story(*texts, source="b.txt"))
    assert path.read_text(encoding="utf-8") == once


WORDS = st.lists(st.sampled_from(["Cronies met.", "Thugs ate.", "Fools sang.", "🚢 \u202esank."]), max_size=6)


@given(WORDS, WORDS)
@settings(max_examples=60, deadline=None)
def test_new_known_and_gone_add_up(before: list[str], after: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "known.json"
        update(path, story(*before))
        baseline = Baseline(path)
        known = baseline.known(story(*after))
        changes = baseline.changes
        common = Counter(before) & Counter(after)
        assert len(known) == changes.kept == 2 * common.total()
        assert changes.added == 2 * (len(after) - common.total())
        assert len(changes.gone) == 2 * (len(before) - common.total())
        assert update(path, story(*after)) == changes
        assert new(path, story(*after)) == []


def of_one(entry: str) -> str:
    return f'{{"version": 1, "findings": {{"a": [{{{entry}}}]}}}}'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "no baseline that"),
        ('{"version": 1}', "no baseline that"),
        ('{"version": 2}', "a baseline of version 2, and this is newsbias for 1"),
        (of_one('"fingerprint": "x", "sentence": "y", "words": {}'), "no baseline that"),
        (of_one('"fingerprint": "x", "sentence": "y", "opinionated": -1, "words": {}'), "no baseline that"),
        (of_one('"fingerprint": 1, "sentence": "y", "opinionated": 1, "words": {}'), "no baseline that"),
    ],
)
def test_what_is_no_baseline_is_one_line(path: Path, content: str, told: str) -> None:
    path.write_text(content)
    with pytest.raises(InputError, match=told) as error:
        Baseline(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


# --- in reports ---


def known_of(given_report: ArticleReport, *texts: str) -> ArticleReport:
    parts = [part for finding in findings(given_report) for part in finding.parts]
    return replace(given_report, known=frozenset(part.key for part in parts if part.text in texts))


def texts_of(given_report: ArticleReport) -> list[str]:
    return [result["message"]["text"] for result in run_of(given_report)["results"]]


def test_linters_outputs_show_what_is_new() -> None:
    first, second, third = (result.sentence.text for result in harbour().opinionated)
    part = known_of(harbour(), first, "cronies", second, "agitators", "predictably", "howling")
    lines = renderer("concise")([part]).splitlines()
    assert ["rammed through" in lines[0], "cronies" in lines[0].partition('"')[0]] == [True, False]
    assert len(lines) == 3
    assert "6 findings of the baseline" in lines[-1]
    results = run_of(part)["results"]
    assert [result["ruleId"] for result in results] == ["loaded_language", "opinionated_sentence"]
    assert {result["baselineState"] for result in results} == {"new"}
    assert all("baselineState" not in result for result in run_of(harbour())["results"])
    shown = renderer("github")([part])
    assert shown.count("opinionated 0.") == 2
    assert '"cronies"' not in shown
    rows = [line for line in renderer("markdown")([part]).splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 2
    assert "**rammed through**" in rows[0]
    assert "**cronies**" not in rows[0]
    assert third.split()[0] in rows[1]
    assert renderer("json")([part]) == renderer("json")([harbour()])


def test_the_least_level_shown_is_kept_apart_from_what_fails() -> None:
    def lines(level: Any) -> list[str]:
        return renderer("concise")([replace(harbour(), min_level=level)]).splitlines()[:-1]

    assert len(lines("low")) == 3
    assert len(lines("high")) == 2
    assert "howling" in lines("medium")[1]
    assert "howling" not in lines("high")[1].partition('"')[0]
    high = replace(harbour(), min_level="high")
    assert "findings below high not shown" in renderer("concise")([high])
    assert {result["level"] for result in run_of(high)["results"]} == {"error"}
    assert len(reaching(high, "low")) == len(reaching(harbour(), "low")) == 8
    assert [part.text for part in reaching(high, "high")][1:3] == ["rammed through", "cronies"]
    for name in ("json", "jsonl", "csv"):
        assert renderer(name)([high]) == renderer(name)([harbour()])


def test_views_of_an_article_mark_what_is_shown() -> None:
    high = replace(harbour(), min_level="high")
    text = renderer("full")([high])
    assert len([line for line in text.splitlines() if line.startswith("!")]) == 2
    assert "howling  " not in text
    assert "findings below high not shown" in " ".join(text.split())
    assert "3 of 14 sentences opinionated" in " ".join(text.split())
    page = renderer("html")([high])
    assert "strength-high" in page.partition("legend")[2]
    assert page.count('class="hit strength-medium"') == 1  # in the legend
    assert page.count("opinionated, ") == 2
    nothing = replace(report([sentence("Sad.", 0.6, loaded("Sad", 0.6))]), min_level="high")
    assert "<h2>Loaded terms" not in renderer("html")([nothing])


def test_fingerprints_do_not_depend_on_what_is_shown() -> None:
    twice = [sentence("Cronies met.", 0.95, loaded("Cronies")), sentence("Cronies met.", 0.95, loaded("Cronies"))]
    whole = report(twice)
    first = next(findings(whole))
    rest = replace(whole, known=frozenset(part.key for part in first.parts))
    prints = [[r["partialFingerprints"] for r in run_of(given_report)["results"]] for given_report in (whole, rest)]
    assert prints[0][2:] == prints[1]


def test_the_words_of_others_fail_nothing_unless_they_are_included() -> None:
    quote = "A sham of cronies,"
    words = (loaded("cronies", 0.99), loaded("sadly", 0.6))
    given_report = report([sentence(f"“{quote}” she said, sadly.", 0.95, *words, quote=quote)])
    assert [part.text for part in reaching(given_report, "low")][1:] == ["sadly"]
    assert [part.text for part in reaching(replace(given_report, quotes="include"), "high")][1:] == ["cronies"]
    assert reaching(report([sentence("“Sham,” he said.", 0.9, loaded("Sham"), outlet=0.1, quote="Sham,")]), "low") == ()
