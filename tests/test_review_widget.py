"""The review in a notebook: verdicts by method, kept in a file, and by clicks and keys in a real browser."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, click_first_line
from factories import harbour, loaded, report, sentence

from bias.errors import DataError, MissingExtraError, UsageError
from bias.review.corrections import correction_of
from bias.review.store import Store, read_corrections
from bias.training.data.readers import load_data
from bias.types import Article, ArticleReport

pytest.importorskip("anywidget")

from bias.review import widget
from bias.review.widget import Review, module

QUOTING = 6
"""The sentence of the story with a quote, and with "reckless" inside and outside of it."""


def story() -> ArticleReport:
    """Six sentences, the second one with an emoji before its loaded words, and one that quotes."""
    return report(
        [
            sentence("The vote was on Monday.", 0.02),
            sentence("A 🙂 reckless gift to cronies passed.", 0.9, loaded("reckless", 0.9), loaded("cronies", 0.95)),
        ],
        [
            sentence("Nobody spoke.", 0.1),
            sentence("The plan, a giveaway, passed too.", 0.4),
            sentence("It rained.", 0.01),
            sentence("It snowed.", 0.01),
        ],
        [
            sentence(
                "The “reckless” mayor, as she put it, was “reckless enough” in her reckless way.",
                0.8,
                loaded("reckless enough", 0.8),
                outlet=0.6,
                voice="mixed",
                quote="“reckless” mayor, as she put it, was “reckless enough”",
            ),
        ],
    )


def review(given: ArticleReport | None = None, **options: Any) -> Review:
    return (given or story()).review(**{"reviewer": "ana"} | options)


def said(found: Review) -> list[tuple[int, str | None, str | None, list[str]]]:
    """Sentence, label, decision and loaded words of every verdict."""
    return [(c.index, c.label, c.decision, [c.text[a:b] for a, b in c.spans]) for c in found.corrections]


def test_accept_reject_and_label() -> None:
    found = review()
    found.accept(0, 1)
    found.reject(3)
    found.label(2, "opinionated", ["spoke"])
    assert said(found) == [
        (0, "neutral", "accepted", []),
        (1, "opinionated", "accepted", ["reckless", "cronies"]),
        (2, "opinionated", "changed", ["spoke"]),
        (3, "opinionated", "changed", []),
    ]
    assert found.unjudged == (4, 5, 6)
    found.reject(1)
    assert said(found)[1] == (1, "neutral", "rejected", [])


def test_words_are_marked_and_unmarked() -> None:
    found = review()
    found.mark(1, "gift")
    found.unmark(1, "reckless")
    assert said(found) == [(1, "opinionated", "changed", ["gift", "cronies"])]
    found.mark(3, "giveaway")
    assert said(found)[1] == (3, "opinionated", "changed", ["giveaway"])
    found.label(3, "neutral")
    found.mark(3, "plan")  # nothing is left of what stood before
    assert said(found)[1] == (3, "opinionated", "changed", ["plan"])


def test_words_are_sought_outside_the_quotes() -> None:
    found = review()
    found.mark(QUOTING, "reckless")
    (verdict,) = found.corrections
    assert verdict.text[verdict.spans[0][0] :] == "reckless way."
    with pytest.raises(DataError, match="quoted speech"):
        found.mark(QUOTING, "reckless enough")
    everything = review(replace(story(), quotes="include"))
    everything.label(QUOTING, "opinionated", ["reckless enough"])
    assert said(everything)[0][3] == ["reckless enough"]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda found: found.accept(7), "7 sentences, from 0 on, and none with the number 7"),
        (lambda found: found.take_back(-1), "none with the number -1"),
        (lambda found: found.mark(0, "tax"), "sentence 0 does not hold 'tax'"),
        (lambda found: found.mark(0, ""), "does not hold ''"),
        (lambda found: found.unmark(1, "gift"), "'gift' is not marked in sentence 1"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_no_verdict(act: Any, message: str) -> None:
    found = review()
    with pytest.raises(DataError, match=message):
        act(found)
    assert found.corrections == ()


def test_one_that_cannot_be_leaves_none_of_several() -> None:
    found = review()
    with pytest.raises(DataError):
        found.accept(0, 99)
    assert found.corrections == ()


def test_undo_brings_back_what_was_before() -> None:
    found = review()
    found.accept(1)
    found.mark(1, "gift")
    found.accept_rest()
    assert len(found.corrections) == 7
    found.undo()
    assert said(found) == [(1, "opinionated", "changed", ["reckless", "gift", "cronies"])]
    found.undo()
    assert said(found) == [(1, "opinionated", "accepted", ["reckless", "cronies"])]
    found.undo()
    found.undo()
    assert found.corrections == ()


def test_take_back_leaves_the_sentence_without_a_verdict() -> None:
    found = review()
    found.accept(0, 1)
    found.take_back(0, 2)
    assert [c.index for c in found.corrections] == [1]
    found.undo()
    assert [c.index for c in found.corrections] == [0, 1]


def test_the_examples_train(tmp_path: Path) -> None:
    found = review()
    found.accept(0, 1, QUOTING)
    found.reject(3)
    rows = found.to_examples()
    path = tmp_path / "reviewed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    examples = load_data([str(path)]).examples
    assert [example.label for example in examples] == [0, 1, 1, 1]
    assert "enough" not in examples[3].text
    (first, _) = examples[1].spans
    assert examples[1].text[slice(*first)] == "reckless"


def test_verdicts_are_kept_in_a_file_and_taken_up_again(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    found = review(labels=path)
    found.accept(0)
    found.mark(1, "gift")
    found.accept(2)
    found.undo()
    assert [(c.index, c.label) for c in read_corrections(path)] == [
        (0, "neutral"),
        (1, "opinionated"),
        (2, "neutral"),
        (2, None),
    ]
    assert said(review(labels=path)) == said(found)
    assert review(labels=path, reviewer="ben").corrections == ()
    assert review(harbour(), labels=path).corrections == ()


def test_a_verdict_under_another_threshold_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    review(labels=path).accept(3)
    (verdict,) = review(story().at(0.3), labels=path)._state["verdicts"]
    assert (verdict["label"], verdict["decision"]) == ("neutral", "rejected")


def test_what_could_not_be_saved_is_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    found = review(labels=path)
    with Store(path), pytest.raises(UsageError, match="another review has"):
        found.accept(0)
    assert found.corrections == ()
    found.undo()
    found.accept(0)
    assert len(read_corrections(path)) == 1


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"text": "x"}\n')
    with pytest.raises(DataError, match=r"labels.jsonl:1"):
        review(labels=path)


def test_the_state_holds_what_the_reviewer_decided() -> None:
    found = review()
    found.mark(1, "gift")
    state = found._state
    text = found._report.article.text
    assert [text[a:b] for a, b in state["verdicts"][0]["spans"]] == ["reckless", "gift", "cronies"]
    assert "changed" in state["html"].partition("</style>")[2]


def test_messages_do_what_the_methods_do_and_errors_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    found = review()
    answers: list[Any] = []
    monkeypatch.setattr(found, "send", answers.append)
    text = found._report.article.text
    at = text.index("gift")
    for content in (
        {"action": "accept", "sentence": 0},
        {"action": "reject", "sentence": 1},
        {"action": "label", "sentence": 1, "label": "opinionated", "spans": [[at, at + 4]]},
        {"action": "label", "sentence": 2, "label": "neutral", "spans": None},
        {"action": "rest"},
        {"action": "undo"},
        {"action": "accept", "sentence": 70},
        {"action": "fly"},
    ):
        found._on_message(None, content, [])
    assert [next(iter(answer)) for answer in answers] == ["done"] * 6 + ["error"] * 2
    assert said(found) == [
        (0, "neutral", "accepted", []),
        (1, "opinionated", "changed", ["gift"]),
        (2, "neutral", "accepted", []),
    ]


def test_where_no_widget_runs_the_report_shows() -> None:
    found = review()
    found.reject(1)
    data, _ = found._repr_mimebundle_()
    assert set(data) >= {"application/vnd.jupyter.widget-view+json", "text/html"}
    assert "rejected" in data["text/html"].partition("</style>")[2]
    assert "<script" not in data["text/html"]


def test_the_script_is_one_module_that_loads_nothing() -> None:
    code = module()
    assert not [line for line in code.splitlines() if line.startswith("import")]
    assert [line for line in code.splitlines() if line.startswith("export")] == ["export default { render };"]
    assert "http" not in code


def test_no_name_for_the_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.setattr(widget.getpass, "getuser", nobody)
    with pytest.raises(UsageError, match="reviewer="):
        story().review()


def test_without_anywidget_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bias.review.widget")
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(MissingExtraError, match=r"newsbias\[notebook\]"):
        story().review()


PAGE = """<!doctype html><meta charset="utf-8"><title>A notebook</title><main></main>
<script type="module">
const { default: widget } = await import(URL.createObjectURL(new Blob([MODULE], { type: "text/javascript" })));
const listeners = {};
const model = {
  state: await window.state(),
  get: (name) => model.state[name],
  on: (name, listener) => (listeners[name] ??= new Set()).add(listener),
  off: (name, listener) => listeners[name].delete(listener),
  send: async (content) => {
    const { state, answers } = await window.act(content);
    model.state = state;
    for (const listener of listeners["change:_state"]) listener();
    for (const answer of answers) for (const listener of listeners["msg:custom"]) listener(answer);
  },
};
window.leave = widget.render({ model, el: document.querySelector("main") });
window.keysOutside = 0;
document.addEventListener("keydown", () => { window.keysOutside += 1; });
</script>
"""
"""Stands in for a notebook: the widget's own script and the widget's own Python, joined without Jupyter."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


class Notebook:
    """A widget on a page; whatever the console complains of fails the test."""

    def __init__(self, browser: Any, found: Review, monkeypatch: pytest.MonkeyPatch) -> None:
        self.review = found
        self.answers: list[Any] = []
        monkeypatch.setattr(found, "send", self.answers.append)
        self.page = browser.new_page()
        self.page.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.expose_function("state", self.state)
        self.page.expose_function("act", self.act)
        self.page.route("http://notebook/", lambda route: route.fulfill(body=page_of(), content_type="text/html"))
        self.page.goto("http://notebook/")
        self.page.wait_for_selector(".sentence[data-index='0']")

    def state(self) -> dict[str, Any]:
        return {"_article": self.review._article, "_state": self.review._state}

    def act(self, content: dict[str, Any]) -> dict[str, Any]:
        self.answers.clear()
        self.review._on_message(None, content, [])
        return {"state": self.state(), "answers": list(self.answers)}

    def status(self, text: str) -> None:
        self.page.wait_for_selector(f".status:has-text('{text}')")


def page_of() -> str:
    return PAGE.replace("MODULE", json.dumps(module()).replace("<", "\\u003c"))


@pytest.fixture
def notebook(browser: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    opened = Notebook(browser, review(), monkeypatch)
    yield opened
    opened.page.close()
    assert opened.complaints == []


@pytest.mark.browser
def test_a_click_and_a_button_give_a_verdict(notebook: Notebook) -> None:
    page = notebook.page
    page.click("text=Accept the rest")
    notebook.status("Noted")
    page.click("text=Undo")
    notebook.status("Undone")
    assert notebook.review.corrections == ()
    click_first_line(page, 1)
    page.click("[data-action=reject]")
    page.wait_for_selector(".sentence.rejected[data-index='1']")
    assert said(notebook.review) == [(1, "neutral", "rejected", [])]
    assert page.inner_text(".progress") == "1 of 7 sentences judged"
    # The next sentence is chosen.
    assert page.inner_text(".selected").startswith("Sentence 2: neutral")


@pytest.mark.browser
def test_keys_move_judge_and_mark_words_behind_an_emoji(notebook: Notebook) -> None:
    page = notebook.page
    page.focus(".article")
    page.keyboard.press("j")
    page.keyboard.press("a")
    notebook.status("Noted")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("m")
    page.wait_for_selector("text=Sentence 1: opinionated, by “reckless”, “gift”, “cronies” (changed)")
    assert said(notebook.review)[1] == (1, "opinionated", "changed", ["reckless", "gift", "cronies"])
    assert page.evaluate("[...CSS.highlights.get('added')].map(String)") == ["gift"]
    page.focus("mark[data-start] >> nth=0")
    page.keyboard.press("x")
    page.wait_for_selector("mark.taken-off")
    assert said(notebook.review)[1][3] == ["gift", "cronies"]
    page.evaluate("window.leave()")
    assert page.evaluate("[...CSS.highlights.get('added')].length") == 0


@pytest.mark.browser
def test_keys_stay_inside_and_jupyter_is_told_to_leave_them(notebook: Notebook) -> None:
    page = notebook.page
    page.focus(".article")
    page.keyboard.press("j")
    page.keyboard.press("x")
    notebook.status("Go to a marked word first")
    assert page.evaluate("window.keysOutside") == 0
    assert page.get_attribute(".newsbias-review", "data-lm-suppress-shortcuts") == "true"


@pytest.mark.browser
def test_what_is_refused_is_told_and_the_view_stays(notebook: Notebook) -> None:
    page = notebook.page
    page.click("[data-action=accept]")
    notebook.status("Choose a sentence first")
    page.evaluate(
        """() => {
            const quoted = document.querySelector(".sentence[data-index='6'] .quoted").firstChild;
            getSelection().setBaseAndExtent(quoted, 1, quoted, 5);
        }"""
    )
    page.click("[data-action=mark]")
    page.wait_for_selector(".status.error:has-text('quoted speech')")
    assert notebook.review.corrections == ()


@pytest.mark.browser
def test_links_of_the_report_choose_a_sentence_and_leave_the_address(notebook: Notebook) -> None:
    page = notebook.page
    page.click(".terms a >> nth=0")
    assert page.inner_text(".selected").startswith("Sentence 1:")
    assert page.evaluate("location.hash") == ""


@pytest.mark.browser
def test_hostile_text_shows_as_text(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "A <script>document.title='pwned'</script> vote <img src=x onerror=\"document.title='pwned'\"> \u202eof it.\r\n"
    )
    given = report([sentence(text.strip(), 0.9, loaded("vote"))], tail="\r\n")
    opened = Notebook(browser, review(given), monkeypatch)
    assert opened.page.title() == "A notebook"
    click_first_line(opened.page, 0)
    opened.page.click("[data-action=reject]")
    opened.page.wait_for_selector(".sentence.rejected")
    assert opened.page.title() == "A notebook"
    assert opened.complaints == []
    opened.page.close()


def test_a_report_of_another_article_has_verdicts_of_its_own() -> None:
    one, other = story(), replace(story(), article=Article(story().article.text + " "))
    made = correction_of(one, one.sentences[0], reviewer="ana", label="neutral")
    assert made.article != correction_of(other, other.sentences[0], reviewer="ana", label="neutral").article
