"""What holds for any text whatever: the oracle of the tests on nasty texts and of the fuzzing (`fuzz.py`)."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from functools import cache
from html.parser import HTMLParser
from zlib import crc32

from bias.detector import Detector
from bias.encoder import Encoded
from bias.files import replace_surrogates
from bias.lexicon import default_lexicon
from bias.quotation import attribute, find_quotes
from bias.reading import ReadFailure, read_all
from bias.reporting import RENDERERS, renderer
from bias.reporting.marking import visible
from bias.segmentation import segment
from bias.types import CATEGORIES, Article, ArticleReport, Sentence
from bias.words import WORD


class HashEncoder:
    """An encoder without a model: every text and every word has the logits that its checksum gives, from -8 to 8."""

    def encode(self, texts: Iterable[str]) -> Iterator[Encoded]:
        for text in texts:
            words = tuple((word.start(), word.end(), _logit(word[0])) for word in WORD.finditer(text))
            yield Encoded(_logit(text), _logit(text + "o"), (_logit(text + "t"),) * len(CATEGORIES), words)


def _logit(text: str) -> float:
    return crc32(text.encode("utf-8", "surrogatepass")) / 2**28 - 8.0


@cache
def hash_detector() -> Detector:
    """A detector with the shipped calibration and no model behind it."""
    return Detector(encoder=HashEncoder())


def check_segmentation(text: str) -> tuple[Sentence, ...]:
    """Sentences cover the text in order without overlap, twice alike, and blank space after the text is nothing."""
    sentences = segment(text)
    at, paragraph = 0, 0
    for index, sentence in enumerate(sentences):
        assert sentence.index == index
        assert sentence.text == text[sentence.start : sentence.end] == sentence.text.strip() != ""
        assert not text[at : sentence.start].strip()
        assert sentence.paragraph - paragraph in (0, 1)
        at, paragraph = sentence.end, sentence.paragraph
    assert not text[at:].strip()
    assert segment(text) == sentences
    assert segment(text + " \n\n\t ") == sentences
    return sentences


def check_quotation(text: str) -> None:
    """Quotations are ordered and bounded; what is withheld lies in its sentence and is nothing without a voice."""
    sentences = segment(text)
    at = 0
    for quote in find_quotes(text, sentences):
        assert at <= quote.start <= quote.inner_start < quote.inner_end <= quote.end <= len(text)
        at = quote.end
    voiced = attribute(text, sentences)
    assert attribute(text, sentences) == voiced
    assert len(voiced) == len(sentences)
    for before, after in zip(sentences, voiced, strict=True):
        assert (before.start, before.end, before.text) == (after.start, after.end, after.text)
        assert (after.voice == "outlet") == (not after.withheld)
        at = after.start
        for start, end in after.withheld:
            assert at <= start < end <= after.end
            at = end


def check_lexicon(text: str) -> None:
    """Terms are whole words in order without overlap, the same a second time."""
    hits = default_lexicon().find(text)
    at = 0
    for hit in hits:
        assert at <= hit.start < hit.end <= len(text)
        assert default_lexicon().lookup(text[hit.start : hit.end]) is hit.entry
        assert not (text[hit.start - 1 : hit.start] + text[hit.start]).isalnum() or hit.start == 0
        assert not (text[hit.end - 1] + text[hit.end : hit.end + 1]).isalnum() or hit.end == len(text)
        at = hit.end
    assert default_lexicon().find(text) == hits


def check_report(text: str, detector: Detector) -> ArticleReport | None:
    """Scores are in range and finite, spans lie in their sentence; None for a text that is nothing but blank."""
    if not text.strip():
        return None
    report = detector.score(text)
    text = report.article.text
    if report.score is None:
        assert report.interval is None
        assert report.warnings
    else:
        assert report.interval is not None
        low, high = report.interval
        assert 0.0 <= low <= report.score <= high <= 100.0
    for result in report.sentences:
        sentence = result.sentence
        assert text[sentence.start : sentence.end] == sentence.text
        assert 0.0 <= result.probability <= 1.0
        assert 0.0 <= result.outlet_probability <= 1.0
        assert all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in result.categories.values())
        at = sentence.start
        for span in result.spans:
            assert at <= span.start < span.end <= sentence.end
            assert text[span.start : span.end] == span.text
            assert 0.0 <= span.probability <= 1.0
            at = span.end
    return report


def check_rendering(report: ArticleReport) -> None:
    """Every format renders; what machines read is whole, and no text of an article is markup or commands a terminal."""
    for name in RENDERERS:
        shown = renderer(name)([report])
        assert renderer(name)([report]) == shown
        assert name == "csv" or visible(shown) == shown  # a spreadsheet gets the text as it is
        if name in ("json", "sarif"):
            json.loads(shown)
        elif name == "jsonl":
            assert json.loads(shown) == json.loads(renderer("json")([report]))[0]
        elif name == "csv":
            rows = list(csv.reader(io.StringIO(shown, newline=""), strict=True))
            assert {len(row) for row in rows} == {len(rows[0])}
            assert len(rows) == 1 + max(1, len(report.sentences))
        elif name == "html":
            page = _Tags()
            page.feed(shown)
            page.close()
            assert not page.found & {"script", "img", "iframe", "object", "embed", "form", "input", "base", "svg", "b-"}
            assert not any(attribute.startswith("on") for attribute in page.attributes)
        elif name == "github":
            assert all(line.startswith("::") or not line.strip() for line in shown.splitlines())


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


def check_reading(data: bytes, name: str, encoding: str = "utf-8", errors: str = "strict") -> None:
    """Any bytes under any name give articles, or errors that are one line."""
    stdin = io.BytesIO(data)
    results = list(
        read_all(["-"], stdin=stdin, stdin_filename=name, encoding=encoding, errors=errors, max_bytes=100_000)
    )
    assert results
    for result in results:
        if isinstance(result, ReadFailure):
            assert str(result.error)
            assert "\n" not in str(result.error)
            assert "Error" not in str(result.error).split(":")[0]
        else:
            assert isinstance(result, Article)
            assert result.text.strip()
            assert replace_surrogates(result.text)[1] == 0
            assert replace_surrogates(result.title or "")[1] == 0
