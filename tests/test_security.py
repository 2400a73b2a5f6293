"""SECURITY.md names the tests of every promise: those tests are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(?:(test_\w+\.py)::)?(test_\w+)`")


def promises() -> list[list[str]]:
    """The cells of the rows of all tables of promises, without their heads."""
    tables = [block.splitlines()[2:] for block in PAGE.split("\n\n") if block.startswith("| promise |")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for table in tables for line in table]


def test_every_promise_names_a_test() -> None:
    assert len(promises()) > 50
    for promise, tests, _ in promises():
        assert NAMED.search(tests), promise


def test_every_test_that_is_named_is_there() -> None:
    known = {
        path.name: set(re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in (ROOT / "tests").glob("test_*.py")
    }
    everywhere = set().union(*known.values())
    named = NAMED.findall(PAGE)
    assert named
    for file, test in named:
        assert test in (known[file] if file else everywhere), (file, test)


def test_the_sections_are_there() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert {
        "Input and model files",
        "Faults",
        "The review page",
        "Supply chain",
        "Network",
        "Reporting a vulnerability",
    } <= set(headings)
