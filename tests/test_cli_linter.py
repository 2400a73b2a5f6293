"""`bias score` as a linter: ignore comments, settings, gates by level, baselines and pre-commit."""

from __future__ import annotations

import io
import json
import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from typer.main import get_command

from bias.cli import main, make_app
from bias.detector import Detector
from bias.settings import KEYS

ROOT = Path(__file__).resolve().parents[1]

BLUNT = (
    "It was a shameful, spineless surrender to the mayor's corrupt cronies, and only a fool could defend that disgrace."
)
STORY = f"""The council voted 7 to 4 on Tuesday to lease the ferry terminal for 30 years.

{BLUNT} The terminal has been closed since a fire damaged its roof in 2019.
"""
IGNORED = f"""The council voted 7 to 4 on Tuesday to lease the ferry terminal for 30 years.

<!-- bias: off -->

{BLUNT}

<!-- bias: on -->

The terminal has been closed since a fire damaged its roof in 2019. It opens in May.
"""


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def reports(self) -> list[dict[str, Any]]:
        return json.loads(self.out)

    @property
    def found(self) -> list[str]:
        """The lines of findings of the concise view."""
        return [line for line in self.out.splitlines() if ": opinionated " in line]


Run = Callable[..., Result]


@pytest.fixture(scope="module")
def shipped() -> Detector:
    return Detector()


@pytest.fixture
def run(tmp_path: Path, shipped: Detector, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process, in a folder of its own, with the shipped model, which is loaded once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bias.detector.Detector", lambda model=None: shipped)

    def command(*arguments: str, stdin: str | None = None) -> Result:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        chosen = [] if "--output-format" in arguments or "-o" in arguments else ["--output-format", "concise"]
        return Result(main(["score", *chosen, *arguments]), *capsys.readouterr())

    return command


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of articles."""
    for name, text in {"news/vote.txt": STORY, "news/letter.md": IGNORED, "opinion/pier.txt": STORY}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


# --- ignore comments ---


def test_ignored_sentences_neither_count_nor_fail(run: Run, site: Path) -> None:
    assert run("news/vote.txt", "--fail-level", "low").status == 1
    result = run("news/letter.md", "--fail-level", "low", "--fail-above", "9")
    assert (result.status, result.found) == (0, [])
    assert "1 sentence ignored" in result.out
    (ignored,) = run("news/letter.md", "--output-format", "json").reports
    assert ignored["summary"]["ignored"] == 1
    (plain,) = run("news/vote.txt", "--output-format", "json").reports
    assert ignored["score"] < plain["score"]
    for sentence in ignored["sentences"]:
        assert IGNORED[sentence["start"] : sentence["end"]] == sentence["text"]


# --- levels ---


def test_gates_and_display_by_level(run: Run, site: Path) -> None:
    (report,) = run("news/vote.txt", "--output-format", "json").reports
    (sentence,) = [sentence for sentence in report["sentences"] if sentence["label"] == "opinionated"]
    levels = [sentence["level"], *(span["level"] for span in sentence["spans"])]
    assert sentence["text"] == BLUNT
    assert "high" in levels
    for level in ("low", "medium", "high"):
        result = run("news/vote.txt", "--fail-level", level, "--min-level", "high")
        assert result.status == 1
        number = sum(("low", "medium", "high").index(name) >= ("low", "medium", "high").index(level) for name in levels)
        assert f"news/vote.txt: {number} finding{'s' * (number > 1)} of level {level}" in result.err
        assert run("news/vote.txt", "--fail-level", level, "--exit-zero").status == 0
    words = ", ".join(span["text"] for span in sentence["spans"] if span["level"] == "high")
    (line,) = run("news/vote.txt", "--min-level", "high").found
    assert f" (high) {words} " in line
    assert run("news/vote.txt", "--fail-level", "none").status == 0
    assert run("news/vote.txt", "none.txt", "--fail-level", "low").status == 2
    assert run("news/vote.txt", "--fail-level", "low", "--threshold", "1").status == 0
    assert run("news/vote.txt", "--output-format", "json", "--min-level", "high").reports == [report]
    kinds = {line.partition(" ")[0] for line in run("news/vote.txt", "--output-format", "github").out.splitlines()}
    assert kinds == {"::error", "::notice"}


@pytest.mark.parametrize("option", ["--fail-level", "--min-level"])
def test_a_level_that_is_none_is_bad_usage(run: Run, site: Path, option: str) -> None:
    result = run("news/vote.txt", option, "severe")
    assert result.status == 2
    assert option in result.err


# --- settings ---


def test_settings_hold_for_the_files_below_them(run: Run, site: Path) -> None:
    write(site / "bias.toml", 'fail-level = "high"\n[[overrides]]\nfiles = ["opinion/"]\nfail-level = "none"\n')
    result = run("news", "opinion")
    assert result.status == 1
    assert [line.split(": ")[1] for line in result.err.splitlines()] == ["news/vote.txt"]
    assert run("opinion").status == run("news", "--fail-level", "none").status == run("news", "--isolated").status == 0
    write(site / "news" / "bias.toml", 'prior = "balanced"\nquotes = "include"\nthreshold = 0.9\n')
    reports = run(".", "--output-format", "json").reports
    priors = {r["article"]["source"]: (r["prior"], r["quotes"], r["threshold"]) for r in reports}
    assert priors["news/vote.txt"] == ("balanced", "include", 0.9)
    assert priors["opinion/pier.txt"][:2] == ("news", "separate")
    (report,) = run("news/vote.txt", "--output-format", "json", "--prior", "0.2").reports
    assert (report["prior"], report["threshold"]) == ("0.2", 0.9)


def test_allowed_terms_from_the_file_and_the_command_line(run: Run, site: Path) -> None:
    (line,) = run("news/vote.txt").found
    assert "cronies" in line.partition('"')[0]
    write(site / "pyproject.toml", '[tool.bias]\nallow = ["crony"]\n')
    result = run("news/vote.txt")
    assert "cronies" not in result.found[0].partition('"')[0]
    assert "1 term allowed" in result.out
    result = run("news/vote.txt", "--allow", "spineless", "--allow", "fool")
    assert "cronies" in result.found[0].partition('"')[0]
    assert "spineless" not in result.found[0].partition('"')[0]
    assert "2 terms allowed" in result.out
    assert run("news/vote.txt", "--allow", "--").status == 2


def test_excluded_files_are_passed_over_unless_named(run: Run, site: Path) -> None:
    write(site / "bias.toml", 'exclude = ["opinion", "letter.*"]\n')
    sources = {line.partition(":")[0] for line in run(".").out.splitlines()}
    assert sources == {"news/vote.txt"}
    assert "opinion/pier.txt" in run("opinion/pier.txt").out
    assert run("opinion/pier.txt", "opinion", "--force-exclude") == (0, "", "")
    assert "opinion/pier.txt" in run(".", "--exclude", "news").out
    write(site / "opinion" / "bias.toml", 'exclude = ["*.txt"]\n')
    assert run("opinion", "--output-format", "json") == (0, "[]\n", "")


def test_standard_input_has_the_settings_of_its_name_or_the_working_folder(run: Run, site: Path) -> None:
    write(site / "bias.toml", "fail-above = 0\n")
    write(site / "news" / "bias.toml", "fail-above = 100\n")
    assert run("-", stdin=STORY).status == 1
    assert run(stdin=STORY).status == 1
    assert run("-", "--stdin-filename", "news/x.txt", stdin=STORY).status == 0
    assert run("-", "--stdin-filename", "news/x.md", stdin=IGNORED).found == []


def test_a_named_file_is_for_all_and_mistakes_are_one_line(run: Run, site: Path) -> None:
    write(site / "bias.toml", "fail-above = 0\n")
    write(site / "other.toml", "fail-above = 100\n")
    assert run("news/vote.txt").status == 1
    assert run("news/vote.txt", "--config", "other.toml").status == 0
    write(site / "other.toml", "fail-abov = 100\n")
    for arguments in (["--config", "other.toml"], ["--config", "no.toml"], ["--config", "bias.toml", "--isolated"]):
        status, out, err = run("news/vote.txt", *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
    write(site / "news" / "bias.toml", "fail-abov = 100\n")
    status, out, err = run("news/vote.txt")
    assert (status, out) == (2, "")
    path = os.path.join(site, "news", "bias.toml")  # noqa: PTH118
    assert err.startswith(f"bias: {path}: unknown key 'fail-abov' (did you mean fail-above?): allowed are allow, ")


def test_show_settings_is_toml_with_origins(run: Run, site: Path) -> None:
    write(site / "bias.toml", 'allow = ["crony"]\n[[overrides]]\nfiles = ["opinion/**"]\nmin-level = "high"\n')
    status, out, err = run(".", "--show-settings", "--fail-level", "high", "--prior", "0.3")
    assert (status, err) == (0, "")
    news, opinion = out.split("\n\n")
    assert "# news/letter.md\n# news/vote.txt\n" in news
    assert f"# settings: {site / 'bias.toml'}\n" in news
    assert "# opinion/pier.txt\n" in opinion
    assert 'min-level = "high"  # bias.toml, overrides for opinion/**' in opinion
    assert 'fail-level = "high"  # command line' in news
    assert 'quotes = "separate"  # default' in news
    values = tomllib.loads(news)
    assert values["allow"] == ["crony"]
    assert (values["prior"], values["min-level"]) == ("0.3", "low")
    assert all(f"{key} = " in news or f"# {key}: " in news for key in KEYS)
    write(site / "bias.toml", news)
    assert run(".", "--show-settings").status == 0
    assert "# x.md\n" in run("-", "--stdin-filename", "x.md", "--show-settings", "--isolated").out


# --- baselines ---


def test_a_baseline_leaves_new_findings_alone(run: Run, site: Path) -> None:
    arguments = ("news", "--baseline", "known.json", "--fail-level", "low")
    result = run(*arguments)
    assert (result.status, result.out) == (2, "")
    assert "make it with --update-baseline" in result.err
    result = run(*arguments, "--update-baseline")
    assert result.status == 0
    assert len(result.found) == 1
    assert "findings added, 0 kept, 0 gone" in result.err
    result = run(*arguments)
    assert (result.status, result.found, result.err) == (0, [], "")

    write(
        site / "news" / "vote.txt", f"The mayor spoke.\n\n{STORY}\nWhat a vile, disgraceful swindle by greedy thugs.\n"
    )
    result = run(*arguments)
    assert result.status == 1
    (line,) = result.found
    assert line.startswith("news/vote.txt:7:1: ")
    assert "new finding" in result.err
    (sarif,) = json.loads(run(*arguments, "--output-format", "sarif").out)["runs"]
    assert {found["baselineState"] for found in sarif["results"]} == {"new"}

    write(site / "news" / "vote.txt", "The council voted 7 to 4 on Tuesday. It rained. The vote was short.\n")
    result = run(*arguments)
    assert result.status == 0
    assert f'gone: news/vote.txt: "{BLUNT[:60]}' in result.err
    assert "gone: drop them with --update-baseline" in result.err
    assert "gone and dropped" in run(*arguments, "--update-baseline").err
    assert json.loads((site / "known.json").read_text())["findings"] == {}
    assert run(*arguments).err == ""


def test_a_baseline_stays_where_a_run_does_not_end(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("news", "--baseline", "known.json", "--update-baseline")
    before = (site / "known.json").read_bytes()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bias.reporting.baseline._rendered", interrupted)
    assert run("opinion", "--baseline", "known.json", "--update-baseline").status == 130
    assert (site / "known.json").read_bytes() == before
    assert sorted(path.name for path in site.iterdir()) == ["known.json", "news", "opinion"]


def test_a_file_that_cannot_be_read_keeps_what_is_known_of_it(run: Run, site: Path) -> None:
    run("news", "--baseline", "known.json", "--update-baseline")
    before = (site / "known.json").read_bytes()
    (site / "news" / "vote.txt").write_bytes(b"%PDF-1.7\n")
    assert run("news", "--baseline", "known.json", "--update-baseline").status == 2
    assert (site / "known.json").read_bytes() == before


def test_baselines_that_cannot_be(run: Run, site: Path) -> None:
    write(site / "known.json", "{}")
    for arguments, told in (
        (["--update-baseline"], "name it with --baseline"),
        (["--baseline", "known.json"], "known.json: no baseline that"),
        (["--baseline", "no/known.json", "--update-baseline"], "there is no folder"),
    ):
        status, _, err = run("news", *arguments)
        assert status == 2
        assert told in err.splitlines()[-1]


# --- pre-commit ---


def test_the_hook_of_pre_commit_runs_the_command(run: Run, site: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert (hook["id"], hook["language"]) == ("bias", "python")
    program, command, *entry = hook["entry"].split()
    assert (program, command) == ("bias", "score")
    arguments = [*entry, *hook["args"]]
    known = {name for option in get_command(make_app()).commands["score"].params for name in option.opts}
    assert {argument.partition("=")[0] for argument in arguments if argument.startswith("-")} <= known
    context = get_command(make_app()).commands["score"].make_context("score", [*arguments, "a.md"])
    assert list(context.params["paths"]) == ["a.md"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert hook["additional_dependencies"] == project["optional-dependencies"]["html"]
    result = run(*arguments, "news/vote.txt", "news/letter.md")
    assert result.status == 1
    assert len(result.found) == 1
    assert run(*arguments, "news/letter.md").status == 0
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "- id: bias" in readme
    (example,) = [block for block in readme.split("```yaml\n")[1:] if "id: bias" in block]
    (repository,) = yaml.safe_load(example.partition("```")[0])["repos"]
    assert repository["hooks"][0]["id"] == hook["id"]
