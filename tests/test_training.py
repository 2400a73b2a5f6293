from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn import metrics
from tiny import tiny_model, tiny_tokenizer

from bias.errors import DataError
from bias.training.calibration.fitting import (
    as_map,
    development_curve,
    expected_f1_threshold,
    fit_intercept,
    fit_logistic,
    fit_platt,
    log_odds_of,
    macro_f1_threshold,
)
from bias.training.calibration.reference import quantiles, sample
from bias.training.data.basil import read_basil
from bias.training.data.examples import Example, article_groups, find_words, near_duplicates, withhold
from bias.training.data.pages import SENTENCES, Page, clean, page_examples
from bias.training.data.sources import outlet_name, read_babe, read_own, read_source
from bias.training.evaluation.measures import calibration_error, cluster_draws, evaluate, f1_of_counts, word_counts
from bias.training.features import collate, to_features
from bias.training.model import IGNORED
from bias.training.recipe import Stage, read_recipe
from bias.training.shipped.folds import By, shared_stages, split
from bias.training.trainer import apart, choose

GENERATOR = np.random.default_rng(7)


# Examples


def test_a_neutral_sentence_stays_neutral_without_its_quote() -> None:
    first, second = withhold(Example('The mayor said the plan was "a shameless farce".', "t", label=0.0, spans=()))
    assert first.text.startswith("The mayor said")
    assert second.text == 'The mayor said the plan was "...".'
    assert (second.label, second.spans) == (0.0, ())


def test_loading_inside_the_quote_is_not_the_outlets() -> None:
    text = 'The mayor said the plan was "a shameless farce".'
    first, second = withhold(Example(text, "t", label=1.0, spans=find_words(text, ["shameless", "farce"])))
    assert (first.label, second.label) == (1.0, 0.0)


def test_loading_outside_the_quote_is_the_outlets_and_moves_with_the_text() -> None:
    text = 'The "long and costly" plan, the mayor said, would hand her greedy friends a pier.'
    _, second = withhold(Example(text, "t", label=1.0, spans=find_words(text, ["costly", "greedy"])))
    assert second.label == 1.0
    assert second.spans is not None
    assert [second.text[a:b] for a, b in second.spans] == ["greedy"]


def test_an_unknown_label_gives_no_second_example() -> None:
    text = 'The mayor, who never learns, said the plan was "a farce".'
    assert len(withhold(Example(text, "t", label=1.0))) == 1
    assert len(withhold(Example("No quotes here.", "t", label=1.0))) == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["vile", "plan", "the", "met", "vile plan", "."]), min_size=1, max_size=12))
def test_found_words_are_whole_and_in_order(parts: list[str]) -> None:
    text = " ".join(parts)
    spans = find_words(text, ["vile plan", "VILE"])
    assert all(text[a:b] in ("vile plan", "vile") for a, b in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert sum(text[a:b].count("vile") for a, b in spans) == text.count("vile")
    assert find_words("revile the viler", ["vile"]) == ()


def test_near_duplicates_are_found_and_others_are_not() -> None:
    one = "The council voted on Tuesday to close the library on Mill Lane for good."
    texts = [one.replace("Tuesday", "Monday"), one.upper(), "Something else was said about the library.", "No."]
    assert near_duplicates(texts, [one, "no"]).tolist() == [True, True, False, True]


def test_articles_hold_together_by_link_and_by_text() -> None:
    one = "The council voted on Tuesday to close the library on Mill Lane for good."
    rows = [("a", one), ("a", "Rain fell."), ("b", one + " Yes."), ("", "Snow fell in the hills."), ("c", "rain fell")]
    keys = article_groups([Example(text, "t", group=group) for group, text in rows])
    assert keys[0] == keys[1] == keys[2] == keys[4]
    assert keys[3] != keys[0]


# Reading the sets


def test_babe_is_read_with_its_words_and_opinion(tmp_path: Path) -> None:
    header = "text,label,label_opinion,biased_words,annotator_words,votes_biased,votes,outlet,leaning,topic,news_link\n"
    rows = (
        '"A vile, vile plan, she said.",1,Expresses writer’s opinion,"[""vile""]",[],5,5,Federalist,right,tax,u1\n'
        "The plan passed.,0,Entirely factual,[],[],0,5,Reuters,center,tax,u2\n"
        'A gloomy plan.,1,No agreement,"[""glomy""]",[],3,5,HuffPost,left,tax,u3\n'
    )
    (tmp_path / "b.csv").write_text(header + rows, "utf-8")
    first, second, third = read_babe(tmp_path / "b.csv")
    assert (first.label, first.opinion, first.outlet, first.group) == (1.0, 1.0, "the federalist", "u1")
    assert first.spans is not None
    assert [first.text[a:b] for a, b in first.spans] == ["vile", "vile"]
    assert (second.spans, second.opinion) == ((), 0.0)
    assert (third.spans, third.opinion) == (None, None)


def test_outlets_have_one_name() -> None:
    assert outlet_name("The Federalist") == outlet_name("Federalist") == outlet_name("the-federalist")
    assert outlet_name("NYT") == outlet_name("The New York Times")
    assert outlet_name("foxnews.com") == outlet_name("Fox News")  # of a page, and of BABE
    assert outlet_name(None) == ""


def test_our_own_sentences_carry_both_labels() -> None:
    own = read_own()
    assert len(own) > 1500
    quoted = [e for e in own if e.label == 1.0 and e.outlet_label == 0.0]
    assert len(quoted) > 50


def test_missing_data_names_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Hugging Face"):
        read_source("babe", tmp_path)
    with pytest.raises(DataError, match="no data set is called"):
        read_source("bab", tmp_path)


def test_basil_becomes_articles_with_two_labels(tmp_path: Path) -> None:
    row = {
        "event": "e1",
        "article": {"source": "NYT", "body-paragraphs": [["It rained.", '"A vile plan," he said.'], ["So what."]]},
        "annotation": {
            "phrase-level-annotations": [
                {"id": "title", "bias": "lex", "quote": "no"},
                {"id": "p1", "bias": "lex", "quote": "yes"},
                {"id": "p2", "bias": "lex", "quote": "no"},
                {"id": "p0", "bias": "inf", "quote": "no"},
            ]
        },
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    (article,) = read_basil(tmp_path / "a.jsonl")
    assert article.written == (0, 1, 1)
    assert article.outlets_own == (0, 0, 1)
    assert [article.text[s.start : s.end] for s in article.sentences] == [s.text for s in article.sentences]
    (tmp_path / "a.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match=r"a\.jsonl:1"):
        read_basil(tmp_path / "a.jsonl")


# Recipes and the trainer


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name = 'x'", "at least one"),
        ("name = 'x'\n[[stage]]\ndata = ['babe']", "missing"),
        ("surprise = 1\n[[stage]]\ndata=[]\nepochs=1\nbatch_size=1\nlearning_rate=1", "unknown key surprise"),
        ("= nonsense", "not a readable recipe"),
        (
            "name='x'\nbase='y'\n[losses]\nsoul=1\n[[stage]]\ndata=[]\nepochs=1\nbatch_size=1\nlearning_rate=1",
            "no head is called soul",
        ),
    ],
)
def test_a_faulty_recipe_is_one_clear_error(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(DataError, match=fault):
        read_recipe(tmp_path / "r.toml")


def test_the_shipped_recipe_reads() -> None:
    recipe = read_recipe(Path(__file__).parents[1] / "models" / "default" / "recipe.toml")
    assert [stage.data[0] for stage in recipe.stages] == ["anno-lexical", "own", "taught", "babe"]
    assert shared_stages(recipe) == 2


def test_stages_keep_apart_what_is_measured_on() -> None:
    kept = [Example("The council voted on Tuesday to close the library for good.", "babe", 1.0, outlet="a")]
    others = [
        Example("The council voted on Tuesday to close the library.", "anno", 1.0, outlet="b"),
        Example("Rain fell on Friday.", "anno", 0.0, outlet="a"),
        Example("Snow fell on Friday.", "anno", 0.0, outlet="b"),
    ]
    assert [e.text for e in apart(others, kept)] == ["Snow fell on Friday."]
    stage = Stage(("anno", "babe"), 1, 4, 1e-3, limits={"anno": 1}, apart_from="babe")
    chosen = choose(stage, {"anno": others, "babe": kept}, seed=1)
    assert [e.text for e in chosen] == ["Snow fell on Friday.", kept[0].text]


def test_targets_follow_words_and_unknowns_are_ignored() -> None:
    text = "The reckless vote."
    known = Example(text, "t", label=1.0, spans=((4, 12),), techniques=(("doubt", 1.0),))
    rows = to_features([known, Example("A tax.", "t")], tiny_tokenizer())
    batch = collate(list(rows))
    pieces = tiny_tokenizer().encode(text).tokens
    marked = [pieces[i] for i, x in enumerate(batch["token_target"][0].tolist()) if x == 1.0]
    assert marked == ["reckless"]
    assert batch["sentence_target"].tolist() == [1.0, IGNORED]
    assert batch["technique_target"][0].tolist() == [IGNORED, IGNORED, IGNORED, 1.0, IGNORED, IGNORED]
    assert set(batch["token_target"][1].tolist()) == {IGNORED}
    assert batch["attention_mask"][1].sum() == len(tiny_tokenizer().encode("A tax.").ids)


def test_unknown_targets_give_no_loss_and_known_ones_do() -> None:
    model = tiny_model().eval()
    batch = collate(list(to_features([Example("A tax.", "t")], tiny_tokenizer())))
    assert model(**batch).loss.item() == 0.0
    batch = collate(list(to_features([Example("A tax.", "t", label=1.0)], tiny_tokenizer())))
    assert model(**batch).loss.item() > 0.1


# Folds


@pytest.mark.parametrize("by", ["article", "outlet"])
def test_no_article_or_outlet_is_on_both_sides_of_a_fold(by: By) -> None:
    babe = [
        Example(f"Sentence {i} of the page {i // 3} tells of thing {i}.", "babe", float(i % 2), group=f"u{i // 3}")
        for i in range(60)
    ]
    babe = [replace(example, outlet=f"o{i // 10}") for i, example in enumerate(babe)]
    own = [Example(f"Own {i}.", "own", 0.0, group=f"pair-{i // 2}") for i in range(20)]
    held_out: list[Example] = []
    for train, held in split({"babe": babe, "own": own}, by):
        key = "group" if by == "article" else "outlet"
        sides = [{getattr(example, key) for example in part} for part in (train["babe"], held)]
        assert sides[0].isdisjoint(sides[1])
        assert len(train["babe"]) + len(held) == len(babe)
        assert train["own"] == own
        held_out += held
    assert sorted(e.text for e in held_out) == sorted(e.text for e in babe)


# Fitting and measuring


def test_platts_map_is_found_again() -> None:
    logits = GENERATOR.normal(size=20_000) * 2
    labels = (GENERATOR.random(20_000) < expit(1.5 * logits - 1.0)).astype(float)
    fitted = fit_platt(logits, labels)
    assert fitted["slope"] == pytest.approx(1.5, abs=0.06)
    assert fitted["intercept"] == pytest.approx(-1.0, abs=0.06)
    moved = fit_platt(logits, labels, share=0.5)
    assert moved["intercept"] - fitted["intercept"] == pytest.approx(-logit(labels.mean()), abs=0.05)
    assert fit_intercept(logits, labels, 1.5)["intercept"] == pytest.approx(-1.0, abs=0.06)


def test_a_logistic_map_never_counts_loading_against_itself() -> None:
    strength = GENERATOR.normal(size=5000)
    rows = [{"a": s, "b": s + e, "c": -s} for s, e in zip(strength, GENERATOR.normal(size=5000) * 0.1, strict=True)]
    labels = (GENERATOR.random(5000) < expit(2 * strength - 1)).astype(float)
    fitted = fit_logistic(rows, labels, ("a", "b", "c"))
    assert all(weight > 0 for weight in fitted["weights"].values())
    assert "c" not in fitted["weights"]
    predicted = expit(log_odds_of(fitted, rows))
    assert metrics.roc_auc_score(labels, predicted) == pytest.approx(metrics.roc_auc_score(labels, strength), abs=0.01)
    assert predicted.mean() == pytest.approx(labels.mean(), abs=0.01)
    assert as_map({"slope": 2.0, "intercept": 1.0}) == {"weights": {"sentence": 2.0}, "intercept": 1.0}


def test_a_logistic_map_can_be_given_the_least_weight_of_a_feature() -> None:
    rows = [{"a": a, "b": b} for a, b in GENERATOR.normal(size=(5000, 2)) * (1.0, 3.0)]
    labels = (GENERATOR.random(5000) < expit([row["a"] - 1 for row in rows])).astype(float)
    free, held = (fit_logistic(rows, labels, ("a", "b"), least=least) for least in (None, {"b": 0.5}))
    assert free["weights"].get("b", 0.0) < 0.1
    assert held["weights"]["b"] == pytest.approx(0.5, abs=1e-4)
    assert fit_logistic(rows, labels, ("a", "b"), least={"a": 0.1})["weights"] == pytest.approx(
        free["weights"], abs=1e-4
    )
    assert expit(log_odds_of(held, rows)).mean() == pytest.approx(labels.mean(), abs=0.01)


def test_thresholds_are_the_best_there_are() -> None:
    p = GENERATOR.random(400)
    y = (GENERATOR.random(400) < p).astype(float)

    def expected_f1(cut: float) -> float:
        return 2 * p[p >= cut].sum() / ((p >= cut).sum() + p.sum())

    assert expected_f1(expected_f1_threshold(p)) == pytest.approx(max(expected_f1(cut) for cut in p))
    lower = expected_f1_threshold(p, 0.02)
    assert expected_f1(lower) >= 0.98 * max(expected_f1(cut) for cut in p)
    assert all(expected_f1(cut) < 0.98 * expected_f1(expected_f1_threshold(p)) for cut in p[p < lower])
    chosen = macro_f1_threshold(p, y)
    best = max(metrics.f1_score(y, p >= cut, average="macro") for cut in np.linspace(0, 1, 201))
    assert metrics.f1_score(y, p >= chosen, average="macro") >= best - 0.005


def test_the_curve_falls_from_all_to_few() -> None:
    log_odds = GENERATOR.normal(size=500)
    curve = development_curve(log_odds, (GENERATOR.random(500) < expit(log_odds)).astype(float))
    for name in ("true_positive_rate", "false_positive_rate"):
        assert curve[name][0] == 1.0
        assert all(a >= b for a, b in pairwise(curve[name]))


def test_calibration_error_by_hand() -> None:
    labels = np.array([0, 0, 1, 1])
    assert calibration_error(labels, np.array([0.0, 0.0, 1.0, 1.0]), bins=2) == 0.0
    assert calibration_error(labels, np.array([0.25, 0.25, 0.5, 0.5]), bins=2) == pytest.approx(0.375)


def test_intervals_hold_the_value_and_are_wider_for_few_articles() -> None:
    p = GENERATOR.random(300)
    y = (GENERATOR.random(300) < p).astype(int)
    many = evaluate(y, p, 0.5, [str(i) for i in range(300)], ("auroc", "macro_f1"))
    few = evaluate(y, p, 0.5, [str(i // 50) for i in range(300)], ("auroc", "macro_f1"))
    for name in ("auroc", "macro_f1"):
        assert many[name].low <= many[name].value <= many[name].high
    assert many["auroc"].value == few["auroc"].value == pytest.approx(metrics.roc_auc_score(y, p))
    assert all(
        set(np.bincount(rows // 50, minlength=6) % 50) == {0}
        for rows in cluster_draws([str(i // 50) for i in range(300)], 5)
    )


def test_word_f1_by_hand() -> None:
    assert word_counts([True, True, False, False], [True, False, True, False]) == (1, 1, 1)
    assert f1_of_counts(np.array([[1, 1, 1], [1, 0, 0]])) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))


# The reference corpus


def page(text: str, section: str = "news", title: str = "Vote", source: str = "Daily", leaning: str = "left") -> Page:
    return Page(text, title, source, section, leaning)


def test_columns_that_pass_as_news_are_left_out() -> None:
    body = "The council met. " * 60
    pages = [
        page(body),
        page(body, title="OPINION: A vote to regret"),
        page(body, title="SMITH: A vote to regret"),
        page(body, source="Guest Writer - Left"),
        page(body, section="opinion", title="OPINION: fine here"),
        page("Too short."),
        page("Sign up for our newsletter\n" + body),
    ]
    kept = clean(pages)
    assert [p.section for p in kept] == ["news", "opinion", "news"]
    assert not kept[-1].text.startswith("Sign up")


def test_half_of_an_outlets_pages_of_each_section_are_learned_from() -> None:
    rows = [
        {
            "text": "\n\n".join(f"In {section} {i} the council of {outlet} met {j} times." for j in range(20)),
            "section": section,
            "title": f"{outlet} {section} {i}",
            "outlet": outlet,
        }
        for outlet, counts in {"a.org": (12, 30), "b.org": (5, 40)}.items()
        for section, count in zip(("news", "opinion"), counts, strict=True)
        for i in range(count)
    ]
    examples = list(page_examples(rows))
    assert {example.outlet for example in examples} == {"a.org"}
    learned = {example.group: example.opinion for example in examples}
    assert sorted(learned.values()) == [0.0] * 6 + [1.0] * 6
    assert all(example.label is None for example in examples)
    found = Counter(example.group for example in examples)
    assert set(found.values()) == {SENTENCES}


def test_the_sample_is_even_and_leanings_weigh_the_same() -> None:
    pages = [page("x", leaning="left") for _ in range(5)] + [page("x", leaning="right") for _ in range(50)]
    assert len(sample(pages, 5, seed=0)) == 10
    pages += [page("x", section="opinion")]
    scores = [{"news/separate": 10.0}] * 5 + [{"news/separate": 30.0}] * 50 + [{"news/separate": 50.0}]
    found = quantiles(pages, scores)["news/separate"]
    assert len(found["news"]) == 101
    assert (found["news"][49], found["news"][51]) == (10.0, 30.0)
    with pytest.raises(DataError, match="opinion"):
        quantiles(pages[:55], scores[:55])
