"""Finding the terms of a lexicon in text: whole words, longest first, in time linear in the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bias.errors import DataError
from bias.lexicon.entries import SHIPPED, Entry, read_entries

NEAR = 10
"""How many words away, on either side, an `unless` pattern without `~` still makes a term plain."""

_WORD = re.compile(r"[\w\u0300-\u036f]+")
_HYPHENS = "-\u2010\u2011"
# What may stand between two words of a term: a hyphen, or an apostrophe or blanks with at most one line break.
JOINT = re.compile(rf"[{_HYPHENS}]|['’]?+[^\S\r\n]*+(?:\r\n?|\n)?+[^\S\r\n]*+")

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A term found in a text: `text[start:end]`, half-open code-point offsets."""

    start: int
    end: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class _Form:
    """One written form: its words as written, and the entry that they belong to."""

    words: Words
    entry: Entry

    def fits(self, words: Sequence[str]) -> bool:
        """Whether words that spell this form are also written in the case that its entry asks for."""
        return not self.entry.case_sensitive or tuple(words) == self.words


@dataclass(frozen=True, slots=True)
class _Contexts:
    """Where a term is plain: between the words before and after it, or near some words."""

    around: tuple[tuple[Words, Words], ...]
    near: tuple[Words, ...]


class Lexicon:
    """Loaded terms, found by their words.

    Upper and lower case, straight and curly apostrophes, hyphens and blanks are alike, except that an entry with
    `case_sensitive` must be written as it stands there.

    Raises:
        DataError: two entries share a form, or a form has no word.
    """

    __slots__ = ("_forms", "_sizes", "entries")

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries: tuple[Entry, ...] = tuple(entries)
        self._forms: Mapping[Words, _Form] = _index(self.entries)
        sizes: dict[str, set[int]] = {}
        for words in self._forms:
            sizes.setdefault(words[0], set()).add(len(words))
        self._sizes = {first: sorted(lengths, reverse=True) for first, lengths in sizes.items()}

    @classmethod
    def load(cls, folder: Path | None = None) -> Lexicon:
        """The lexicon of a folder of TOML files, or the one that comes with the package.

        Raises:
            DataError: a file is missing or not valid; the message names file, entry and fault.
        """
        return cls(read_entries(SHIPPED if folder is None else folder))

    def find(self, text: str) -> tuple[Hit, ...]:
        """All terms in a text, from left to right without overlap; of those that begin at one word, the longest.

        A word inside a hyphenated compound ("pro-regime") and a term in a context where it is plain are no hits.
        """
        page = _Page(text)
        hits: list[Hit] = []
        at = 0
        while at < len(page.words):
            form = self._form_at(page, at)
            if form is None:
                at += 1
            else:
                hits.append(Hit(page.spans[at][0], page.spans[at + len(form.words) - 1][1], form.entry))
                at += len(form.words)
        return tuple(hits)

    def lookup(self, phrase: str) -> Entry | None:
        """The entry that has this phrase as one of its forms; contexts do not count."""
        words = words_of(phrase)
        form = self._forms.get(_lower(words))
        return form.entry if form is not None and form.fits(words) else None

    def search(self, phrase: str) -> tuple[Entry, ...]:
        """The entries that hold a phrase from the beginning of a word on, in any case.

        Those that hold it in a form come first, then those with it in the id, the reason or an alternative.
        """
        begins = re.compile(rf"(?<!\w){re.escape(phrase.strip())}", re.IGNORECASE)

        def found(*texts: str) -> bool:
            return any(begins.search(text) for text in texts)

        first = [entry for entry in self.entries if found(*entry.forms)]
        others = [entry for entry in self.entries if found(entry.id, entry.why, *entry.alternatives)]
        return tuple({entry.id: entry for entry in (*first, *others)}.values())

    def _form_at(self, page: _Page, at: int) -> _Form | None:
        for size in self._sizes.get(page.lower[at], ()):
            end = at + size
            form = self._forms.get(tuple(page.lower[at:end])) if end <= len(page.words) else None
            if (
                form is not None
                and form.fits(page.words[at:end])
                and page.stands_alone(at, end)
                and not page.is_plain(at, end, _contexts(form.entry.unless))
            ):
                return form
        return None


def words_of(phrase: str) -> Words:
    """The words by which a phrase is found, as written."""
    return tuple(_WORD.findall(phrase))


@cache
def default_lexicon() -> Lexicon:
    """The lexicon that comes with the package, loaded once."""
    return Lexicon.load()


class _Page:
    """A text cut into words, with the questions that are asked about them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = [match.span() for match in _WORD.finditer(text)]
        self.words = [text[start:end] for start, end in self.spans]
        self.lower = [word.lower() for word in self.words]

    def stands_alone(self, at: int, end: int) -> bool:
        """Whether words at `at` up to `end` are joined with each other, and by no hyphen with their neighbours."""
        return self._joined(at, end) and not self._hyphenated(at - 1) and not self._hyphenated(end - 1)

    def is_plain(self, at: int, end: int, contexts: _Contexts) -> bool:
        """Whether the words at `at` up to `end` stand in one of these contexts."""
        return any(self._surrounded(at, end, before, after) for before, after in contexts.around) or any(
            self._is_near(at, end, words) for words in contexts.near
        )

    def _surrounded(self, at: int, end: int, before: Words, after: Words) -> bool:
        """Whether the words directly before and after a term are these, `*` being any word."""
        first, last = at - len(before), end + len(after)
        if first < 0 or last > len(self.words):
            return False
        around = zip((*before, *after), (*self.lower[first:at], *self.lower[end:last]), strict=True)
        return all(expected in ("*", found) for expected, found in around) and self._joined(first, last)

    def _is_near(self, at: int, end: int, words: Words) -> bool:
        """Whether these words stand within `NEAR` words of a term."""
        nearby = tuple(self.lower[max(0, at - NEAR) : at]), tuple(self.lower[end : end + NEAR])
        return any(side[i : i + len(words)] == words for side in nearby for i in range(len(side) - len(words) + 1))

    def _joined(self, at: int, end: int) -> bool:
        return all(JOINT.fullmatch(self.text, self.spans[i][1], self.spans[i + 1][0]) for i in range(at, end - 1))

    def _hyphenated(self, at: int) -> bool:
        """Whether one hyphen alone parts the word at `at` from the next."""
        if not 0 <= at < len(self.spans) - 1:
            return False
        start, end = self.spans[at][1], self.spans[at + 1][0]
        return end - start == 1 and self.text[start] in _HYPHENS


def _index(entries: Sequence[Entry]) -> dict[Words, _Form]:
    forms: dict[Words, _Form] = {}
    for entry in entries:
        for written in entry.forms:
            words = words_of(written)
            if not words:
                raise DataError(f"[{entry.id}]: the form {written!r} has no word")
            other = forms.setdefault(_lower(words), _Form(words, entry))
            if other.entry is not entry:
                raise DataError(f"[{entry.id}]: {written!r} is a form of [{other.entry.id}] too")
    return forms


@cache
def _contexts(unless: tuple[str, ...]) -> _Contexts:
    """The patterns of an entry, read when its term is first met: most never are, and loading stays quick."""
    around: list[tuple[Words, Words]] = []
    near: list[Words] = []
    for pattern in unless:
        before, tilde, after = pattern.partition("~")
        if tilde:
            around.append((_pattern(before), _pattern(after)))
        else:
            near.append(_pattern(pattern))
    return _Contexts(tuple(around), tuple(near))


def _pattern(text: str) -> Words:
    return _lower(re.findall(rf"{_WORD.pattern}|\*", text))


def _lower(words: Iterable[str]) -> Words:
    return tuple(word.lower() for word in words)
