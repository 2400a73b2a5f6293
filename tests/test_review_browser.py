"""The page in a real browser, from pasted text to a model that learned from the verdicts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Server, chromium, click_first_line, need
from taught import write_taught_folder

from bias.review.corrections import latest
from bias.review.store import read_corrections

pytestmark = pytest.mark.browser

STORY = """The minister said on vote 4 in a tax. The reckless minister said to vote 4 on the tax.

“A reckless 🙂 plan,” the minister said. The regime of the vote said to the reckless minister on a tax 7."""

HOSTILE = (
    "<script>document.title = 'pwned'</script> A vote \u202eof\u202c <img src=x onerror=\"document.title='pwned'\"> "
    "minister &amp; a\u0301 tax.\x07 The \u2066reckless\u2069 vote <b>said</b>\r\n\r\non a tax \U0001f642 to the. "
)

SUBJECTS = (
    "the harbour dredging contract", "a school kitchen in Orlen", "two bus drivers from the north depot",
    "an orchard above the reservoir", "the museum's new curator", "seven retired firefighters",
    "our lighthouse keeper's diary", "a bakery on Tannery Lane", "the amateur chess league", "one stubborn heron",
)  # fmt: skip
ENDS = (
    "was finished before noon", "drew a small crowd", "costs more each spring", "will open its doors again",
    "made the front page", "closed early because of snow", "lost its roof last week", "keeps three people busy",
    "found a second owner", "went on until midnight",
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_taught_folder(tmp_path_factory.mktemp("taught"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a profile of its own; whatever its console complains of fails the test."""
    context = browser.new_context(accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    # A request that was refused is told by the page, and by the browser too.
    assert [line for line in complaints if not line.startswith("Failed to load resource")] == []


@pytest.fixture
def server(model: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, model) as running:
        yield running


def paste(page: Any, text: str, title: str = "") -> None:
    page.fill("#text", text)
    page.fill("#title", title)
    page.click("text=Score")
    settle(page)


def sentence(page: Any, index: int) -> Any:
    return page.locator(f".sentence[data-index='{index}']")


def settle(page: Any) -> None:
    """Wait until the page has done all that it was asked for."""
    page.wait_for_selector("main[aria-busy=false] .sentence[data-index]")


def until(page: Any, expression: str) -> None:
    """Wait until something is true on the page (whose policy keeps Playwright's own waiting for it out)."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never true: {expression}")


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        settle(page)


def standing(server: Server) -> dict[int, tuple[str | None, tuple[tuple[int, int], ...]]]:
    return {c.index: (c.label, c.spans) for c in latest(read_corrections(server.labels))}


def test_a_rejected_sentence_stays_rejected(page: Any, server: Server, model: Path, tmp_path: Path) -> None:
    page.goto(server.address)
    paste(page, STORY, "A vote")
    assert page.locator("mark[data-start]").first.inner_text().startswith("reckless")
    click_first_line(page, 1)
    page.click("button[data-action=reject]")
    page.wait_for_selector(".sentence[data-index='1'].rejected")
    assert "rejected" in sentence(page, 1).inner_text()
    assert standing(server) == {1: ("neutral", ())}
    page.reload()
    page.wait_for_selector(".sentence[data-index='1'].rejected")
    assert page.locator("#articles a").inner_text().startswith("A vote")
    page.goto("about:blank")
    server.kill()
    with Server(tmp_path, model) as again:
        page.goto(again.address)
        paste(page, STORY)
        page.wait_for_selector(".sentence[data-index='1'].rejected")
        press(page, "j", "j", "u")
        assert page.inner_text("#status") == "There is nothing to undo."


def test_words_are_marked_and_unmarked_by_key_alone(page: Any, server: Server) -> None:
    page.goto(server.address)
    paste(page, STORY)
    press(page, "k")  # the last sentence
    assert page.inner_text("#selected").startswith("Sentence 4 of 4: opinionated, by “regime”")
    press(page, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Shift+ArrowRight")
    assert page.inner_text("#status") == "Selected: of the"
    press(page, "m")
    last = STORY[STORY.index("The regime") :]
    label, spans = standing(server)[3]
    assert (label, [last[a:b] for a, b in spans]) == ("opinionated", ["regime", "of the", "reckless"])
    press(page, "ArrowRight", "ArrowRight", "x")
    assert [last[a:b] for a, b in standing(server)[3][1]] == ["of the", "reckless"]
    assert page.locator(".sentence[data-index='3'] mark.taken-off").inner_text().startswith("regime")
    press(page, "u")
    assert [last[a:b] for a, b in standing(server)[3][1]] == ["regime", "of the", "reckless"]
    press(page, "u")
    assert standing(server) == {}


def test_a_selection_is_marked_at_its_code_points(page: Any, server: Server) -> None:
    text = "The 🙂🙂 minister said a\u0301 vote on the tax. The vote of the minister."
    page.goto(server.address)
    paste(page, text)
    page.evaluate(
        """async () => {
            const { rangeOf, textOf } = await import("/static/offsets.js");
            const sentence = document.querySelector(".sentence[data-index='0']");
            const at = [...textOf(sentence)].join("|").split("|").indexOf("m");
            getSelection().removeAllRanges();
            getSelection().addRange(rangeOf([at + 1, at + 4], sentence));
        }"""
    )
    press(page, "m")
    ((start, end),) = standing(server)[0][1]
    assert text[start:end] == "minister"
    assert page.evaluate("CSS.highlights.get('added').size") == 1


def test_quoted_speech_cannot_be_marked(page: Any, server: Server) -> None:
    page.goto(server.address)
    paste(page, STORY)
    click_first_line(page, 2)
    press(page, "ArrowRight", "ArrowRight", "m")
    assert "quoted speech" in page.inner_text("#status")
    assert page.locator("#status.error").count() == 1
    assert standing(server) == {}


def test_what_is_seen_is_the_article(page: Any, server: Server) -> None:
    for text in (STORY, HOSTILE * 3, "One.\r\n\r\nTwo\tand\u2028three.\n\n\n“Four,” she said.  Five\u200d."):
        page.goto(server.address)
        paste(page, text)
        wrong = page.evaluate(
            """async () => {
                const { textOf } = await import("/static/offsets.js");
                const id = location.hash.slice(1);
                const { report } = await (await fetch(`/v1/articles/${id}`)).json();
                return report.sentences.filter((s) =>
                    [...textOf(document.querySelector(`.sentence[data-index="${s.index}"]`))].length !== s.end - s.start
                ).map((s) => s.text);
            }"""
        )
        assert wrong == []


def test_hostile_text_is_text(page: Any, server: Server) -> None:
    text = HOSTILE + HOSTILE * (200_000 // len(HOSTILE))
    page.goto(server.address)
    paste(page, text, "<b>News</b><script>document.title='pwned'</script>")
    shown = page.inner_text("main")
    assert "<script>document.title = 'pwned'</script>" in shown
    assert "<img src=x" in shown
    assert "\u202e" not in page.text_content("main .text")
    assert page.locator("main img, main script").count() == 0
    assert page.title() != "pwned"
    assert page.title().startswith("<b>News</b>")
    press(page, "j", "a")
    assert page.inner_text("#status") == "Saved: accepted."


def test_dropped_files_join_the_queue(page: Any, server: Server, tmp_path: Path) -> None:
    rows = [{"text": f"The vote on tax {i}.", "title": f"Row {i}"} for i in range(3)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "story.txt").write_text(STORY, "utf-8")
    (tmp_path / "broken.txt").write_bytes(b"\xff\xfe\x00")
    page.goto(server.address)
    page.set_input_files("#files", [tmp_path / "rows.jsonl", tmp_path / "story.txt"])
    page.wait_for_selector("#articles li:nth-child(4)")
    names = page.locator("#articles b").all_inner_texts()
    assert names == ["Row 0", "Row 1", "Row 2", "story.txt"]
    page.wait_for_selector(".sentence[data-index]")
    page.keyboard.press("]")
    page.wait_for_selector("#articles li:nth-child(2) a[aria-current]")
    page.set_input_files("#files", tmp_path / "broken.txt")
    page.wait_for_selector("#status.error")
    assert "broken.txt is not UTF-8" in page.inner_text("#status")


def test_the_threshold_moves_without_scoring_again(page: Any, server: Server) -> None:
    page.goto(server.address)
    paste(page, STORY)
    assert page.locator(".text .sentence.opinionated").count() == 2
    page.evaluate(
        """() => {
            const slider = document.getElementById("threshold");
            slider.value = "0";
            slider.dispatchEvent(new Event("change"));
        }"""
    )
    until(page, "document.querySelectorAll('.text .sentence.opinionated').length === 4")
    press(page, "j", "a")
    assert standing(server)[0][0] == "opinionated"


def test_nothing_comes_from_elsewhere(page: Any, server: Server) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.address)
    paste(page, STORY)
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith(server.address)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_no_serious_violation(page: Any, server: Server, scheme: str, width: int) -> None:
    axe = os.environ.get("AXE_CORE", "")
    need(axe, "axe-core (AXE_CORE names its axe.min.js)")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(server.address)
    source = Path(axe).read_text("utf-8")
    found = []

    def check() -> None:
        # By the debugger, for the page's policy lets no script in.
        page.evaluate(source)
        found.extend(page.evaluate("axe.run().then((result) => result.violations)"))

    check()
    paste(page, STORY, "A vote")
    press(page, "j", "a", "r", "o")
    press(page, "k", "ArrowRight", "m")
    check()
    page.keyboard.press("?")
    check()
    told = [f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in found]
    assert [line for v, line in zip(found, told, strict=True) if v["impact"] in ("serious", "critical")] == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_a_killed_server_loses_nothing_that_the_page_showed_as_saved(page: Any, model: Path, tmp_path: Path) -> None:
    article = " ".join(f"The minister said on vote {i} in a tax {i * 7}." for i in range(120))
    (tmp_path / "long.txt").write_text(article)
    with Server(tmp_path, model, "long.txt") as server:
        page.goto(server.address)
        page.wait_for_selector(".sentence[data-index]")
        for _ in range(60):
            page.keyboard.press("j")
            page.keyboard.press("r")
        until(page, "document.querySelectorAll('.sentence.changed').length >= 5")
        os.kill(server.process.pid, signal.SIGKILL)
        page.wait_for_selector("#status.error")
        until(page, "document.getElementById('status').textContent.startsWith('The server does not answer')")
        shown = set(map(int, page.eval_on_selector_all(".sentence.changed", "all => all.map((s) => s.dataset.index)")))
        server.process.wait()
    kept = {c.index for c in latest(read_corrections(server.labels))}
    assert 5 <= len(shown) < 60
    assert shown <= kept
    with Server(tmp_path, model, "long.txt") as again:
        page.goto(again.address)
        until(page, f"document.querySelectorAll('.sentence.changed').length === {len(kept)}")


def test_from_twenty_corrections_to_a_model_that_scores(page: Any, model: Path, tmp_path: Path) -> None:
    rows = [
        {"text": f"{subject.capitalize()} {ENDS[i]}. A reckless word on {SUBJECTS[i - 3]} {ENDS[i - 4]} too."}
        for i, subject in enumerate(SUBJECTS)
    ]
    (tmp_path / "queue.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Server(tmp_path, model, "queue.jsonl") as server:
        page.goto(server.address)
        for number in range(10):
            page.wait_for_selector(f"#articles li:nth-child({number + 1}) a[aria-current]")
            press(page, "j", "n", "o")
            if number < 9:
                page.keyboard.press("]")
        until(page, "document.getElementById('progress').textContent.includes('10 of 10 articles done')")
        with page.expect_download() as download:
            page.click("#export")
        reviewed = tmp_path / "reviewed.jsonl"
        download.value.save_as(reviewed)
    labels = [json.loads(line)["label"] for line in reviewed.read_text("utf-8").splitlines()]
    assert sorted(labels) == ["neutral"] * 10 + ["opinionated"] * 10

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bias", *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("review", "--labels", "labels.jsonl", "--export", "again.jsonl")
    assert (tmp_path / "again.jsonl").read_text("utf-8") == reviewed.read_text("utf-8")
    run("train", "reviewed.jsonl", "-o", "mine", "--base", str(model), "--epochs", "1", "--threads", "1")
    (tmp_path / "story.txt").write_text(STORY, "utf-8")
    (report,) = json.loads(run("score", "story.txt", "--model", "mine", "--output-format", "json"))
    assert report["model"]["name"] == "mine"
    assert re.fullmatch(r"[0-9a-f]{64}", report["model"]["sha256"])
