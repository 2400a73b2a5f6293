from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.detector import Detector
from bias.encoder import Encoded
from bias.quotation import attribute
from bias.segmentation import segment
from bias.types import CATEGORIES
from bias.words import WORD


class Recorder:
    """An encoder that notes what it reads and gives every word its place in the text as logit."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, texts: Iterable[str]) -> Iterator[Encoded]:
        for text in texts:
            self.read.append(text)
            words = tuple((m.start(), m.end(), float(len(self.read))) for m in WORD.finditer(text))
            yield Encoded(float(len(self.read)), 0.0, (0.0,) * len(CATEGORIES), words)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_a_sentence_with_a_quote_is_read_twice_and_its_words_stay_in_place(
    tiny_folder: Path, recorder: Recorder
) -> None:
    text = 'It rained. The weary minister said the "reckless, costly and shameful plan" was dead. "We lost. All."'
    detector = Detector(tiny_folder, encoder=recorder)
    predictions = list(detector.predict(attribute(text, segment(text))))
    assert recorder.read[:3] == [
        "It rained.",
        'The weary minister said the "reckless, costly and shameful plan" was dead.',
        'The weary minister said the "..." was dead.',
    ]
    mixed = predictions[1]
    assert mixed.outlet is not None
    assert (mixed.written.logit, mixed.outlet.logit) == (2.0, 3.0)
    assert [(text[w.start : w.end], w.logit) for w in mixed.words] == [
        (word, 2.0 if word in {"reckless", "costly", "and", "shameful", "plan"} else 3.0)
        for word in WORD.findall(mixed.sentence.text)
    ]
    assert predictions[0].outlet is predictions[0].written
    assert predictions[-1].outlet is None


def test_a_sentence_of_many_quotes_takes_linear_time(tiny_folder: Path, recorder: Recorder) -> None:
    text = 'The weary minister called it "a rash and reckless plan" and then again ' * 10_000
    (prediction,) = Detector(tiny_folder, encoder=recorder).predict(attribute(text, segment(text)))
    assert len(prediction.sentence.withheld) == 10_000
    assert [text[w.start : w.end] for w in prediction.words] == WORD.findall(text)


def test_a_row_of_asterisks_is_no_sentence_of_the_outlets(tiny_detector: Detector) -> None:
    report = tiny_detector.score("The plan was reckless.\n\n* * *\n\nThe vote is on Monday.")
    asterisks = report.sentences[1]
    assert asterisks.sentence.text == "* * *"
    assert (asterisks.outlet_probability, asterisks.sentence.counted) == (0.0, False)
    assert tiny_detector.score("* * *").score is None


def test_a_string_is_read_like_any_text(tiny_detector: Detector) -> None:
    report = tiny_detector.score("The regime \ud800 met.")
    assert report.article.text == "The regime \ufffd met."
    assert any("U+FFFD" in warning for warning in report.warnings)


def test_a_plain_attribution_takes_no_side_and_a_loaded_one_is_read(tiny_folder: Path, recorder: Recorder) -> None:
    text = '"We lost," the archbishop said in his homily. "We lost," he ranted.'
    predictions = list(Detector(tiny_folder, encoder=recorder).predict(attribute(text, segment(text))))
    assert [prediction.outlet is None for prediction in predictions] == [True, False]
    assert recorder.read[-1] == '"..." he ranted.'


def test_no_prediction_needs_all_sentences(tiny_folder: Path, recorder: Recorder) -> None:
    detector = Detector(tiny_folder, encoder=recorder)

    def endless() -> Iterator[str]:
        while True:
            yield "The council met."

    sentences = (segment(text)[0] for text in endless())
    assert next(detector.predict(sentences)).written.logit == 1.0
    assert len(recorder.read) == 1


def test_threads_and_company_do_not_change_a_report(tiny_folder: Path) -> None:
    text = 'The regime met. "No," the minister said. The vote was reckless.\n\nIt was a tax.'
    one, two = Detector(tiny_folder, threads=1), Detector(tiny_folder, threads=3)
    alone = one.score(text)
    two.score("Something else. And more.")
    assert two.score(text) == alone


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab .,!?\"'“”‘’\n\x00é-😀"), max_size=120))
def test_any_text_gives_a_sound_report(tiny_detector: Detector, text: str) -> None:
    if not segment(text):
        return
    report = tiny_detector.score(text)
    assert report.score is None or 0.0 <= report.score <= 100.0
    for result in report.sentences:
        assert 0.0 <= result.outlet_probability <= 1.0
        for span in result.spans:
            assert text[span.start : span.end] == span.text
