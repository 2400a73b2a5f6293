"""The article in an HTML page, and which of its text lay between ignore comments.

Extraction drops comments. So before it, each ignore comment becomes an element that parsing keeps, and each run of text
between them is put between two characters that the page does not have; after it, those tell where the text has gone.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bias.comments import Stretch, find_comments
from bias.errors import EmptyTextError, InputError, MissingExtraError

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_TAG = "bias-"
_SIGNS = range(0x10080, 0x100FB)
"""Ideograms of Linear B: printable, or extraction would drop them, and on no page of news."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that a page can hold, as by their number, and that lxml does not take back."""


def extract(page: str) -> tuple[str | None, str, tuple[Stretch, ...]]:
    """Title and text of the article, without navigation, readers' comments and tables, and its ignored stretches.

    Raises:
        EmptyTextError: there is no article.
        InputError: there are no two characters that the page does not have.
        MissingExtraError: the packages for it are not installed.
    """
    try:
        from trafilatura import bare_extraction, load_html
    except ImportError as error:
        raise MissingExtraError("reading HTML", "html") from error
    # A page without an article is reported below; a log line would only repeat it.
    logging.getLogger("trafilatura").addHandler(logging.NullHandler())
    tree = load_html(_with_elements(page))
    if tree is None:
        raise EmptyTextError("no article found in the page")
    # The titles first, for the extraction takes the tree apart.
    headings = [element.text_content() for name in ("h1", "title") for element in tree.iter(name)]
    found = [_one_line(title) for title in [*tree.xpath("//meta[@property='og:title']/@content"), *headings]]
    titles = [title for title in found if title]
    opening, closing = _free_signs(tree)
    _sign(tree, opening, closing)
    _mark_block_quotes(tree)
    document = bare_extraction(tree, include_comments=False, include_tables=False)
    if document is None or not document.text:
        raise EmptyTextError("no article found in the page")
    # The title stands apart from the score, so a headline is no part of the text.
    headline, _, rest = document.text.partition("\n")
    is_title = _one_line(headline.translate({ord(opening): None, ord(closing): None})) in titles
    return next(iter(titles), None), *unsigned(rest if is_title else document.text, opening, closing)


def unsigned(text: str, opening: str, closing: str) -> tuple[str, tuple[Stretch, ...]]:
    """The text without the two signs, and the stretches that stood between them; with white space alone between two
    stretches they are one.
    """
    parts: list[str] = []
    found: list[Stretch] = []
    at, inside, blank = 0, False, False
    for piece in re.split(f"([{opening}{closing}])", text):
        if piece in (opening, closing):
            inside = piece == opening
            continue
        if inside and piece:
            start = found.pop()[0] if found and blank else at
            found.append((start, at + len(piece)))
            blank = True
        elif piece.strip():
            blank = False
        parts.append(piece)
        at += len(piece)
    return "".join(parts), tuple(found)


def _with_elements(page: str) -> str:
    """The page with its ignore comments as empty elements."""
    parts, at = [], 0
    for start, end, word in find_comments(page, markdown=False):
        if word in ("off", "on"):
            parts += [page[at:start], f"<{_TAG}{word}></{_TAG}{word}>"]
            at = end
    return "".join(parts) + page[at:]


def _free_signs(tree: HtmlElement) -> tuple[str, str]:
    used = set().union(*tree.itertext())
    free = [chr(code) for code in _SIGNS if chr(code) not in used]
    if len(free) < 2:
        raise InputError("a page that uses every ideogram of Linear B: its ignore comments cannot be followed")
    return free[0], free[1]


def _sign(tree: HtmlElement, opening: str, closing: str) -> None:
    """Put the signs around each text that is ignored, and take the elements of the comments away."""

    def signed(text: str | None) -> str | None:
        if not off or text is None or not text.strip():
            return None
        body = text.strip()
        return _NO_XML.sub("\ufffd", text.replace(body, f"{opening}{body}{closing}", 1))

    off, spent = False, []
    for event, element in _walk(tree):
        if event == "end":
            if (tail := signed(element.tail)) is not None:
                element.tail = tail
        elif element.tag in (f"{_TAG}off", f"{_TAG}on"):
            off = element.tag == f"{_TAG}off"
            spent.append(element)
        elif isinstance(element.tag, str) and (text := signed(element.text)) is not None:
            element.text = text
    for element in spent:
        element.drop_tag()


def _mark_block_quotes(tree: HtmlElement) -> None:
    """Put the sign of block quotes before their paragraphs, for extraction leaves nothing else of them."""
    whole = tree.xpath("//blockquote[not(.//p or .//li)]")
    for element in [*tree.xpath("//blockquote//p | //blockquote//li"), *whole]:
        if element.text_content().strip():
            element.text = f"> {(element.text or '').lstrip()}"
    for line in tree.xpath("//blockquote//br"):
        if line.tail and line.tail.strip():
            line.tail = f"> {line.tail.lstrip()}"


def _walk(tree: HtmlElement) -> Iterator[tuple[str, HtmlElement]]:
    from lxml.etree import iterwalk

    yield from iterwalk(tree, events=("start", "end"))


def _one_line(text: str) -> str:
    return " ".join(text.split())
