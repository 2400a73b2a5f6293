"""The checklist is well formed and our own; what is made of a model's answers is right."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from bias.cli.checklist_view import checklist_markdown, checklist_record, render_checklist
from bias.detector import Detector
from bias.errors import DataError, UsageError
from bias.quotation import attribute
from bias.training.checklist.capabilities import Capability, Insertion, Quote, Statement, Template
from bias.training.checklist.results import QUESTIONS, CapabilityResult
from bias.training.checklist.running import (
    Judged,
    flag_rates,
    judge,
    macro_f1,
    own_checklist,
    read_checklist,
    run_checklist,
    wilson,
)
from bias.training.data.examples import near_duplicates
from bias.training.shipped.floors import gated
from bias.types import Label, Sentence

TRAINING = Path(__file__).parents[1] / "bias" / "training" / "sentences"
CHECKLIST = {capability.name: capability for capability in read_checklist()}
RAW = {path.stem: json.loads(path.read_text("utf-8")) for path in own_checklist().glob("*.json")}
ROWS = [json.loads(line) for path in TRAINING.glob("*.jsonl") for line in path.read_text("utf-8").splitlines()]
TRAINED = [row["text"] for row in ROWS]
FAMILIES = [name for name, capability in CHECKLIST.items() if capability.kind == "invariance"]
QUOTATION = re.compile(r"\"[^\"]+\"|“[^”]+”|(?<!\w)['‘](?=\w).+?['’](?!\w)")

LEFT = re.compile(r"\b(Democrats?|Democratic|Labour|Greens?|the left|left's|Biden|Obama|Pelosi|Harris|Starmer)\b")
RIGHT = re.compile(
    r"\b(Republicans?|Conservatives?|Tory|Tories|the right|right's|Trump|Bush|McConnell|Haley|Johnson)\b"
)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def differing(first: str, second: str) -> tuple[str, str]:
    """What is left of two sentences without the words that both begin and both end with."""
    one, two = first.split(), second.split()
    while one and two and one[0].lower() == two[0].lower():
        one, two = one[1:], two[1:]
    while one and two and one[-1] == two[-1]:
        one, two = one[:-1], two[:-1]
    return " ".join(one), " ".join(two)


class TestOurOwn:
    def test_what_there_is(self) -> None:
        counts = {name: len(capability.cases) for name, capability in CHECKLIST.items()}
        assert {name for name, capability in CHECKLIST.items() if capability.known_failure} == {"irony", "negation"}
        assert all(counts[name] >= 40 for name in FAMILIES if name != "origins")
        assert counts["insertion"] >= 240
        for name in ("facts", "neutral-hard", "loaded-plain", "loaded-mild", "loaded-sly", "headlines", "questions"):
            assert counts[name] >= 50  # so that one case is no more than what the floors allow
        assert list(CHECKLIST)[-2:] == ["irony", "negation"]

    def test_nothing_is_there_twice(self) -> None:
        texts = Counter(text.casefold() for capability in CHECKLIST.values() for text in capability.texts)
        assert [text for text, count in texts.items() if count > 1] == []

    @pytest.mark.parametrize("name", sorted(CHECKLIST))
    def test_nothing_is_trained_on(self, name: str) -> None:
        texts = CHECKLIST[name].texts
        close = near_duplicates(texts, TRAINED)
        assert [text for text, is_close in zip(texts, close, strict=True) if is_close] == []
        theirs = [words(text) for text in TRAINED]
        for text in (case.texts[0] for case in CHECKLIST[name].cases):  # the others have most words in common with it
            own = words(text)
            assert not any(len(own & other) > 0.6 * len(own | other) for other in theirs), text

    @pytest.mark.parametrize("name", sorted(CHECKLIST))
    def test_sentences_look_like_sentences(self, name: str) -> None:
        for text in CHECKLIST[name].texts:
            assert text == text.strip()
            assert text[0].isupper() or not text[0].isalpha(), text
            assert name == "headlines" or text[-1] in ".?!\"'”’", text
            assert not re.search(r"  | [,.;:?!]|\{|\}|[.,]{2}", text), text
            assert not re.search(r"\b[Aa] [aeioAEIO]\w", text.replace(" a once", "")), text
            assert not re.search(r"\b[Aa]n [bcdfgjklmnpqrstvwxyzBCDGJKPQTVWYZ]\w", text), text
            assert len(text.split()) <= 45

    @pytest.mark.parametrize("name", FAMILIES)
    def test_half_of_the_templates_take_a_side(self, name: str) -> None:
        labels = Counter(case["label"] for case in RAW[name]["cases"])
        assert labels["neutral"] == labels["opinionated"]
        for fills in RAW[name]["fills"].values():
            assert len({tuple(slots) for slots in fills}) == 1

    def test_an_insertion_differs_in_one_place(self) -> None:
        for case in CHECKLIST["insertion"].cases:
            assert isinstance(case, Insertion)
            for variant in (case.loaded, case.control):
                before, after = differing(case.neutral, variant)
                assert len(before.split()) <= 1, case
                assert 1 <= len(after.split()) <= 3, case
            assert case.span.lower() in differing(case.neutral, case.loaded)[1].lower()
            assert case.span not in case.neutral + case.control

    def test_most_of_the_inserted_words_are_not_trained_on(self) -> None:
        trained = {word for row in ROWS for span in row["spans"] for word in words(span)}
        spans = [case.span for case in CHECKLIST["insertion"].cases if isinstance(case, Insertion)]
        assert sum(not words(span) & trained for span in spans) >= 0.6 * len(spans)
        assert len(set(spans)) >= 0.95 * len(spans)

    def test_loaded_quotes_differ_inside_the_quotes_alone(self) -> None:
        for case in CHECKLIST["quotation"].cases:
            assert isinstance(case, Quote)
            assert QUOTATION.sub("Q", case.neutral) == QUOTATION.sub("Q", case.loaded), case.loaded
            inside = " ".join(QUOTATION.findall(case.loaded))
            assert all(span in inside for span in case.quoted_spans), case.loaded
            if case.outside is not None:
                assert QUOTATION.sub("Q", case.outside) != QUOTATION.sub("Q", case.neutral)
                assert QUOTATION.findall(case.outside)[0] == QUOTATION.findall(case.neutral)[0]
        styles = Counter(case.style for case in CHECKLIST["quotation"].cases if isinstance(case, Quote))
        assert styles.keys() == {"double", "single", "curly", "split", "partial", "inverted"}
        assert min(styles.values()) >= 5

    def test_naming_a_side_tells_little_about_the_label(self) -> None:
        """Among the sentences that are not made of templates: each side is hit about as often as the other."""
        hits = {side: Counter[Label]() for side in ("left", "right")}
        for capability in CHECKLIST.values():
            for case in capability.cases:
                if isinstance(case, Statement) and capability.name != "quoted":
                    for side, pattern in (("left", LEFT), ("right", RIGHT)):
                        hits[side][case.label] += bool(pattern.search(case.text))
        assert hits["left"].total() >= 15
        for label in ("neutral", "opinionated"):
            assert abs(hits["left"][label] - hits["right"][label]) <= 2, hits

    def test_labels_of_attributed_quotes_are_of_the_outlet(self) -> None:
        for row in RAW["quoted"]["cases"]:
            assert row["label"] == "neutral"
            assert row["voice"] in ("quoted", "mixed")
            assert QUOTATION.search(row["text"]), row["text"]


def write(folder: Path, name: str = "mine", **content: Any) -> Path:
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


FACT = {"text": "The lake is 40 metres deep.", "label": "neutral"}
SWAP = {"template": "{x} won.", "fill": "who", "label": "neutral"}


class TestReading:
    def test_a_folder_of_ones_own(self, tmp_path: Path) -> None:
        write(tmp_path, kind="invariance", about="Who.", fills={"who": [{"x": "Ann"}, {"x": "Bo"}]}, cases=[SWAP])
        write(tmp_path, "known", kind="mft", about="Facts.", cases=[FACT], known_failure=True, bound=0.3)
        swap, known = read_checklist(tmp_path)
        assert swap.cases == (Template("{x} won.", "neutral", ("Ann won.", "Bo won.")),)
        assert known == Capability("known", "mft", "Facts.", (Statement(FACT["text"], "neutral"),), True, 0.3)

    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            ({"kind": "smoke"}, "kind must be one of mft, direction, quotation, invariance, not 'smoke'"),
            ({"kind": "mft", "about": " ", "cases": [FACT]}, "about must be a sentence"),
            ({"kind": "mft", "about": "A.", "cases": []}, "cases must be a list of cases, and not an empty one"),
            ({"kind": "mft", "about": "A.", "cases": [FACT], "fills": {}}, "unknown key 'fills'"),
            ({"kind": "mft", "about": "A.", "cases": [FACT], "bound": 1}, "bound must be a number above 0 and below 1"),
            (
                {"kind": "mft", "about": "A.", "cases": [FACT], "known_failure": 1},
                "known_failure must be true or false",
            ),
            ({"kind": "mft", "about": "A.", "cases": [FACT, {"text": "A"}]}, "mine.json: case 2: label is missing"),
            ({"kind": "mft", "about": "A.", "cases": ["A"]}, "case 1: expected an object with label, text"),
            (
                {"kind": "mft", "about": "A.", "cases": [FACT | {"label": "biased"}]},
                "neutral, opinionated, not 'biased'",
            ),
            ({"kind": "mft", "about": "A.", "cases": [FACT | {"score": "1"}]}, "case 1: unknown key 'score'"),
            ({"kind": "mft", "about": "A.", "cases": [FACT | {"text": 3}]}, "case 1: text must be a text"),
            ({"kind": "invariance", "about": "A.", "cases": [SWAP]}, "case 1: no fill 'who', only none"),
            (
                {"kind": "invariance", "about": "A.", "cases": [SWAP], "fills": {"who": [{"x": "Ann"}]}},
                "fills must be an object of lists of two or more",
            ),
            (
                {"kind": "invariance", "about": "A.", "cases": [SWAP], "fills": {"who": [{"y": "A"}, {"y": "B"}]}},
                "case 1: fill 'who' has no slot 'x'",
            ),
            (
                {"kind": "invariance", "about": "A.", "cases": [SWAP], "fills": {"who": [{"x": "A"}, {"x": "A"}]}},
                "case 1: nothing is swapped",
            ),
            (
                {
                    "kind": "invariance",
                    "about": "A.",
                    "cases": [SWAP | {"template": "{x won."}],
                    "fills": {"who": [{"x": "A"}, {"x": "B"}]},
                },
                "case 1: not a template",
            ),
            (
                {
                    "kind": "direction",
                    "about": "A.",
                    "cases": [{"neutral": "A.", "loaded": "B.", "control": "C.", "span": "bad"}],
                },
                "span 'bad' is not in loaded",
            ),
            (
                {
                    "kind": "quotation",
                    "about": "A.",
                    "cases": [{"neutral": "A.", "loaded": "B.", "voice": "quoted", "quoted_spans": ["bad"]}],
                },
                "quoted span 'bad' is not in loaded",
            ),
        ],
    )
    def test_a_fault_is_named(self, tmp_path: Path, content: dict[str, Any], fault: str) -> None:
        with pytest.raises(DataError, match=re.escape(fault)) as caught:
            read_checklist(write(tmp_path, **content))
        assert "\n" not in str(caught.value)

    def test_no_json_and_no_files(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no checklist here"):
            read_checklist(tmp_path)
        (tmp_path / "a.json").write_text("{")
        with pytest.raises(DataError, match=r"a\.json: not valid JSON"):
            read_checklist(tmp_path)
        (tmp_path / "a.json").write_text("[]")
        with pytest.raises(DataError, match="expected an object"):
            read_checklist(tmp_path)


def model(**answers: float) -> dict[str, Judged]:
    """What a model with the threshold 0.5 says, by sentence."""
    return {text: Judged(p, "opinionated" if p >= 0.5 else "neutral") for text, p in answers.items()}


def by_question(capability: Capability, judged: dict[str, Judged]) -> dict[str, CapabilityResult]:
    return {result.question: result for result in judge(capability, judged)}


class TestJudging:
    def test_stand_alone_sentences(self) -> None:
        cases = (Statement("a", "neutral"), Statement("b", "neutral"), Statement("c", "opinionated"))
        results = by_question(Capability("x", "mft", "X.", cases), model(a=0.9, b=0.7, c=0.8))
        assert (results["neutral"].passed, results["neutral"].n) == (0, 2)
        assert [failure.texts for failure in results["neutral"].failures] == [("a",), ("b",)]
        assert results["loaded"].rate == 1.0
        assert results["loaded"].move is None

    def test_an_insertion(self) -> None:
        capability = Capability("x", "direction", "X.", (Insertion("a", "b", "c", "b"),), bound=0.1)
        results = by_question(capability, model(a=0.1, b=0.3, c=0.15))
        passed = {question: result.passed for question, result in results.items()}
        assert passed == {"neutral": 1, "control": 1, "loaded": 0, "raised": 1, "steady": 1}
        assert results["raised"].move == pytest.approx(0.2)
        results = by_question(capability, model(a=0.3, b=0.2, c=0.45))
        assert (results["raised"].passed, results["steady"].passed) == (0, 0)
        assert results["raised"].move == pytest.approx(-0.1)
        assert results["steady"].move == pytest.approx(0.15)
        # a word that lowers the probability is no fault of the ordinary one
        assert by_question(capability, model(a=0.4, b=0.6, c=0.1))["steady"].passed == 1

    def test_a_quotation(self) -> None:
        cases = (Quote("a", "b", "quoted", ("b",), "c"), Quote("d", "e", "quoted", ("e",)))
        results = by_question(Capability("x", "quotation", "X.", cases), model(a=0.3, b=0.1, c=0.9, d=0.1, e=0.6))
        assert {question: (result.passed, result.n) for question, result in results.items()} == {
            "neutral": (2, 2),
            "loaded": (1, 2),
            "steady": (0, 2),
            "outside": (1, 1),
        }
        assert results["steady"].move == pytest.approx(0.35)

    def test_swaps(self) -> None:
        cases = (Template("t", "neutral", ("a", "b", "c")), Template("u", "opinionated", ("d", "e", "f")))
        capability = Capability("x", "invariance", "X.", cases, bound=0.2)
        results = by_question(capability, model(a=0.1, b=0.2, c=0.6, d=0.75, e=0.8, f=0.9))
        same = results["same"]
        assert (same.passed, same.n) == (1, 2)
        assert same.changed == pytest.approx(1 / 6)
        assert same.move == pytest.approx(((0.1 + 0.5 + 0.4) / 3 + (0.05 + 0.1 + 0.15) / 3) / 2)
        assert same.failures[0].texts == ("a", "c")
        assert results["right"].confusion == (2, 1, 0, 3)
        assert results["right"].passed == 1
        wide = by_question(
            Capability("x", "invariance", "X.", cases, bound=0.1), model(a=0, b=0, c=0, d=0.7, e=0.8, f=0.9)
        )
        assert wide["same"].passed == 1  # one label, but too far apart
        assert wide["same"].changed == 0

    def test_every_question_has_words(self) -> None:
        judged = {text: Judged(0.2, "neutral") for capability in CHECKLIST.values() for text in capability.texts}
        results = [result for capability in CHECKLIST.values() for result in judge(capability, judged)]
        assert all(result.asked for result in results)
        assert {(result.kind, result.question) for result in results} == QUESTIONS.keys()

    @given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
    def test_macro_f1_is_scikit_learns(self, pairs: list[tuple[bool, bool]]) -> None:
        cases = tuple(Statement(str(n), "opinionated" if due else "neutral") for n, (due, _) in enumerate(pairs))
        judged = model(**{str(n): float(given) for n, (_, given) in enumerate(pairs)})
        due, given = zip(*pairs, strict=True)
        expected = f1_score(due, given, labels=[False, True], average="macro", zero_division=0)
        assert macro_f1(judge(Capability("x", "mft", "X.", cases), judged)) == pytest.approx(expected)

    @given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    def test_the_interval_is_scipys(self, counts: tuple[int, int]) -> None:
        passed, n = counts
        expected = binomtest(passed, n).proportion_ci(method="wilson")
        assert wilson(passed, n) == pytest.approx((expected.low, expected.high), abs=1e-6)
        low, high = wilson(passed, n)
        assert low <= passed / n <= high

    def test_what_has_a_floor(self) -> None:
        swaps = Capability("s", "invariance", "S.", (Template("t", "neutral", ("a", "b", "c", "d")),))
        mixed = Capability("m", "mft", "M.", (Statement("a", "neutral"), Statement("b", "opinionated")))
        known = Capability("k", "mft", "K.", (Statement("a", "neutral"),), known_failure=True)
        judged = model(a=0.1, b=0.2, c=0.1, d=0.8)
        rates = gated([result for capability in (swaps, mixed, known) for result in judge(capability, judged)])
        assert flag_rates(judge(mixed, judged)) == {"m-neutral": 0.0, "m-loaded": 0.0}
        assert flag_rates(judge(swaps, judged)) == {}
        assert rates == {"m": 0.5, "s-same": 0.75, "swaps-macro-f1": pytest.approx((6 / 7) / 2)}


class TestRunning:
    @pytest.fixture
    def small(self) -> tuple[Capability, ...]:
        """Two cases of each capability."""
        return tuple(replace(capability, cases=capability.cases[:2]) for capability in CHECKLIST.values())

    def test_a_sentence_is_judged_as_in_a_report(self, small: tuple[Capability, ...], tiny_detector: Detector) -> None:
        seen: list[int] = []

        def watch(predictions: Any, total: int) -> Any:
            for prediction in predictions:
                seen.append(total)
                yield prediction

        results = run_checklist(tiny_detector, small, watch=watch)
        texts = {text for capability in small for text in capability.texts}
        assert seen == [len(texts)] * len(texts)
        assert run_checklist(tiny_detector, small) == results
        judged = {
            failure_text: judged
            for r in results
            for f in r.failures
            for failure_text, judged in zip(f.texts, f.judged, strict=True)
        }
        assert judged
        for text, one in list(judged.items())[:5]:
            report = tiny_detector.score(text, prior="balanced")
            if len(report.sentences) == 1:
                assert report.sentences[0].outlet_probability == pytest.approx(one.probability)
                assert report.sentences[0].label == one.label

    def test_a_prior_that_is_none(self, small: tuple[Capability, ...], tiny_detector: Detector) -> None:
        with pytest.raises(UsageError, match="--prior"):
            run_checklist(tiny_detector, small, "often")

    def test_the_views_say_the_same(self, small: tuple[Capability, ...], tiny_detector: Detector) -> None:
        results = run_checklist(tiny_detector, small)
        shown = io.StringIO()
        Console(file=shown, width=110).print(render_checklist(results))
        page, record = checklist_markdown(results), checklist_record(results)
        assert json.loads(json.dumps(record)) == record
        assert len(record["results"]) == len(results)
        for result, row in zip(results, record["results"], strict=True):
            assert row["rate"] == round(result.rate, 4)
            assert f"{100 * result.rate:.1f} %" in shown.getvalue()
            assert result.capability in shown.getvalue()
            assert f"| {result.asked} | {100 * result.rate:.1f} % |" in page
        assert "irony (known failure)" in shown.getvalue()
        assert "irony (known failure)" in page
        assert f"Macro-F1 over all swapped sentences: {record['swaps_macro_f1']:.3f}." in page

    def test_text_from_a_file_commands_no_terminal(self) -> None:
        capability = Capability("x", "mft", "X.", (Statement("a\x1b[31m|<b>", "neutral"),))
        results = judge(capability, {"a\x1b[31m|<b>": Judged(0.9, "opinionated")})
        shown = io.StringIO()
        Console(file=shown, width=110, color_system=None).print(render_checklist(results))
        assert "\x1b" not in shown.getvalue() + checklist_markdown(results)
        assert "\\|&lt;b>" in checklist_markdown(results)


def test_quotes_are_found_where_the_checklist_has_them() -> None:
    """The parser of quotations withholds the loading of nearly all loaded quotes; the rest is its known fault."""
    missed = []
    for case in CHECKLIST["quotation"].cases:
        assert isinstance(case, Quote)
        sentence = attribute(case.loaded, (Sentence(0, 0, 0, len(case.loaded), case.loaded),))[0]
        missed += [span for span in case.quoted_spans if span in sentence.outlet_text]
    assert missed == []
