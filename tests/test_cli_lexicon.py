from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bias.cli import main
from bias.lexicon import Entry, default_lexicon
from bias.types import CATEGORIES

LEXICON = default_lexicon()

MINE = """
category = "loaded_language"
source = "own judgement"

[slam]
term = "slam"
inflect = "verb"
why = "Makes a disagreement a blow."
alternatives = ["criticise"]
loaded = "The governor slammed the court."
plain = "He slammed the door."
unless = ["~ the door"]

[cave-in]
term = "cave in"
why = "Makes a concession a collapse."
alternatives = ["concede"]
loaded = "The union did cave in."
"""


class Result(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str | Path) -> Result:
        return Result(main(["lexicon", *map(str, arguments)]), *capsys.readouterr())

    return call


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    return path


# Listing


def test_all_entries_are_listed_by_their_terms(run: Run) -> None:
    done = run()
    assert (done.status, done.err) == (0, "")
    terms = [re.split(r"\s{2,}", line)[0] for line in done.out.splitlines()]
    assert sorted(terms) == sorted(entry.term for entry in LEXICON.entries)
    assert terms == sorted(terms, key=str.lower)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_lists_its_entries_alone(run: Run, category: str) -> None:
    listed = json.loads(run("--category", category, "--output-format", "json").out)
    assert {entry["id"] for entry in listed} == {entry.id for entry in LEXICON.entries if entry.category == category}


def test_a_word_that_is_no_term_is_searched_for(run: Run) -> None:
    out = run("MOB").out
    assert "angry mob" in out
    assert len(out.splitlines()) < 20
    assert "absurd" not in out


def test_a_search_goes_by_the_beginnings_of_words(run: Run) -> None:
    assert all(re.search(r"(?i)(?<!\w)art", str(entry)) for entry in json.loads(run("art", "--output-format=json").out))


def test_search_and_category_go_together(run: Run) -> None:
    found = json.loads(run("left", "--category", "exaggeration", "--output-format", "json").out)
    assert {entry["category"] for entry in found} <= {"exaggeration"}
    found = json.loads(run("regime", "--category", "name_calling", "--output-format", "json").out)
    assert [entry["id"] for entry in found] == ["regime"]
    assert "regime" not in [e["id"] for e in json.loads(run("regime", "--category=doubt", "--output-format=json").out)]


@pytest.mark.parametrize(("output_format", "out"), [("full", ""), ("json", "[]\n"), ("markdown", "")])
def test_a_word_that_nothing_holds_is_told_and_no_error(run: Run, output_format: str, out: str) -> None:
    assert run("zzyzx", "--output-format", output_format) == (0, out, "no entry for 'zzyzx'\n")


def test_a_list_in_markdown_is_a_table(run: Run) -> None:
    lines = run("--category", "doubt", "--output-format", "markdown").out.splitlines()
    assert lines[:2] == ["| Term | Category | Why |", "| --- | --- | --- |"]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}


# Explaining


@pytest.mark.parametrize("words", [["regime"], ["Regimes"]])
def test_a_term_in_any_form_is_explained(run: Run, words: list[str]) -> None:
    done = run(*words)
    entry = LEXICON.lookup("regime")
    assert entry is not None
    assert entry.plain
    assert done.status == 0
    out = " ".join(done.out.split())
    for told in ("name-calling", entry.why, ", ".join(entry.alternatives), entry.source, entry.loaded, entry.plain):
        assert told in out
    assert "sanctions regime" in out  # where it is plain
    assert "~" not in out


def test_a_phrase_needs_no_quotation_marks_and_an_id_will_do(run: Run) -> None:
    assert run("witch", "hunts").out == run("witch hunts").out == run("witch hunt").out
    assert run("blood-on-hands").out.startswith("blood on their hands\n")


@pytest.mark.parametrize("entry", LEXICON.entries[::40], ids=lambda entry: entry.id)
def test_an_entry_is_explained_in_every_format(run: Run, entry: Entry) -> None:
    assert run(entry.term).out.startswith(f"{entry.term}\n  id ")
    assert run(entry.term, "--output-format", "markdown").out.startswith("## ")
    (record,) = json.loads(run(entry.term, "--output-format", "json").out)
    assert record["id"] == entry.id
    assert record["unless"] == list(entry.unless)


def test_an_entry_tells_its_mirror(run: Run) -> None:
    entry = next(entry for entry in LEXICON.entries if entry.mirror)
    out = run(entry.id).out
    assert re.search(rf"mirror +{entry.mirror}\n", out)
    assert f"mostly the {entry.aimed}" in out


# A text


def test_the_terms_of_a_text_are_shown_where_they_stand(run: Run) -> None:
    text = "\U0001f600 The regime slammed\nthe café, not the tax regime."
    found = json.loads(run("--text", text, "--output-format", "json").out)
    assert [(hit["text"], hit["entry"]["id"]) for hit in found] == [("regime", "regime"), ("slammed", "slam")]
    assert all(text[hit["start"] : hit["end"]] == hit["text"] for hit in found)
    lines = run("--text", text).out.splitlines()
    assert [line.split()[:2] for line in lines] == [["6-12", "regime"], ["13-20", "slammed"]]
    assert "Try " in lines[0]
    assert run("--text", text, "--category", "name_calling").out.splitlines()[0].split()[:2] == ["6-12", "regime"]
    assert len(run("--text", text, "--output-format", "markdown").out.splitlines()) == 4


@pytest.mark.parametrize("text", ["", "The council voted 7 to 4."])
def test_a_text_without_terms_is_told_and_no_error(run: Run, text: str) -> None:
    assert run("--text", text) == (0, "", "no term of the lexicon stands in this text\n")


def test_a_text_cannot_command_the_terminal(run: Run) -> None:
    assert "\x1b" not in run("--text", "\x1b[31mso\u2028called regime").out
    assert "\x1b" not in run("\x1b[31mx").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "The", "regime"], "put it in quotation marks"),
        (["--check", "--text", "x"], "neither --text nor --category"),
        (["--check", "--category", "doubt"], "neither --text nor --category"),
        (["--category", "rude"], "rude"),
    ],
)
def test_what_does_not_go_together_is_an_error_in_one_line(run: Run, arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err


# Checking


def test_the_shipped_entries_are_sound(run: Run) -> None:
    done = run("--check")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"{len(LEXICON.entries)} entries in ")
    assert done.out.endswith(" files: no fault\n")
    assert run("--check", "--output-format", "json").out == "[]\n"


def test_a_sound_file_of_ones_own_passes_alone_and_in_its_folder(run: Run, mine: Path) -> None:
    for path in (mine, mine.parent):
        assert run("--check", path) == (0, "2 entries in 1 file: no fault\n", "")


def test_every_fault_is_one_line_with_file_and_entry(run: Run, mine: Path) -> None:
    faulty = (
        MINE.replace('unless = ["~ the door"]', "").replace(  # the plain example is reported
            'loaded = "The union did cave in."', 'loaded = "The cave."\ncolour = "red"\nplain = 1'
        )
        + '\n[Crony]\nterm = "crony"\nwhy = " "\nalternatives = "ally"\nloaded = "A crony."\ncategory = "rude"\n'
    )
    mine.write_text(faulty, encoding="utf-8")
    done = run("--check", mine)
    assert done.status == 2
    assert done.err == "bias: 3 entries in 1 file: 7 faults, listed on standard output\n"
    assert done.out.splitlines() == [
        f"{mine}: [slam]: plain: the term is reported in 'He slammed the door.'",
        f"{mine}: [cave-in]: unknown key 'colour'",
        f"{mine}: [cave-in]: plain must be text",
        f"{mine}: [Crony]: an id is lower-case words joined by hyphens",
        f"{mine}: [Crony]: category must be one of {', '.join(CATEGORIES)}, not 'rude'",
        f"{mine}: [Crony]: why must be text",
        f"{mine}: [Crony]: alternatives must be a list of texts",
    ]
    records = json.loads(run("--check", mine, "--output-format", "json").out)
    assert [record["entry"] for record in records] == ["slam", *["cave-in"] * 2, *["Crony"] * 4]
    assert {record["file"] for record in records} == {str(mine)}
    assert len(run("--check", mine, "--output-format", "markdown").out.splitlines()) == 2 + len(records)


def test_files_that_cannot_be_read_are_faults_and_stop_no_other(run: Run, mine: Path) -> None:
    broken, missing = mine.with_name("broken.toml"), mine.with_name("missing.toml")
    broken.write_text("[slam", encoding="utf-8")
    mine.write_text(MINE.replace("did cave in", "gave in"), encoding="utf-8")
    done = run("--check", broken, missing, mine)
    assert done.status == 2
    first, second, third = done.out.splitlines()
    assert first.startswith(f"{broken}: not valid TOML: ")
    assert second.startswith(f"{missing}: cannot be read: ")
    assert third == f"{mine}: [cave-in]: loaded: the term is not reported in 'The union gave in.'"


def test_a_folder_without_files_is_an_error(run: Run, tmp_path: Path) -> None:
    done = run("--check", tmp_path)
    assert (done.status, done.out) == (2, "")
    assert "no *.toml file" in done.err


# Speed


def test_nothing_heavy_is_imported() -> None:
    code = "import sys; from bias.cli import main; main(['lexicon', 'regime']); print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "bias.lexicon" in loaded
    assert loaded.isdisjoint({"numpy", "onnxruntime", "torch", "tokenizers", "jinja2", "pandas", "bias.detector"})
