from __future__ import annotations

import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.comments import Comment, find_comments, stretches, touches, warnings_of, without_comments
from bias.detector import Detector, read_sentences
from bias.extraction import extract, unsigned
from bias.reading import EXTRACTED, read, read_bytes
from bias.reporting import RENDERERS, renderer
from bias.types import Article

OFF, ON = "<!-- bias: off -->", "<!-- bias: on -->"


def markdown(text: str) -> Article:
    return read_bytes(text.encode(), "a.md")


def ignored(article: Article) -> list[str]:
    return [article.text[start:end] for start, end in article.ignored]


def kept(article: Article) -> list[str]:
    return [sentence.text for sentence in read_sentences(article)[0]]


# --- Markdown ---


@pytest.mark.parametrize(
    ("text", "left", "count"),
    [
        (f"One went. {OFF}Two fell.{ON} Three rose.", ["One went.", "Three rose."], 1),
        (f"One went.\n\n{OFF}\n\nTwo fell. Three rose.\n\n{ON}\n\nFour sang.", ["One went.", "Four sang."], 2),
        (f"One went.\n\n{OFF}\n\nTwo fell. Three rose.", ["One went."], 2),
        (f"One went. The {OFF}shameful{ON} pact fell. Three rose.", ["One went.", "Three rose."], 1),
        (f"One went.{OFF}{ON} Two fell.", ["One went.", "Two fell."], 0),
        (f"{OFF}\nOne went.\n{OFF}\nTwo fell.\n{ON}\nThree rose.", ["Three rose."], 2),
        ("One went. <!-- a note --> Two fell.", ["One went.", "<!-- a note --> Two fell."], 0),
        ("One went.\n<!--bias:OFF see memo-->\nTwo fell.\n<!--\nbias: on\n-->\nThree.", ["One went.", "Three."], 1),
    ],
)  # fmt: skip
def test_a_sentence_that_touches_an_ignored_stretch_is_left_out(text: str, left: list[str], count: int) -> None:
    article = markdown(text)
    assert article.text == text
    assert article.warnings == ()
    assert kept(article) == left
    assert read_sentences(article)[1] == count


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (f"One went.\n{ON}\nTwo fell.", "line 2: the comment 'bias: on' has no 'bias: off'"),
        ("One went.\n<!-- bias: of -->\nTwo fell.", "line 2: the comment 'bias: of' is neither off nor on"),
        (f"{OFF}{ON}One went.\n{ON}\nTwo fell.", "line 2: the comment 'bias: on' has no"),
    ],
)  # fmt: skip
def test_a_comment_that_does_nothing_is_told_and_no_sentence(text: str, warning: str) -> None:
    article = markdown(text)
    (told,) = article.warnings
    assert told.startswith(warning)
    assert kept(article) == ["One went.", "Two fell."]


@pytest.mark.parametrize("example", [f"```html\n{OFF}\n```\n", f"~~~\n{OFF}\n", f"Write `{OFF}` there.\n"])
def test_a_comment_in_code_is_an_example(example: str) -> None:
    assert markdown(f"One went.\n\n{example}\nTwo fell.").ignored == ()


def test_comments_count_in_markdown_and_pages_alone() -> None:
    for name in ("a.txt", "<stdin>"):
        assert read_bytes(f"One went. {OFF}Two fell.".encode(), name).ignored == ()
    assert read_bytes(f"One went. {OFF}Two fell.".encode(), "a.markdown").ignored


def test_who_speaks_is_known_from_what_is_ignored() -> None:
    sentences, count = read_sentences(markdown(f'{OFF}The mayor said: "It was late.{ON} We went home. It rained."'))
    assert count == 1
    assert [sentence.voice for sentence in sentences] == ["quoted", "quoted"]
    assert [sentence.index for sentence in sentences] == [0, 1]


PARTS = st.sampled_from(
    [OFF, ON, "<!-- bias: of -->", "<!--bias:off x\ny-->", "The pact fell. ", "🚢 Ships rose! ", "“No,” he said. ",
     "\n", "\r\n\r\n", "\n\n", " ", "`", "```\n", "é\u0301 ", "<!-- ", "-->"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=14))
@settings(max_examples=300, deadline=None)
def test_offsets_are_the_files_whatever_is_ignored(parts: list[str]) -> None:
    text = "".join(parts)
    if not text.strip():
        return
    article = markdown(text)
    assert article.text == text
    assert all(start < end for start, end in article.ignored)
    assert all(end <= start for (_, end), (start, _) in pairwise(article.ignored))
    blanked = without_comments(text, article.ignored)
    assert len(blanked) == len(text)
    sentences, count = read_sentences(article)
    for sentence in sentences:
        assert text[sentence.start : sentence.end] == sentence.text
        assert not touches(sentence.start, sentence.end, article.ignored)
    # Nothing visible is lost: what is in no sentence is in a stretch, or in a sentence that touches one.
    comments = list(find_comments(text, markdown=True))
    if not comments:
        assert (article.ignored, count) == ((), 0)
    for comment in comments:
        assert touches(comment.start, comment.end, article.ignored)
    assert len(list(warnings_of(text, comments))) <= len(comments)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["off", "on", "x"])), max_size=8))
def test_stretches_agree_with_a_switch_moved_character_by_character(gaps: list[tuple[int, str]]) -> None:
    comments, at = [], 0
    for gap, word in gaps:
        comments.append((at + gap, at + gap + 3, word))
        at += gap + 3
    length, off = at + 4, False
    expected = set()
    for place in range(length):
        inside = next((word for start, end, word in comments if start <= place < end), None)
        off = True if inside == "off" else off
        if off or inside:
            expected.add(place)
        if any(place == end - 1 and word == "on" for _, end, word in comments):
            off = False
    found = stretches([Comment(*comment) for comment in comments], length)
    assert {place for start, end in found for place in range(start, end)} == expected


@pytest.mark.parametrize("piece", ["<!-- bias:", "<!--", "`", "```\n", "~~~ ", f"{OFF}", "<!-- bias: off", "-->"])
def test_a_hostile_text_takes_linear_time(piece: str) -> None:
    begun = time.process_time()
    list(find_comments(piece * 30_000, markdown=True))
    assert time.process_time() - begun < 5


# --- pages ---

TEXTS = (
    "The council voted 7 to 4 on Tuesday to raise the tax on empty houses, after a debate of four hours.",
    "It was a shameless grab of the mayor's cronies, one reader of this paper wrote, and more were to come.",
    "The mayor declined to comment on the letter, and the clinic will open in the first week of May.",
)


def page(body: str, name: str = "a.html") -> Article:
    head = "<!DOCTYPE html><html><head><title>A tax</title></head>"
    return read_bytes(f"{head}<body><article><h1>A tax</h1>{body}</article></body></html>".encode(), name)


def test_of_a_page_the_extracted_text_between_the_comments_is_ignored() -> None:
    first, second, third = TEXTS
    article = page(f"<p>{first}</p>{OFF}<p>{second}</p><!-- bias: on --><p>{third}</p>")
    assert article.text == "\n".join(TEXTS)
    assert ignored(article) == [second]
    assert kept(article) == [first, third]
    assert article.warnings == (EXTRACTED,)
    assert article.text == page("".join(f"<p>{text}</p>" for text in TEXTS)).text


@pytest.mark.parametrize(
    ("body", "left_out"),
    [
        ("<p>{0} {off}A sham.{on} {1}</p>", ["A sham."]),
        ("<p>{0}</p><p>The {off}<b>shameless</b> <a href='x'>grab</a>{on} fell. {1}</p>", ["shameless grab"]),
        ("<p>{0}</p>{off}<p>{1}</p><p>{2}</p>", ["{1}\n{2}"]),
        ("<p>{0}</p>{off}<aside>Not extracted</aside>{on}<p>{1}</p>", []),
        ("<p>{0}</p><ul><li>{1}</li>{off}<li>{2}</li></ul>", ["{2}"]),
        ("<p>{0}</p>{on}<p>{1}</p>", []),
    ],
)
def test_comments_anywhere_in_a_page(body: str, left_out: list[str]) -> None:
    marks = {"off": OFF, "on": ON}
    article = page(body.format(*TEXTS, **marks))
    assert ignored(article) == [text.format(*TEXTS) for text in left_out]
    assert article.text == page(body.format(*TEXTS, off="", on="")).text
    assert ("on" in body and "{off}" not in body) == any("has no 'bias: off'" in told for told in article.warnings)


@given(st.lists(st.sampled_from(["text", OFF, ON]), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_comments_change_no_extracted_text(parts: list[str]) -> None:
    off, body, texts, expected = False, [], [], []
    for number, part in enumerate(parts):
        if part == "text":
            texts.append(f"In ward {number} {TEXTS[number % 3].lower()}")
            body.append(f"<p>{texts[-1]}</p>")
            expected += texts[-1:] if off else []
        else:
            off = part == OFF
            body.append(part)
    if not texts:
        return
    article = page("".join(body))
    assert article.text == "\n".join(texts)
    assert [line for stretch in ignored(article) for line in stretch.split("\n")] == expected


def test_signs_that_a_page_uses_itself_are_not_taken() -> None:
    first, second, third = TEXTS
    odd = "\U00010080 and \U00010082"
    article = page(f"<p>{first} {odd}</p>{OFF}<p>{second}</p>{ON}<p>{third}</p>")
    assert odd in article.text
    assert ignored(article) == [second]
    every = "".join(map(chr, range(0x10080, 0x100FB)))
    with pytest.raises(Exception, match="Linear B"):
        extract(f"<html><body><p>{every}</p>{OFF}<p>{second}</p></body></html>")


@given(st.text(alphabet="ab( ) \n", max_size=30))
def test_signs_are_taken_out_and_told(text: str) -> None:
    plain, found = unsigned(text, "(", ")")
    assert plain == re.sub("[()]", "", text)
    assert all(start < end <= len(plain) for start, end in found)
    assert all(plain[end:start].strip() for (_, end), (start, _) in pairwise(found))


# --- reports ---


def test_a_report_leaves_ignored_sentences_out_and_counts_them(tiny_detector: Detector, tmp_path: Path) -> None:
    path = tmp_path / "story.md"
    path.write_text(f"The vote was 7.\n\n{OFF}\n\nThe regime fell. A sham.\n\n{ON}\n\nThe tax rose. It rained. We ate.")
    (article,) = read(path)
    assert isinstance(article, Article)
    report = tiny_detector.score(article)
    left = [result.sentence.text for result in report.sentences]
    assert left == ["The vote was 7.", "The tax rose.", "It rained.", "We ate."]
    assert report.ignored == report.summary["ignored"] == 2
    assert report.words == 11 < article.words
    shown = {name: " ".join(renderer(name)([report]).split()) for name in RENDERERS}
    for name in ("full", "concise", "markdown", "github", "html", "json"):
        assert "2 sentences ignored" in shown[name] or '"ignored": 2' in shown[name], name
    assert "The regime fell." not in shown["json"] + shown["csv"] + shown["sarif"]
    assert "The regime fell." in shown["full"]
    alone = tiny_detector.score("The vote was 7.\n\nThe tax rose. It rained. We ate.")
    assert report.score == pytest.approx(alone.score)


def test_an_article_ignored_as_a_whole_has_no_score(tiny_detector: Detector) -> None:
    report = tiny_detector.score(markdown(f"{OFF}\nThe regime fell. A sham."))
    assert (report.score, report.sentences, report.ignored) == (None, (), 2)
    assert report.warnings == ("ignore comments leave no sentence of the outlet's own: nothing to score",)
    for name in RENDERERS:
        assert renderer(name)([report])


@pytest.mark.parametrize("odd", ["\ufffe", "\uffff", "&#xfffe;", "&#1;", "\x0b"])
def test_characters_that_no_xml_holds_are_no_fault(odd: str) -> None:
    story = "<p>The council voted 7 to 4 on Tuesday to close the library, the clerk said after the session.</p>" * 3
    ignored = f"<!-- bias: off --><p>A {odd} shameless fools' vote it was.</p><!-- bias: on -->"
    page = f"<html>{odd}<body><article>{story}{ignored}{story}</article>"
    article = read_bytes(page.encode(), "a.html")
    assert "council" in article.text
