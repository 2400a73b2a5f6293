"""Texts that scraping, broken tools and strangers bring: small ones as data, large ones made here, and mixtures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

CASES: dict[str, str] = json.loads((Path(__file__).parent / "cases" / "nasty.json").read_text("utf-8"))
"""Small nasty texts by name; what fuzzing has found is kept among them, its name beginning with "found"."""

LARGE: dict[str, Callable[[int], str]] = {
    "no space": lambda size: "a" * size,
    "quotation marks": lambda size: '"' * size,
    "opening marks": lambda size: "“" * size,
    "marks and blanks": lambda size: '" ' * (size // 2),
    "nested quotes": lambda size: "“a " * (size // 6) + "b” " * (size // 6),
    "alternating quotes": lambda size: "“'a '" * (size // 5),
    "an unclosed quote": lambda size: 'He said, "' + "and so it goes on " * (size // 18),
    "many quotes in one sentence": lambda size: 'she called it "a rash and reckless plan" and ' * (size // 46),
    "one sentence": lambda size: "The reckless regime " + "and the minister " * (size // 17),
    "names in one sentence": lambda size: "Biden met Republicans and Trump met Democrats and she " * (size // 54),
    "loaded words": lambda size: "regime " * (size // 7),
    "points": lambda size: "." * size,
    "points and blanks": lambda size: ". " * (size // 2),
    "points and marks": lambda size: '".' * (size // 2),
    "ellipses and brackets": lambda size: "(…" * (size // 2),
    "exclamations": lambda size: "!" * size,
    "questions and marks": lambda size: "?’" * (size // 2),
    "short lines": lambda size: "a\n" * (size // 2),
    "carriage returns": lambda size: "a\r" * (size // 2),
    "blank lines": lambda size: "A\n\n" * (size // 3),
    "blanks": lambda size: "a" + " " * size + "b",
    "abbreviations": lambda size: "Mr. " * (size // 4),
    "initials": lambda size: "A. " * (size // 3),
    "hyphens": lambda size: "a-" * (size // 2),
    "apostrophes": lambda size: "a'" * (size // 2),
    "commas": lambda size: "Smith, " * (size // 7),
    "speech verbs": lambda size: "said " * (size // 5),
    "combining marks": lambda size: "e" + "\u0301" * size,
    "joined emoji": lambda size: "👩\u200d" * (size // 2),
    "overrides": lambda size: "\u202ea" * (size // 2),
    "right to left": lambda size: "שלום " * (size // 5),
    "NULs": lambda size: "a\0" * (size // 2),
    "list items": lambda size: "* a\n" * (size // 4),
    "markup": lambda size: "<b>`*_[a](" * (size // 10),
    "prose": lambda size: 'The council met on Monday. "We lost," said Ann Lee.\n\n' * (size // 53),
}
"""Texts of about a number of characters, by name."""

PIECES = (
    *CASES.values(),
    *("Mr. ", "U.S. ", "said ", "He ", "Smith ", "the ", "regime ", "reckless ", "Word", "a", "I ", "No. 5"),
    *(". ", ".", "? ", "!", "…", ", ", ": ", "; ", "(", ")", "[", "-", "—", "* ", "# ", "1. ", "'", "’", "‘"),
    *('"', "“", "”", "«", "»", "``", "''", "„", "\u3000", "\u00a0", "\t", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"),
    *(" ", "\n", "\n\n", "\r\n", "\r", "\0", "\ufeff", "\u200b", "\u200d", "\u202e", "\u2066", "\u0301", "🎉", "🇺🇸"),
    *("é", "ß", "İ", "ǆ", "漢字", "שלום", "\ufffd", "\ud800", "\U0010ffff", "\x1b[31m", "<script>", "&lt;", "{{", "|"),
)

TEXTS = st.one_of(
    st.sampled_from(sorted(CASES.values())),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.text(st.characters(), max_size=200),
    st.tuples(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join), st.integers(2, 60)).map(
        lambda drawn: drawn[0] * drawn[1]
    ),
)
"""Any text, lone surrogates included; most are made of what is nasty."""

BLANK = st.text(st.sampled_from(" \n\t\r\u00a0\u2028\u3000\x0b\x0c\x85"), min_size=1, max_size=20)
