"""What the documentation promises: its commands run, its examples hold, its links lead somewhere.

Numbers that a model made are not compared: decimals in the examples' output stand for any decimal.
"""

from __future__ import annotations

import doctest
import importlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from test_review_store import VERDICT
from typer.main import get_command

from bias.cli import main
from bias.detector import read_sentences
from bias.reading import read_bytes
from bias.review.app import create_app
from bias.review.desk import Desk
from bias.review.store import Store

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
REVIEW = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
CORPUS = (ROOT / "docs" / "corpus.md").read_text(encoding="utf-8")
FIRST_SCREEN = README[: README.index("\n## ")]

SENTENCES = """article,sentence
1,The council voted 7 to 4 on Tuesday.
1,“This is a cynical stunt” Ana Ortiz said.
2,The clinic opens in May.
"""

DECIMAL = re.compile(r"\d+\.\d+")
HOME = re.compile(rb"(?<![\w.~>*-])/(?:root|home|Users|work|mnt|srv|tmp)/[\w.]")


def blocks(language: str, page: str = README) -> list[str]:
    """The contents of a page's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def shell_lines(page: str = README) -> list[str]:
    return [line for block in blocks("sh", page) for line in block.splitlines()]


LABELLING = ("train", "evaluate", "calibrate", "export", "audit", "suggest")
"""Commands over labelled data, shown on the training page and run there with a tiny model."""


def bias_commands(page: str) -> list[str]:
    pattern = r"(?:(?:cat|echo) .+\| )?\bbias [a-z]+ .*"
    return [match[0] for line in shell_lines(page) if (match := re.search(pattern, line))]


def name_of(command: str) -> str:
    return shlex.split(command.rpartition(" | ")[2])[1]


def opens_a_page(command: str) -> bool:
    return name_of(command) == "review" and not {"--export", "--agreement"} & set(shlex.split(command, comments=True))


CORPORA = ("corpus",)
"""Commands that go on from each other, and are run together."""

BIAS_COMMANDS = [
    line
    for line in bias_commands(README)
    if name_of(line) not in (*LABELLING, *CORPORA, "bench") and "--model" not in line and not opens_a_page(line)
]


class AnyDecimal(doctest.OutputChecker):
    """Takes any decimal for any other."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(DECIMAL.sub("0.0", want), DECIMAL.sub("0.0", got), optionflags)


def check_examples(tests: Iterable[doctest.DocTest]) -> None:
    """Run the examples, of which there must be some."""
    report = io.StringIO()
    runner = doctest.DocTestRunner(checker=AnyDecimal())
    for test in tests:
        runner.run(test, out=report.write)
    assert runner.tries
    assert not runner.failures, report.getvalue()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the README's commands read, to write in."""
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    (tmp_path / "sentences.csv").write_text(SENTENCES, encoding="utf-8")
    for reviewer in ("ana", "ben"):
        with Store(tmp_path / f"{reviewer}.jsonl") as store:
            store.add([replace(VERDICT, reviewer=reviewer)])
    (tmp_path / "known.json").write_text('{"version": 1, "findings": {}}', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_screen_has_picture_commands_and_terms() -> None:
    assert len(FIRST_SCREEN.splitlines()) < 45
    assert "](docs/report.png)" in FIRST_SCREEN
    assert "```sh\npip install . && bias score seeds/05-mixed-baltic-drones.txt\n```" in FIRST_SCREEN
    assert "[non-commercial use](models/default/LICENSE)" in " ".join(FIRST_SCREEN.split())


def test_the_test_command_is_that_of_the_checks() -> None:
    (command,) = [line for line in shell_lines() if "pytest" in line]
    assert command in FIRST_SCREEN
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(" --quiet", "")
    steps = [line.partition(" | ")[0] for line in script.splitlines() if not line.startswith("#")]
    at = [steps.index(step) for step in command.split(" && ")]
    assert at == sorted(at)
    assert "-c constraints.txt" in command
    assert (ROOT / "constraints.txt").is_file()


@pytest.mark.parametrize("line", BIAS_COMMANDS)
def test_commands_run(
    line: str, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, piped, command = line.rpartition(" | ")
    if piped:
        stdin = subprocess.run(source, shell=True, check=True, capture_output=True, timeout=10).stdout
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
    words = shlex.split(command, comments=True)
    status = main(words[1:])
    captured = capsys.readouterr()
    assert status in ((0, 1) if {"--fail-above", "--fail-level"} & set(words) else (0,)), captured.err
    target = next((words[words.index(name) + 1] for name in ("-o", "--export") if name in words), None)
    assert (checkout / target).stat().st_size if target else captured.out


@pytest.mark.parametrize("page", [README, CORPUS], ids=["README", "corpus"])
def test_commands_over_corpora_run(
    page: str, checkout: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line for line in bias_commands(page) if name_of(line) in CORPORA]
    assert len(lines) >= 2
    for line in lines:
        words = shlex.split(line)[1:]
        if "--ray" in words:
            continue  # tests/test_corpus_ray.py
        if words[1] == "run":
            words += ["--model", str(tiny_folder), "--jobs", "1"]
        assert main(words) == 0, capsys.readouterr().err
        for option, target in pairwise(words):
            assert option not in ("-o", "--terms-file") or (checkout / target).exists()


def test_commands_of_every_kind_are_shown() -> None:
    from bias.cli import make_app

    lines = [*bias_commands(README), *bias_commands(TRAINING), *bias_commands(CORPUS)]
    commands = get_command(make_app()).commands
    assert {name_of(line) for line in lines} == set(commands)
    of_corpora = {shlex.split(line)[2] for line in lines if name_of(line) == "corpus"}
    assert of_corpora == set(commands["corpus"].commands)


def test_the_formats_are_those_of_the_command() -> None:
    from bias.reporting import RENDERERS

    listed = re.search(r"formats of `--output-format` are (.+?);", " ".join(README.split()))
    assert listed
    assert set(re.findall(r"`(\w+)`", listed[1])) == set(RENDERERS)


def test_the_categories_and_voices_are_those_of_the_reports() -> None:
    from bias.types import CATEGORIES

    rows = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert tuple(name for name in rows if name in CATEGORIES) == CATEGORIES
    assert {"outlet", "mixed", "quoted"} <= set(rows)


def test_the_settings_shown_are_valid(tmp_path: Path) -> None:
    from bias.settings import KEYS, Configuration

    (example,) = blocks("toml")
    (tmp_path / "bias.toml").write_text(example, encoding="utf-8")
    settings = Configuration().of(tmp_path / "opinion" / "x.md").settings
    assert (settings.prior, settings.fail_level, settings.allow[-1]) == ("0.3", None, "hapless")
    assert Configuration().excludes(tmp_path / "news" / "town" / "live.md")
    assert [key for key in KEYS if key not in example] == []


def test_the_ignore_comments_shown_are_read_as_such() -> None:
    (example,) = blocks("markdown")
    article = read_bytes(f"It rained.\n\n{example}\nIt was late.".encode(), "a.md")
    sentences, ignored = read_sentences(article)
    assert [sentence.text for sentence in sentences] == ["It rained.", "It was late."]
    assert (ignored, article.warnings) == (1, ())


def test_the_exit_statuses_are_those_of_the_command() -> None:
    from bias.cli.status import ExitStatus

    assert [int(status) for status in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)] == sorted(ExitStatus)


@pytest.mark.parametrize("page", [README, TRAINING, REVIEW, CORPUS], ids=["README", "training", "review", "corpus"])
def test_commands_parse(page: str) -> None:
    from bias.cli import make_app

    for prefix, parsed in (("bias ", make_app()), ("python -m bias.training ", None)):
        commands = get_command(parsed or importlib.import_module("bias.training.__main__").app).commands
        for line in shell_lines(page):
            if line.startswith(prefix):
                name, *options = shlex.split(line.removeprefix(prefix), comments=True)
                command = commands[name]
                if name == "corpus":
                    command = command.commands[options.pop(0)]
                command.make_context(name, options)  # a usage error if an option is not there


def test_the_training_page_runs_from_data_to_scores(
    checkout: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "notebooks", checkout / "notebooks")
    commands = [shlex.split(line)[1:] for line in bias_commands(TRAINING)]
    assert [words for words in commands if words in [shlex.split(line)[1:] for line in bias_commands(README)]]
    ran = []
    for words in commands:
        name = words[0]
        if {"more.csv", "annotated.jsonl", "pages/"} & set(words) or "--checklist" in words:
            continue  # of files that a reader has, and minutes of sentences
        if name == "train":
            words += ["--base", str(tiny_folder), "--epochs", "1"]
        elif name in ("audit", "suggest"):
            words += ["--model", str(tiny_folder)]
        assert main(words) == 0, capsys.readouterr().err
        ran.append(name)
    assert ran == ["train", "evaluate", "score", "export", "audit", "suggest"]
    assert (checkout / "next.jsonl").read_text(encoding="utf-8")


def test_the_data_sets_are_those_that_are_read() -> None:
    from bias.training.data.sources import SOURCES

    for name, source in SOURCES.items():
        where = re.match(r"\S+/\S+", source.where)
        assert not where or f"{where[0]}" in README, name


@pytest.mark.usefixtures("checkout")
def test_the_examples_in_python() -> None:
    parse = doctest.DocTestParser().get_doctest
    check_examples([parse("\n".join(blocks("python")), {}, "README.md", "README.md", 0)])


@pytest.mark.parametrize(
    "path",
    [path for path in sorted((ROOT / "bias").rglob("*.py")) if ">>>" in path.read_text(encoding="utf-8")],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_the_examples_in_docstrings(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    check_examples(doctest.DocTestFinder().find(importlib.import_module(name)))


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    targets = re.findall(r"\]\(([^)\s]+)\)", README)
    assert targets
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith(("https://", "mailto:")):
            assert (ROOT / target).exists(), target


@pytest.mark.parametrize("name", ["report.png", "review.png"])
def test_the_pictures_are_small(name: str) -> None:
    picture = (ROOT / "docs" / name).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 300_000


def test_no_file_names_a_place_on_a_developers_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, timeout=30)
    if listed.returncode:
        pytest.skip("not a checkout")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    assert paths
    named = {
        path.relative_to(ROOT).as_posix(): match[0]
        for path in paths
        if path.is_file() and (match := HOME.search(path.read_bytes()))
    }
    assert not named


def test_the_keys_of_the_review_are_those_of_the_page() -> None:
    page = (ROOT / "bias" / "review" / "static" / "index.html").read_text(encoding="utf-8")
    keys = set(re.findall(r"<kbd>(.+?)</kbd>", page[page.index("<dl>") : page.index("</dl>")]))
    told = set(re.findall(r"`(.+?)`", "\n".join(re.findall(r"^\| (`.+) \|$", REVIEW, re.MULTILINE))))
    assert keys
    assert keys - {"↓", "↑"} <= told  # the arrows


def test_the_requests_of_the_review_are_those_that_are_answered() -> None:
    answered = create_app(cast(Desk, None)).openapi()["paths"]  # nothing is asked of the desk
    told = {path.replace("ID", "{article}") for path in re.findall(r"^\| `.*?(/[\w/]+)` \|", REVIEW, re.MULTILINE)}
    assert told == set(answered)
