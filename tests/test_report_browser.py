"""The index of an HTML report in a real browser: sorted by keys, told to screen readers, readable without a script."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, need
from factories import failure, harbour

from bias.reporting.html import render_page

REPORTS = [
    replace(harbour(), article=replace(harbour().article, title=title), score=score, interval=interval, percentile=rank)
    for title, score, interval, rank in (
        ("Été à la côte", 9.6, (1.0, 20.0), {"news": 9, "opinion": 1}),
        ("<b>Zebra</b> 10", None, None, None),
        ("Zebra 9", 24.6, (11.2, 38.5), {"news": 86, "opinion": 17}),
        ("apple", 100.0, (90.0, 100.0), {"news": 100, "opinion": 99}),
    )
]
PAGE = render_page([*REPORTS[:2], failure("lost.txt"), *REPORTS[2:]])


def test_the_policy_lets_that_script_run_and_no_other() -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", PAGE, re.DOTALL)
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', PAGE)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not re.search(r"https?:|//|\bsrc=|url\(|\bon\w+=|innerHTML", PAGE)
    assert render_page(REPORTS[:2]).count("<script") == 1
    for few in (REPORTS[:1], [REPORTS[0], failure()], []):
        assert "<script" not in render_page(few)
        assert "script-src" not in render_page(few)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def address(tmp_path: Path) -> str:
    path = tmp_path / "report.html"
    path.write_text(PAGE, encoding="utf-8")
    return path.as_uri()


def order(page: Any) -> list[str]:
    return page.eval_on_selector_all(".index tbody th", "cells => cells.map(cell => cell.firstChild.textContent)")


WRITTEN = ["Été à la côte", "<b>Zebra</b> 10", "lost.txt", "Zebra 9", "apple"]


@pytest.mark.browser
def test_headings_sort_by_keyboard_and_say_so(browser: Any, address: str) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(address)
    assert order(page) == WRITTEN
    assert page.get_by_text("Press the heading of a column to sort by it.").is_visible()
    index = page.locator(".index")
    assert index.get_by_role("columnheader").count() == index.locator("thead button").count() == 7
    score = page.get_by_role("button", name="Score", exact=True)
    score.focus()
    page.keyboard.press("Enter")
    assert order(page) == ["apple", "Zebra 9", "Été à la côte", "<b>Zebra</b> 10", "lost.txt"]
    page.keyboard.press("Space")
    assert order(page) == ["Été à la côte", "Zebra 9", "apple", "<b>Zebra</b> 10", "lost.txt"]
    assert page.locator(".index th[aria-sort]").evaluate_all("cells => cells.map(c => [c.innerText, c.ariaSort])") == [
        ["Score", "ascending"]
    ]
    assert score.evaluate("button => button === document.activeElement")
    page.get_by_role("button", name="Article").click()
    assert order(page) == ["<b>Zebra</b> 10", "apple", "Été à la côte", "lost.txt", "Zebra 9"]
    assert page.locator(".index th[aria-sort]").count() == 1
    assert complaints == []
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation_in_a_sorted_index(browser: Any, address: str, scheme: str) -> None:
    axe = os.environ.get("AXE_CORE", "")
    need(axe, "axe-core (AXE_CORE names its axe.min.js)")
    page = browser.new_page(color_scheme=scheme)
    page.goto(address)
    page.get_by_role("button", name="Score", exact=True).click()
    page.evaluate(Path(axe).read_text("utf-8"))  # by the debugger, for the page's policy lets no other script in
    found = page.evaluate("axe.run('.index').then((result) => result.violations)")
    told = [f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in found]
    assert [line for v, line in zip(found, told, strict=True) if v["impact"] in ("serious", "critical")] == []
    page.close()


@pytest.mark.browser
def test_without_scripts_the_index_is_as_written(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator(".index thead button").count() == 0
    assert not page.get_by_text("Press the heading").is_visible()
    assert page.locator(".index tbody tr").count() == len(WRITTEN)
    context.close()
