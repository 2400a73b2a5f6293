"""What the tests of the page need: a real server in a process of its own, and Chromium.

Where either is missing the tests are skipped, unless BIAS_BROWSER is set: then that is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

REQUIRED = bool(os.environ.get("BIAS_BROWSER"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def need(there: object, what: str) -> None:
    """Skip the test without it, or fail where browsers are required."""
    if not there:
        pytest.fail(f"{what} is missing") if REQUIRED else pytest.skip(f"{what} is missing")


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser with an empty profile."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        need(None, "playwright")
        raise
    need(CHROMIUM, "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def click_first_line(page: Any, index: int) -> None:
    """Click where a sentence begins: the middle of the box around several lines can lie in another sentence."""
    found = page.locator(f".sentence[data-index='{index}']")
    found.scroll_into_view_if_needed()
    left, top, height = found.evaluate("one => (({left, top, height}) => [left, top, height])(one.getClientRects()[0])")
    page.mouse.click(left + 4, top + height / 2)


class Server:
    """`bias review` on a free port; `address` is that of its page. A `program` may go before the command."""

    def __init__(self, folder: Path, model: Path, *arguments: str, program: Sequence[str] = ("-m", "bias")) -> None:
        command = [sys.executable, *program, "review", "--model", str(model), "--reviewer", "ana"]
        command += ["--labels", "labels.jsonl", "--port", "0", "--no-browser", *arguments]
        tests = Path(__file__).resolve().parent
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tests.parent, tests)))}
        self.labels = folder / "labels.jsonl"
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self.process.stdout is not None
        self._told: list[str] = []
        while not (line := self.process.stdout.readline()).startswith("Review: "):
            self._told.append(line)
            assert line, f"the server has ended: {''.join(self._told)}"
        self.address = line.split()[1]
        # Read on, for a full pipe would stop it.
        self._reader = threading.Thread(target=lambda: self._told.extend(self.process.stdout), daemon=True)
        self._reader.start()

    def told(self) -> str:
        """What it wrote on standard output and standard error, once it has ended."""
        self._reader.join(30)
        return "".join(self._told)

    def get(self, path: str) -> bytes:
        """The body of an answer."""
        with urlopen(self.address.partition("?")[0].rstrip("/") + path, timeout=30) as answer:
            return answer.read()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
