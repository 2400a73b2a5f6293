"""SECURITY.md names the test of every promise: those tests are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """The cells of the rows of all tables, without their heads."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if row[0] != "promise"]


def test_every_promise_names_a_test() -> None:
    assert len(rows()) > 25
    for promise, tests, _ in rows():
        assert re.findall(r"`(test_\w+)`", tests), promise


def test_every_test_that_is_named_is_there() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")]
    known = {name for source in sources for name in re.findall(r"^def (test_\w+)\(", source, re.MULTILINE)}
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert not named - known


def test_the_sections_are_there() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert {"Faults", "The review page", "Supply chain", "Network", "Reporting a vulnerability"} <= set(headings)
