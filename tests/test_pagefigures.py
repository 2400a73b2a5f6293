"""Opinion pages against news pages: over all outlets, and within each."""

from __future__ import annotations

import pytest

from bias.detector import Detector
from bias.training.data.pages import Page
from bias.training.shipped.pagefigures import FEWEST, ScoredPage, page_figures, score_each

TEXT = "The council voted on Tuesday. The vote was 7 to 4. It takes effect in May."


def scored(outlet: str, news: list[float], opinion: list[float]) -> list[ScoredPage]:
    return [
        ScoredPage(outlet, section, score)
        for section, found in (("news", news), ("opinion", opinion))
        for score in found
    ]


def test_outlets_are_held_against_themselves() -> None:
    # Within each outlet opinion scores higher; the one that prints mostly opinion scores lower throughout.
    low = scored("low", [1.0] * FEWEST, [2.0] * 3 * FEWEST)
    high = scored("high", [3.0] * 3 * FEWEST, [4.0] * FEWEST)
    found = page_figures([*low, *high])
    assert found["pages"] == {"news": 4 * FEWEST, "opinion": 4 * FEWEST}
    assert found["within"].value == 1.0
    assert found["overall"].value == pytest.approx((3 * 0.25 + 1) / 4)
    assert set(found["outlets"]) == {"low", "high"}
    assert found["outlets"]["low"]["pages"] == {"news": FEWEST, "opinion": 3 * FEWEST}


def test_few_pages_have_no_figure_of_their_own() -> None:
    few = scored("few", [1.0] * (FEWEST - 1), [0.0] * FEWEST)
    found = page_figures([*few, *scored("many", [1.0, 2.0] * FEWEST, [1.0, 3.0] * FEWEST)])
    assert list(found["outlets"]) == ["many"]
    figure = found["outlets"]["many"]["auroc"]
    assert figure.value == found["within"].value == pytest.approx(0.625)
    assert figure.low < figure.value < figure.high
    assert page_figures(few)["within"] is None


def test_pages_are_drawn_by_outlet_and_section(tiny_detector: Detector) -> None:
    pages = [
        Page(f"{TEXT} {number}.", "", "corpus", section, "left", outlet)
        for outlet in ("a", "b")
        for section in ("news", "opinion")
        for number in range(5)
    ]
    found = score_each(tiny_detector, pages, 2)
    assert sorted((page.outlet, page.section) for page in found) == sorted(
        (o, s) for o in ("a", "b") for s in ("news", "opinion") for _ in range(2)
    )
    assert all(0 <= page.score <= 100 for page in found)
    assert found == score_each(tiny_detector, pages, 2)
