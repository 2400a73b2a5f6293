"""The promises of SECURITY.md each name a test, and every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "SECURITY.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(?:tests/)?(test_\w+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_test_that_the_page_names_exists(file: str, test: str) -> None:
    assert re.search(rf"^(?:async )?def {test}\(", (TESTS / file).read_text("utf-8"), re.MULTILINE)


def test_every_promise_names_a_test() -> None:
    tables = [block.splitlines()[2:] for block in PAGE.split("\n\n") if block.startswith("| promise |")]
    assert tables
    for row in (row for table in tables for row in table):
        assert re.search(r"`(?:tests/)?test_\w+\.py::test_\w+`", row), row
