from __future__ import annotations

import math
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.calibration import Calibration, Curve, LogisticMap, Platt, PriorMap, sigmoid
from bias.errors import EmptyTextError, UsageError
from bias.modelfolder import ModelFolder, Reference
from bias.quotation import attribute
from bias.scoring import make_report, percentiles, prediction_interval
from bias.segmentation import segment
from bias.types import (
    Article,
    ArticleReport,
    Category,
    ModelInfo,
    Prediction,
    QuotesMode,
    Reading,
    Sentence,
    WordScore,
)
from bias.words import WORD

THRESHOLDS: dict[QuotesMode, float] = {"separate": 0.5, "include": 0.5}
NEWS = PriorMap(LogisticMap({"sentence": 1.0}, -2.0), LogisticMap({"sentence": 1.0}, -3.0), THRESHOLDS)
BALANCED = PriorMap(LogisticMap({"sentence": 1.0}), LogisticMap({"sentence": 1.0}), THRESHOLDS)
CURVE = Curve((-2.0, 0.0, 2.0), (1.0, 0.9, 0.4), (1.0, 0.2, 0.01))
TERM = LogisticMap({"word": 1.0, "sentence": 0.5})
CALIBRATION = Calibration(NEWS, BALANCED, Platt(), 0.5, TERM, CURVE)


def folder(reference: Reference | None = None) -> ModelFolder:
    from pathlib import Path

    return ModelFolder(Path(), ModelInfo("m", "1", "0"), "", "", 256, False, CALIBRATION, reference, {})


def predict(
    text: str, logits: dict[str, float] | None = None, loaded: dict[str, float] | None = None
) -> list[Prediction]:
    """Predictions with a sentence logit by a phrase in it (else -3) and a word logit by word (else -9)."""
    predictions = []
    for sentence in attribute(text, segment(text)):

        def logit(of: str) -> float:
            return next((value for phrase, value in (logits or {}).items() if phrase in of), -3.0)

        words = tuple(
            WordScore(sentence.start + m.start(), sentence.start + m.end(), (loaded or {}).get(m[0], -9.0))
            for m in WORD.finditer(sentence.text)
        )
        techniques: dict[Category, float] = {"doubt": 1.0, "loaded_language": 2.0}
        written = outlet = Reading(logit(sentence.text), words, techniques=techniques)
        if sentence.withheld:
            own = tuple(w for w in words if not any(a <= w.start and w.end <= b for a, b in sentence.withheld))
            outlet = Reading(logit(sentence.outlet_text), own, techniques=techniques)
        predictions.append(Prediction(sentence, written, outlet if sentence.counted else None))
    return predictions


def report(
    text: str, logits: dict[str, float] | None = None, loaded: dict[str, float] | None = None, **options: object
) -> ArticleReport:
    return make_report(Article(text), predict(text, logits, loaded), folder(), **options)  # type: ignore[arg-type]


TEXT = (
    "The council met on Monday. The reckless plan passed.\n\n"
    '"It is a shameless giveaway," Ann Smith said. "A disgrace." The vote was 5 to 4.'
)


def test_quoted_speech_is_not_the_outlets() -> None:
    made = report(TEXT, {"shameless": 5.0, "disgrace": 5.0, "reckless": 4.0})
    by_text = {r.sentence.text: r for r in made.sentences}
    reckless = by_text["The reckless plan passed."]
    assert reckless.label == "opinionated"
    assert reckless.probability == reckless.outlet_probability == pytest.approx(sigmoid(4.0 - 2.0))
    said = by_text['"It is a shameless giveaway," Ann Smith said.']
    assert said.probability > 0.9
    assert said.outlet_probability == 0.0
    assert said.label == "neutral"
    assert by_text['"A disgrace."'].outlet_probability == 0.0
    counted = [r.outlet_probability for r in made.sentences if r.sentence.counted]
    assert len(counted) == 3
    assert made.score == pytest.approx(100 * sum(counted) / 3)


def test_quotes_can_be_included() -> None:
    made = report(TEXT, {"shameless": 5.0, "disgrace": 5.0}, quotes="include")
    assert [r.label for r in made.sentences].count("opinionated") == 2
    assert made.score == pytest.approx(100 * sum(r.probability for r in made.sentences) / 5)


def test_a_threshold_changes_labels_and_nothing_else() -> None:
    made = report(TEXT, {"reckless": 2.5})
    low, high = made.at(0.0), made.at(1.0)
    assert len(low.opinionated) == 5
    assert len(high.opinionated) == 0
    assert low.score == high.score == made.score
    assert [r.spans for r in low.sentences] == [r.spans for r in made.sentences]
    assert made.at(made.threshold) == made
    with pytest.raises(ValueError, match="between 0 and 1"):
        made.at(1.5)


def test_an_article_of_quotes_alone_has_no_score() -> None:
    made = report('"We asked for a plan in March," she said. "Nothing came of it."')
    assert made.score is None
    assert made.interval is None
    assert made.percentile is None
    assert "nothing to score" in made.warnings[0]


def test_few_sentences_are_warned_of() -> None:
    assert "very uncertain" in report("The council met on Monday.").warnings[0]


def test_no_text_is_an_error() -> None:
    with pytest.raises(EmptyTextError):
        make_report(Article(""), [], folder())


@pytest.mark.parametrize("prior", ["old", "0", "1", "-0.2", "nan", ""])
def test_impossible_priors_are_refused(prior: str) -> None:
    with pytest.raises(UsageError, match="--prior"):
        report(TEXT, prior=prior)


def test_a_number_shifts_the_balanced_map() -> None:
    assert report(TEXT, prior="0.5").score == pytest.approx(report(TEXT, prior="balanced").score)
    odds = [
        made.sentences[0].probability / (1 - made.sentences[0].probability)
        for made in (report(TEXT, prior=prior) for prior in ("balanced", "0.2"))
    ]
    assert odds[1] / odds[0] == pytest.approx(0.25)


def test_the_threshold_of_a_number_has_the_best_expected_f1() -> None:
    def expected_f1(i: int, prior: float) -> float:
        tp, fp = prior * CURVE.true_positive_rate[i], (1 - prior) * CURVE.false_positive_rate[i]
        return 2 * tp / (tp + fp + prior)

    for prior in (0.03, 0.3, 0.8):
        best = max(range(3), key=lambda i: expected_f1(i, prior))
        cut = CURVE.best_threshold(prior)
        assert math.log(cut / (1 - cut)) == pytest.approx(CURVE.log_odds[best] + math.log(prior / (1 - prior)))


def test_neighbours_that_the_lexicon_does_not_know_are_joined() -> None:
    text = "The wholly zorgling-like, snarky crowd met."
    made = report(text, loaded={"zorgling-like": 2.0, "snarky": 1.0, "crowd": 1.0})
    assert [span.text for span in made.spans] == ["zorgling-like", "snarky crowd"]
    assert [span.probability for span in made.spans] == pytest.approx([sigmoid(2.0), sigmoid(1.0)])


def test_a_term_of_the_lexicon_is_a_span_of_its_own_with_what_is_known_of_it() -> None:
    text = "The zorgling regime was on a witch hunt."
    made = report(text, loaded={"zorgling": 2.0, "regime": 2.0, "hunt": 2.0})
    assert [span.text for span in made.spans] == ["zorgling", "regime", "witch hunt"]
    for span in made.spans[1:]:
        assert span.category is not None
        assert span.why
        assert span.alternatives
        assert text[span.start : span.end] == span.text


def test_a_term_of_the_lexicon_rests_on_its_sentence_too() -> None:
    text = "The regime met the zorgling."
    loaded = {"regime": -1.0, "zorgling": -1.0}
    (span,) = report(text, {"regime": 3.0}, loaded).spans
    assert (span.text, span.probability) == ("regime", pytest.approx(sigmoid(-1.0 + 1.5)))
    assert not report(text, {"regime": 1.0}, loaded).spans


def test_an_unknown_word_takes_the_sentences_strongest_technique() -> None:
    (span,) = report("A zorgling came.", loaded={"zorgling": 3.0}).spans
    assert span.category == "loaded_language"
    assert span.alternatives == ()


def test_spans_never_cross_from_the_outlet_into_a_quote() -> None:
    text = 'The reckless "shameless plan for all of them", Ann Smith said, was rejected.'
    made = report(text, loaded={"reckless": 3.0, "shameless": 3.0})
    assert [(span.text, span.voice) for span in made.spans] == [("reckless", "outlet"), ("shameless", "quoted")]


def test_the_interval_is_repeatable_and_holds_the_score() -> None:
    probabilities = [0.05, 0.9, 0.2, 0.1, 0.4, 0.02, 0.7]
    interval = prediction_interval(probabilities, [0, 0, 1, 2, 3, 4, 5])
    assert interval == prediction_interval(probabilities, [0, 0, 1, 2, 3, 4, 5])
    assert interval[0] <= 100 * sum(probabilities) / 7 <= interval[1]


def test_an_interval_holds_the_score_that_it_is_of() -> None:
    for probability in (0.0001, 0.9999):
        low, high = prediction_interval([probability], [0])
        assert low <= 100 * probability <= high


def test_certain_labels_leave_paragraphs_as_the_only_source_of_spread() -> None:
    assert prediction_interval([1.0, 0.0, 1.0, 0.0], [0, 0, 1, 1]) == (50.0, 50.0)
    low, high = prediction_interval([1.0, 0.0] * 5, list(range(10)))
    assert low < 50.0 < high


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9)), min_size=1, max_size=40))
def test_intervals_stay_in_range(rows: list[tuple[float, int]]) -> None:
    low, high = prediction_interval([p for p, _ in rows], [paragraph for _, paragraph in rows])
    assert 0.0 <= low <= high <= 100.0


def test_percentiles_rise_with_the_score_and_need_a_reference() -> None:
    row = tuple(float(i) for i in range(101))
    reference = Reference("corpus", {"news/separate": {"news": row, "opinion": tuple(x / 2 for x in row)}})
    assert percentiles(40.0, reference, "news/separate") == {"news": 40, "opinion": 80}
    assert percentiles(1000.0, reference, "news/separate") == {"news": 100, "opinion": 100}
    assert percentiles(-1.0, reference, "news/separate") == {"news": 0, "opinion": 0}
    assert percentiles(40.0, reference, "balanced/separate") is None
    assert percentiles(40.0, None, "news/separate") is None
    ranks = [percentiles(x / 7, reference, "news/separate")["news"] for x in range(700)]  # type: ignore[index]
    assert all(a <= b for a, b in pairwise(ranks))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.integers(-6, 6))
def test_spans_are_whole_words_of_their_sentence(text: str, logit: int) -> None:
    sentences = attribute(text, segment(text))
    if not sentences:
        return
    predictions = []
    for s in sentences:
        words = tuple(WordScore(s.start + m.start(), s.start + m.end(), float(logit)) for m in WORD.finditer(s.text))
        reading = Reading(0.0, words)
        predictions.append(Prediction(s, reading, reading))
    made = make_report(Article(text), predictions, folder())
    for result in made.sentences:
        for span in result.spans:
            assert text[span.start : span.end] == span.text
            assert result.sentence.start <= span.start < span.end <= result.sentence.end
            assert not (span.start and (text[span.start - 1] + text[span.start]).isalnum())


def test_sentence_withholds_by_offsets() -> None:
    text = 'He said "no" and "never".'
    sentence = Sentence(0, 0, 10, 10 + len(text), text, "mixed", ((19, 21), (28, 33)))
    assert sentence.outlet_text == 'He said "..." and "...".'
    assert sentence.has_outlet_words
    assert not Sentence(0, 0, 0, 4, '"no"', "quoted", ((1, 3),)).has_outlet_words


def test_the_interval_of_a_long_article_takes_little_memory() -> None:
    tracemalloc.start()
    low, high = prediction_interval([0.1] * 20_000, [i // 4 for i in range(20_000)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 9.0 < low < 10.0 < high < 11.0
    assert peak < 100_000_000


def test_terms_without_end_take_linear_time() -> None:
    text = "The regime met the council and " * 3_000
    made = report(text, loaded={"regime": 9.0})
    assert len(made.spans) == 3_000
