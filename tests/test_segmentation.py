from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.segmentation import segment

PIECES = st.sampled_from(
    [
        "Mr. ",
        "U.S. ",
        "said",
        "He ",
        ". ",
        "? ",
        "! ",
        "… ",
        '"',
        "“",
        "”",
        " ",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\x0c",
        "\x00",
        "\t",
        "* ",
        "# ",
        "1. ",
        "é",
        "🎉",
        "\u2028",
        "\ufeff",
        "\u200b",
        "No. 5",
        "!!!!!!!!!!!!",
        "Word",
        "(",
        "story. A",
        "vote.The ",
    ]
)
ANY_TEXT = st.one_of(st.lists(PIECES, max_size=60).map("".join), st.text(max_size=200))


def sentences(text: str) -> list[str]:
    return [sentence.text for sentence in segment(text)]


def paragraphs(text: str) -> list[list[str]]:
    found: dict[int, list[str]] = {}
    for sentence in segment(text):
        found.setdefault(sentence.paragraph, []).append(sentence.text)
    return list(found.values())


@pytest.mark.parametrize(
    "parts",
    [
        ["The vote is on Friday.", "Both parties expect to win."],
        ['"Go away!" he said.', "Then he left."],
        ['"Why now?" Rep. Tom Hadley asked.', "Nobody answered."],
        ["“No.”", "She left."],
        ['He said "no."', "She left."],
        ['"We came.', "We saw.", 'We left."', "The door closed."],
        ["Sen. Maria Alvarez and Lt. Gov. Tom Hadley met on Jan. 6.", "They agreed."],
        ["U.S. officials met J. D. Moore at No. 10.", "They agreed."],
        ["The price rose 3.5 percent to $4.20.", "It fell later."],
        ["I waited... but nobody came.", "Then it rained."],
        ["Yahoo! said so.", "Others did not."],
        ["He was there (so was she).", "They left."],
        ["The group (R-Ohio), which met here, left.", "It returned."],
        ["That is only part of the story.", "Look at the rest."],
        ["He left. …", "Then he came back."],
    ],
    ids=lambda parts: parts[0],
)
def test_sentences_of_a_line(parts: list[str]) -> None:
    assert sentences(" ".join(parts)) == parts


def test_a_lost_space_does_not_glue_sentences() -> None:
    assert sentences("They lost the vote.The bill is dead.") == ["They lost the vote.", "The bill is dead."]
    assert sentences("Write to press.Desk@example.org or to example.Com today.") == [
        "Write to press.Desk@example.org or to example.Com today."
    ]


def test_blank_lines_part_paragraphs_and_single_ones_wrap() -> None:
    text = "The committee met on\nMonday. It voted.\n\n\nThe bill\npassed."
    assert paragraphs(text) == [["The committee met on\nMonday.", "It voted."], ["The bill\npassed."]]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_without_blank_lines_every_line_is_a_paragraph(newline: str) -> None:
    assert paragraphs(newline.join(["One fact.", "Another. And more.", "A third"])) == [
        ["One fact."],
        ["Another.", "And more."],
        ["A third"],
    ]


def test_a_single_wrapped_paragraph_stays_whole() -> None:
    text = (
        "The committee met on Monday and then\nvoted on the bill that the governor had\nsent to it in May. It passed."
    )
    assert [len(paragraph) for paragraph in paragraphs(text)] == [2]


def test_headings_and_list_items_are_sentences_of_their_own() -> None:
    text = (
        "# The vote\nThe bill passed.\n\n* Schools get more\n* Roads get less\n\nBackground\n"
        "The governor signed it in June and left the capital for a long tour of the northern counties."
    )
    assert paragraphs(text) == [
        ["# The vote", "The bill passed."],
        ["* Schools get more", "* Roads get less"],
        [
            "Background",
            "The governor signed it in June and left the capital for a long tour of the northern counties.",
        ],
    ]


@pytest.mark.parametrize("text", ["", " \n\t\r\n ", "\x0c\n"])
def test_nothing_to_find(text: str) -> None:
    assert segment(text) == ()


@pytest.mark.parametrize("text", ["!" * 20_000, "a\n" * 20_000, '"' * 20_000, "Mr. " * 10_000])
def test_odd_texts_end_in_time(text: str) -> None:
    assert segment(text)


@settings(max_examples=200, deadline=None)
@given(ANY_TEXT)
def test_offsets_hold_and_every_character_is_in_one_sentence(text: str) -> None:
    found = segment(text)
    at = 0
    for index, sentence in enumerate(found):
        assert sentence.index == index
        assert sentence.text == text[sentence.start : sentence.end] == sentence.text.strip() != ""
        assert text[at : sentence.start].strip() == ""
        at = sentence.end
    assert text[at:].strip() == ""
    numbers = [sentence.paragraph for sentence in found]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(len(set(numbers))))


@pytest.mark.parametrize(
    "blank", [" " * 100, "\t" * 100, "\u3000" * 100 + "\n", "\n" + " " * 100], ids=["blanks", "tabs", "wide", "a line"]
)
def test_blank_space_after_the_last_line_makes_no_line_wider(blank: str) -> None:
    text = "The vote\n\nTitle here\nThe vote fell"
    assert sentences(text) == ["The vote", "Title here\nThe vote fell"]
    assert segment(text + blank) == segment(text)
    assert segment(text.replace("vote\n", "vote" + " " * 100 + "\n", 1))[-1].text == "Title here\nThe vote fell"
