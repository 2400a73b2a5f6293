"""Articles side by side: which may be, which are clearly apart, and how that looks."""

from __future__ import annotations

import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from factories import harbour, loaded, report, sentence
from hypothesis import given
from hypothesis import strategies as st

import bias
from bias.comparing import Comparison, compare
from bias.errors import MissingExtraError, UsageError
from bias.scoring import prediction_interval
from bias.types import ArticleReport, ModelInfo


def scored(score: float | None, low: float = 0.0, high: float = 0.0, name: str = "a") -> ArticleReport:
    interval = None if score is None else (low, high)
    return report([sentence("Rain fell.")], source=f"{name}.txt", score=score, interval=interval)


def of(*values: tuple[float, float, float]) -> Comparison:
    return compare(scored(*three, name=chr(97 + place)) for place, three in enumerate(values))


class Elements(HTMLParser):
    """Every start tag of a page with its attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[str]:
        """The values of an attribute."""
        return [value for _, attrs in self.found if (value := attrs.get(name)) is not None]


def test_it_is_a_public_name() -> None:
    assert bias.compare is compare


def test_articles_are_called_by_their_files_where_that_tells_them_apart() -> None:
    def names(*sources: str) -> tuple[str, ...]:
        return compare(replace(harbour(), article=replace(harbour().article, source=s)) for s in sources).names

    assert names("day/courier.txt", "day/ledger.html") == ("courier", "ledger")
    assert names("courier/1.txt", "ledger/1.txt") == ("courier/1.txt", "ledger/1.txt")
    assert names("<text>", "<text>") == ("1: <text>", "2: <text>")


def test_names_can_be_given_and_must_fit() -> None:
    reports = [harbour(), harbour()]
    assert compare(reports, ["then", "now"]).names == ("then", "now")
    for wrong in (["then"], ["now", "now"]):
        with pytest.raises(UsageError, match="2 reports need as many names, all different"):
            compare(reports, wrong)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"prior": "balanced"}, "the priors news and balanced"),
        ({"quotes": "include"}, "the quotes modes separate and include"),
        ({"threshold": 0.25}, "the thresholds 0.5 and 0.25"),
        ({"model": ModelInfo("mine", "2", "f" * 64)}, "the models default 1 .* and mine 2"),
    ],
)
def test_only_reports_made_alike_are_compared(other: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compare([harbour(), replace(harbour(), **other)])


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        compare([])


def test_a_pair_is_clearly_apart_where_the_interval_of_the_difference_is() -> None:
    (near,) = of((20, 10, 30), (25, 15, 35)).differences
    assert (near.first, near.second, near.value) == ("b", "a", 5)
    assert near.interval == pytest.approx((5 - 200**0.5, 5 + 200**0.5))
    assert not near.clear
    (far,) = of((20, 10, 30), (35, 26, 44)).differences
    assert far.clear  # though the intervals of the two scores overlap


@given(st.lists(st.tuples(*[st.floats(0, 50)] * 3), min_size=2, max_size=6))
def test_differences_are_of_every_pair_and_hold_their_value(values: list[tuple[float, float, float]]) -> None:
    found = of(*((low + up, low, low + up + more) for low, up, more in values)).differences
    assert len(found) == len(values) * (len(values) - 1) // 2
    for pair in found:
        assert pair.value >= 0
        assert pair.interval[0] <= pair.value <= pair.interval[1]
    assert [pair.value for pair in found] == sorted((pair.value for pair in found), reverse=True)


def test_the_interval_is_that_of_drawing_both_articles() -> None:
    """Against the plain bootstrap that it stands in for, on articles of twenty sentences."""
    generator = np.random.default_rng(0)
    for mean, other in ((0.1, 0.5), (0.2, 0.3), (0.05, 0.15)):
        probabilities = [generator.beta(mean * 8, (1 - mean) * 8, 20) for mean in (mean, other)]
        scores = [100 * p.mean() for p in probabilities]
        drawn = [100 * (generator.random((20_000, 20)) < p).mean(axis=1) for p in probabilities]
        intervals = [prediction_interval(p, [0] * 20) for p in probabilities]
        (pair,) = of(*((score, *interval) for score, interval in zip(scores, intervals, strict=True))).differences
        difference = np.abs(scores[0] - scores[1])
        sign = 1 if scores[0] > scores[1] else -1
        low, high = np.percentile(sign * (drawn[0] - drawn[1]), [2.5, 97.5])
        assert pair.value == pytest.approx(difference)
        assert pair.interval == pytest.approx((low, high), abs=5)


def test_the_finding_says_what_is_clear_and_what_may_be_chance() -> None:
    assert of((20, 10, 30), (25, 15, 35)).finding.endswith("their order may be chance.")
    three = of((5, 0, 10), (25, 15, 35), (28, 18, 38)).finding
    assert three == "Clearly apart: c above a; b above a. In the other pair the order may be chance."
    assert of((5, 4, 6), (25, 24, 26)).finding == "Clearly apart: b above a."
    many = of(*((10.0 * n, 10.0 * n - 1, 10.0 * n + 1) for n in range(5))).finding
    assert many == "10 of 10 pairs are clearly apart."


def test_an_article_without_a_score_stands_there_and_is_in_no_pair() -> None:
    comparison = compare([scored(None, name="a"), scored(20, 10, 30, name="b")])
    assert (comparison.differences, comparison.finding) == ((), "")
    assert "–" in Elements(comparison._repr_html_()).text
    comparison.plot()


def test_another_threshold_goes_to_every_report() -> None:
    moved = compare([harbour(), replace(harbour(), score=None, interval=None)], ["a", "b"]).at(0.99)
    assert [len(one.opinionated) for one in moved.reports] == [0, 0]
    assert moved.to_frame().opinionated.tolist() == [0, 0]


def test_a_table_has_the_names_first() -> None:
    comparison = compare([harbour(), harbour()], ["then", "now"])
    assert comparison.to_frame().article.tolist() == ["then", "now"]
    sentences = comparison.to_frame("sentences")
    assert sentences.columns[0] == "article"
    assert sentences.article.value_counts().to_dict() == {"then": 14, "now": 14}
    assert set(comparison.to_frame("spans").article) == {"then", "now"}


def test_the_fragment_shows_every_article_and_each_id_once() -> None:
    comparison = compare([harbour(), harbour()], ["then", "now"])
    found = Elements(comparison._repr_html_())
    ids = found.all("id")
    assert len(ids) == len(set(ids))
    assert set(found.all("aria-labelledby")) | set(found.all("aria-describedby")) <= set(ids)
    assert not {"script", "link", "img"} & {tag for tag, _ in found.found}
    for text in ("2 articles compared", "then", "now", "their order may be chance", "rammed through, agitators"):
        assert text in found.text
    assert found.text.count("City clerks expect") == 2  # the whole articles


def test_terms_are_listed_once_the_strongest_first_and_quoted_ones_never() -> None:
    given = report(
        [
            sentence("The reckless plan.", 0.9, loaded("reckless", 0.6)),
            sentence("Reckless cronies.", 0.9, loaded("Reckless", 0.9), loaded("cronies", 0.8)),
        ]
    )
    page = Elements(compare([given])._repr_html_()).text
    assert "3 loaded terms: Reckless, cronies" in page
    cards = Elements(compare([harbour()])._repr_html_()).text.partition("The whole article")[0]
    assert "slap in the face" not in cards.partition("5 loaded terms")[2]


def test_what_comes_from_an_article_is_escaped() -> None:
    hostile = "<script>alert(1)</script> & <b>bold</b> \u202e"
    given = report([sentence(hostile, 0.9, loaded("bold"))], source=hostile, title=hostile)
    for page in (compare([given])._repr_html_(), compare([given]).to_html()):
        assert "<script" not in page
        assert "<b>bold" not in page
        assert "\u202e" not in page


def test_the_page_fetches_nothing_and_says_so() -> None:
    page = compare([harbour()], ["now"]).to_html()
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert "<h1 " in page
    assert not Elements(page).all("src")


def test_the_picture_is_the_same_every_time_and_as_high_as_there_are_articles() -> None:
    one, two = compare([harbour()]), compare([harbour(), replace(harbour(), score=None, interval=None)], ["a", "b"])
    assert one.plot()._repr_png_() == one.plot()._repr_png_()
    assert two.plot().get_figheight() > one.plot().get_figheight()
    scores, strips = two.plot().axes
    assert [label.get_text() for label in scores.get_yticklabels()] == ["a", "b"]
    assert strips.get_xlim() == (0, 100)
    assert "no score" in {text.get_text() for text in scores.texts}


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == "matplotlib" or name.endswith((".plotstyle", ".comparisonplot")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"newsbias\[notebook\]"):
        compare([harbour()]).plot()
