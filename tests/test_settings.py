from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bias.errors import UsageError
from bias.settings import KEYS, Configuration, Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "news" / "live").mkdir(parents=True)
    (tmp_path / "opinion").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def settings(file: str | None = "news/a.md", **given: Any) -> Settings:
    return Configuration(given).of(file).settings


def test_without_a_file_the_defaults_are_in_force() -> None:
    of = Configuration().of("news/a.md")
    assert (of.settings, of.origins, of.file) == (Settings(), {}, None)


def test_every_key_is_read(folder: Path) -> None:
    write(
        folder / "bias.toml",
        'prior = 0.3\nthreshold = 0\nquotes = "include"\nallow = ["regime"]\nexclude = ["drafts"]\n'
        'min-level = "medium"\nfail-level = "high"\nfail-above = 30.5\n',
    )
    assert settings() == Settings("0.3", 0.0, "include", ("regime",), ("drafts",), "medium", "high", 30.5)
    assert set(Configuration().of("news/a.md").origins) == {key.replace("-", "_") for key in KEYS}


def test_the_nearest_file_counts_alone_and_bias_toml_before_pyproject(folder: Path) -> None:
    write(folder / "pyproject.toml", '[tool.bias]\nprior = "balanced"\nfail-above = 9\n')
    assert settings().prior == settings(None).prior == "balanced"
    write(folder / "news" / "pyproject.toml", "[tool.ruff]\nline-length = 100\n")
    assert settings().prior == "balanced"
    write(folder / "news" / "pyproject.toml", "[tool.bias]\nthreshold = 0.5\n")
    assert settings() == settings("news/live/a.md") == Settings(threshold=0.5)
    write(folder / "news" / "bias.toml", "threshold = 0.6\n")
    assert settings() == Settings(threshold=0.6)
    of = Configuration().of("news/a.md")
    assert (of.file, of.origins) == (folder / "news" / "bias.toml", {"threshold": "bias.toml"})
    assert settings("opinion/a.md").fail_above == 9


def test_overrides_by_pattern_the_later_before_the_earlier(folder: Path) -> None:
    write(
        folder / "pyproject.toml",
        """
        [tool.bias]
        allow = ["regime"]
        fail-level = "high"
        [[tool.bias.overrides]]
        files = ["opinion/**", "letters"]
        prior = 0.3
        allow = ["crony"]
        fail-level = "none"
        [[tool.bias.overrides]]
        files = ["opinion/live.md"]
        prior = 0.4
        allow = ["thug"]
        """,
    )
    assert settings() == settings(None) == Settings(allow=("regime",), fail_level="high")
    assert settings("opinion/a.md") == Settings("0.3", allow=("regime", "crony"))
    assert settings("opinion/live.md") == Settings("0.4", allow=("regime", "crony", "thug"))
    assert settings("news/letters/a.md").prior == "0.3"
    origins = Configuration().of("opinion/live.md").origins
    assert origins["prior"] == "pyproject.toml, overrides for opinion/live.md"
    assert origins["fail_level"] == "pyproject.toml, overrides for opinion/**, letters"


def test_the_command_line_outranks_the_file(folder: Path) -> None:
    write(folder / "bias.toml", 'allow = ["regime"]\nfail-level = "low"\nmin-level = "high"\n')
    found = settings(allow=("crony",), fail_level="none", prior="balanced")
    assert found == Settings("balanced", allow=("crony",), min_level="high")
    origins = Configuration({"allow": ("crony",)}).of("news/a.md").origins
    assert origins == {"allow": "command line", "fail_level": "bias.toml", "min_level": "bias.toml"}


def test_isolated_and_a_named_file(folder: Path) -> None:
    write(folder / "bias.toml", "threshold = 0.5\n")
    other = write(folder / "opinion" / "other.toml", 'threshold = 0.7\nexclude = ["live/"]\n')
    assert Configuration(isolated=True).of("news/a.md").settings == Settings()
    named = Configuration(file=other)
    assert named.of("news/a.md").settings.threshold == named.of(None).settings.threshold == 0.7
    with pytest.raises(UsageError, match="one of the two"):
        Configuration(file=other, isolated=True)


def test_excluded_files(folder: Path) -> None:
    write(folder / "bias.toml", 'exclude = ["news/live", "*.html"]\n')
    configuration = Configuration()
    assert configuration.excludes("news/live/a.md")
    assert configuration.excludes(folder / "news" / "live")
    assert configuration.excludes("opinion/a.html")
    assert not configuration.excludes("news/a.md")
    assert not Configuration(isolated=True).excludes("news/live/a.md")
    given = Configuration({"exclude": ("opinion",)})
    assert given.excludes("opinion/a.md")
    assert not given.excludes("news/live/a.md")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("threshhold = 1", "bias.toml: unknown key 'threshhold' (did you mean threshold?): allowed are allow, "),
        ("min_level = 'low'", "(did you mean min-level?)"),
        ("threshold = 1.5", "bias.toml: threshold is a number from 0 to 1, not 1.5"),
        ("threshold = true", "threshold is a number from 0 to 1, not True"),
        ("threshold = nan", "threshold is a number from 0 to 1, not nan"),
        ("prior = 1", "prior is news, balanced, or a number above 0 and below 1, not 1"),
        ("prior = 'opinion'", "prior is news, balanced, or a number above 0 and below 1, not 'opinion'"),
        ("quotes = 'with'", "quotes is separate or include, not 'with'"),
        ("allow = 'regime'", "allow is a list of words, phrases and ids of the lexicon's entries, not 'regime'"),
        ("allow = ['--']", "allow is a list of words"),
        ("exclude = [1]", "exclude is a list of patterns, not [1]"),
        ("min-level = 'none'", "min-level is low, medium or high, not 'none'"),
        ("fail-level = 2", "fail-level is low, medium, high or none, not 2"),
        ("fail-above = 101", "fail-above is a number from 0 to 100, not 101"),
        ("overrides = 1", "overrides are tables"),
        ("[[overrides]]\nprior = 0.3", "bias.toml, overrides 1: files is missing"),
        ("[[overrides]]\nfiles = ['a']\nexclude = ['b']", "overrides 1: unknown key 'exclude'"),
        ("[[overrides]]\nfiles = ['']", "overrides 1: files is a list of patterns, not ['']"),
        ("prior = ", "bias.toml: not valid TOML: "),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_file_key_and_what_is_allowed(folder: Path, text: str, told: str) -> None:
    path = write(folder / "bias.toml", text)
    for configuration in (Configuration, lambda: Configuration(file=path)):
        with pytest.raises(UsageError) as error:
            configuration().of("news/a.md")
        assert told in str(error.value)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)
    pyproject = write(folder / "news" / "pyproject.toml", "[tool.bias]\nprior = 2\n")
    with pytest.raises(UsageError) as error:
        Configuration().of("news/a.md")
    assert str(error.value).startswith(f"{pyproject}: [tool.bias]: prior is news, balanced, or")


def test_a_named_file_must_be_there_and_have_the_table(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        Configuration(file=folder / "no.toml")
    path = write(folder / "pyproject.toml", "[tool.ruff]\n")
    with pytest.raises(UsageError, match=r"no table \[tool.bias\]"):
        Configuration(file=path)
    write(path, "tool = {bias = 1}\n")
    with pytest.raises(UsageError, match=r"\[tool.bias\] is a table"):
        Configuration(file=path)
