"""Quotation: whose words a stretch of text is.

text -> pairs of marks (marks.py) -> what each is and who governs it (quotes.py, attribution.py)
     -> the voice of each sentence (voice.py)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from bias.quotation.attribution import before
from bias.quotation.frames import Frame, frame
from bias.quotation.marks import Pair, pairs
from bias.quotation.quotes import Quote, classify
from bias.quotation.voice import is_plain
from bias.segmentation import segment
from bias.types import Sentence

__all__ = ["Quote", "attribute", "find_quotes"]

_QUOTED_LINE = re.compile(r"[ \t]*>(?![\d=])")
"""A line of a block quote, and not of a number ("more than 100" as ">100")."""


def find_quotes(text: str, sentences: Sequence[Sentence] | None = None) -> tuple[Quote, ...]:
    """The outermost quotations of `text`, in order and without overlap.

    A quotation over several paragraphs, each re-opened, is one quote a paragraph; so is a paragraph of a block quote.
    `sentences` defaults to `segmentation.segment(text)`.
    """
    if sentences is None:
        sentences = segment(text)
    return tuple(quote for paragraph in _paragraphs(text, sentences) for quote in paragraph.quotes)


def attribute(text: str, sentences: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """The same sentences with `voice`, `withheld`, `speaker`, `verb` and `loaded_verb` filled.

    `sentences` are those of an article in order, or one that stands alone; their offsets count in `text`. A quotation
    without an attribution of its own has the speaker of the quotation before it. A block quote, of which every line
    begins with ">" as in Markdown, is quoted whole. Linear in the text.
    """
    return tuple(sentence for paragraph in _paragraphs(text, sentences) for sentence in paragraph.voiced())


class _Paragraph(NamedTuple):
    """`frames` are those of the sentences; None in a block quote, which is one quotation."""

    sentences: list[Sentence]
    frames: list[Frame] | None
    quotes: list[Quote]

    def voiced(self) -> Iterator[Sentence]:
        if self.frames is not None:
            for sentence, tokens in zip(self.sentences, self.frames, strict=True):
                yield _voiced(sentence, tokens, self.quotes)
            return
        (block,) = self.quotes
        for sentence in self.sentences:
            whole = ((sentence.start, sentence.end),)
            yield replace(sentence, voice="quoted", withheld=whole, speaker=block.speaker)


def _paragraphs(text: str, sentences: Sequence[Sentence]) -> Iterator[_Paragraph]:
    """Each paragraph with its quotations; a speaker is carried over to the quotations that follow without one."""
    speaker: str | None = None
    for _, group in groupby(sentences, key=lambda sentence: sentence.paragraph):
        members = list(group)
        if (block := _block(text, members, speaker)) is not None:
            yield _Paragraph(members, None, [block])
            continue
        found = pairs(text, [(sentence.start, sentence.end) for sentence in members])
        frames = [frame(text, sentence.start, sentence.end, found) for sentence in members]
        quotes = _with_speakers(_classified(text, found, frames), frames, speaker)
        last = next((token.pair for token in reversed(frames[-1]) if token.pair is not None), None)
        if frames[-1] and frames[-1][-1].text == ":":
            introduced = before(frames[-1])  # Smith told the court:
            speaker = introduced.speaker if introduced else None
        else:
            speaker = quotes[last].speaker if last is not None and quotes[last].kind == "attributed" else None
        yield _Paragraph(members, frames, quotes)


def _block(text: str, sentences: Sequence[Sentence], speaker: str | None) -> Quote | None:
    """The paragraph as a quotation where it is a block quote, of the speaker who introduced it or went on in it."""
    start, end = sentences[0].start, sentences[-1].end
    lines = text[start:end].splitlines()
    if not lines or not all(map(_QUOTED_LINE.match, lines)):
        return None
    return Quote(start, end, start, end, "attributed", speaker=speaker, whole=True)


def _classified(text: str, found: Sequence[Pair], frames: Sequence[Frame]) -> list[Quote]:
    ahead: dict[int, Frame] = {}
    behind: dict[int, Frame] = {}
    for tokens in frames:
        for at, token in enumerate(tokens):
            if token.pair is not None:
                ahead.setdefault(token.pair, tokens[max(0, at - 60) : at])
                behind[token.pair] = tokens[at + 1 : at + 60]
    return [classify(text, pair, ahead[number], behind[number]) for number, pair in enumerate(found)]


def _with_speakers(quotes: list[Quote], frames: Sequence[Frame], carried: str | None) -> list[Quote]:
    """Quotations without an attribution take the speaker of the one before, or of the next that has one.

    `carried` is the speaker in whose words the paragraph before ended; it reaches a paragraph that
    opens with a quotation.
    """
    opens = bool(frames[0]) and frames[0][0].pair is not None
    speaker = carried if opens else None
    following = next((quote.speaker for quote in quotes if quote.speaker), None) if opens else None
    result: list[Quote] = []
    for quote in quotes:
        if quote.kind == "attributed" and quote.whole and quote.verb is None and quote.speaker is None:
            result.append(replace(quote, speaker=speaker or following))
        else:
            result.append(quote)
        speaker = result[-1].speaker or speaker
    return result


def _voiced(sentence: Sentence, tokens: Frame, quotes: Sequence[Quote]) -> Sentence:
    inside = [quotes[token.pair] for token in tokens if token.pair is not None]
    attributed = [quote for quote in inside if quote.kind == "attributed"]
    if not attributed:
        return sentence
    withheld = tuple(
        (max(sentence.start, quote.inner_start), min(sentence.end, quote.inner_end))
        for quote in attributed
        if quote.inner_start < sentence.end and quote.inner_end > sentence.start
    )
    has_words = any(token.is_word for token in tokens) or len(attributed) < len(inside)
    if not has_words:
        withheld = ((sentence.start, sentence.end),)
    if not withheld:  # no more than a mark of the quotation stands in this sentence
        return sentence
    governed = [q for q in attributed if q.verb_start is not None and sentence.start <= q.verb_start < sentence.end]
    verbs = frozenset(quote.verb_start for quote in governed)
    plain = is_plain(tokens, verbs, lambda pair: quotes[pair].kind == "scare" or quotes[pair].is_partial)
    return replace(
        sentence,
        voice="quoted" if plain or not has_words else "mixed",
        withheld=withheld,
        speaker=(governed or attributed)[0].speaker,
        verb=next((quote.verb for quote in governed if quote.verb), None),
        loaded_verb=any(quote.loaded_verb for quote in governed),
    )
