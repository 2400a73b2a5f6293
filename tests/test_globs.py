from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bias.globs import fits

HERE = Path("/site")


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("drafts", ["drafts", "drafts/a.md", "news/drafts/a.md"], ["draft/a.md", "news/my-drafts/a.md"]),
        ("drafts/", ["drafts/a.md", "news/drafts/x/a.md"], ["a.md"]),
        ("*.html", ["a.html", "news/a.html"], ["a.htm", "a.html.md"]),
        ("news/*.md", ["news/a.md"], ["a.md", "news/x/a.md", "old/news/a.md"]),
        ("./news", ["news/a.md"], ["old/news/a.md"]),
        ("/news", ["news/a.md", "news"], ["old/news/a.md"]),
        ("news/*/live.md", ["news/x/live.md"], ["news/live.md", "news/x/y/live.md"]),
        ("**/letters", ["letters/a.md", "x/letters/a.md", "x/y/letters"], ["letters.md"]),
        ("opinion/**", ["opinion/a.md", "opinion/x/a.md"], ["opinions/a.md"]),
        ("a/**/z.md", ["a/z.md", "a/b/z.md", "a/b/c/z.md"], ["a/b/z.html", "b/z.md"]),
        ("[ab]?.txt", ["a1.txt", "b2.txt"], ["c1.txt", "a.txt", "A1.txt"]),
    ],
)
def test_patterns(pattern: str, fitting: list[str], other: list[str]) -> None:
    assert [path for path in fitting if not fits(pattern, HERE / path, HERE)] == []
    assert [path for path in other if fits(pattern, HERE / path, HERE)] == []


def test_paths_count_from_the_patterns_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fits("news/*.md", "news/a.md", tmp_path)
    assert not fits("news/*.md", "news/a.md", tmp_path / "sub")
    assert fits("*.md", "news/a.md", tmp_path / "sub")


PARTS = st.lists(st.text(alphabet="ab*?", min_size=1, max_size=3), min_size=2, max_size=4)


@given(PARTS.map("/".join), st.lists(st.text(alphabet="ab", min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_pattern_agrees_with_its_regular_expression(pattern: str, parts: list[str]) -> None:
    expression = ""
    for part in pattern.split("/"):
        if part == "**":
            expression += "(?:[^/]+/)*"
        else:
            expression += part.replace("*", "[^/]*").replace("?", "[^/]") + "/"
    heads = ["/".join(parts[:size]) + "/" for size in range(1, len(parts) + 1)]
    expected = any(re.fullmatch(expression, head) for head in heads)
    assert fits(pattern, HERE / "/".join(parts), HERE) == expected
