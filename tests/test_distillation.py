"""What teachers say: the mean of their probabilities, word for word, and the same whatever is asked beside it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from taught import sentences, taught_model
from tiny import tiny_model, tiny_tokenizer

from bias.encoder import Encoder
from bias.errors import InputError, ModelError, UsageError
from bias.training.data.augmentation import NEUTRAL, inserted, with_insertions
from bias.training.data.examples import Example, withhold
from bias.training.data.pages import SECTIONS, Page, learned_pages
from bias.training.data.sources import SOURCES
from bias.training.distillation import LEAST, SHORTEST, Teachers, open_teachers, pool, teach
from bias.training.model import BiasModel
from bias.training.recipe import Recipe, Stage, read_recipe
from bias.training.shipped import teaching
from bias.training.shipped.folds import (
    PREDICTIONS,
    apart_from_babe,
    cross_validate,
    read_out_of_fold,
    shared_stages,
    train_shared,
)
from bias.training.shipped.teaching import read_pool, seeded, taught_of_fold, teach_pool, train_teacher
from bias.training.trainer import choose, keep
from bias.types import CATEGORIES

ROOT = Path(__file__).parents[1]
QUOTING = 'The minister, a reckless man, said "the vote is a tax on the minister" to the regime.'
TEXTS = ("The reckless regime said no.", QUOTING, "A vote.", "the vote on a tax in the 4 to 3")


def asked(models: Sequence[BiasModel]) -> Encoder:
    return Teachers([model.eval() for model in models], tiny_tokenizer())


def test_teachers_answer_with_the_mean_of_their_probabilities() -> None:
    models = [tiny_model(1), tiny_model(2)]
    each = [list(asked([model]).encode(TEXTS)) for model in models]
    for together, *alone in zip(asked(models).encode(TEXTS), *each, strict=True):
        assert together.sentence == pytest.approx(logit(sum(expit(a.sentence) for a in alone) / 2), abs=1e-5)
        techniques = zip(*(expit(a.technique) for a in alone), strict=True)
        assert expit(together.technique) == pytest.approx([(a + b) / 2 for a, b in techniques], abs=1e-6)
        assert [word[:2] for word in together.words] == [word[:2] for word in alone[0].words]
        for (_, _, value), *others in zip(together.words, *(a.words for a in alone), strict=True):
            assert value == pytest.approx(logit(sum(expit(other[2]) for other in others) / 2), abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.permutations(TEXTS * 2))
def test_the_company_of_a_text_changes_nothing(texts: list[str]) -> None:
    teachers = asked([taught_model()])
    alone = {text: next(iter(teachers.encode([text]))) for text in TEXTS}
    for text, found in zip(texts, teachers.encode(texts), strict=True):
        assert found.sentence == pytest.approx(alone[text].sentence, abs=1e-3)


def test_a_quote_is_read_as_written_and_withheld() -> None:
    plain, quoting, *_ = teach(TEXTS, asked([taught_model()]))
    assert plain.outlet_label is None
    assert quoting.outlet_label is not None
    assert quoting.label != quoting.outlet_label
    assert [name for name, _ in quoting.techniques] == list(CATEGORIES)
    second = withhold(quoting)[1]
    assert (second.label, second.text.count("tax")) == (quoting.outlet_label, 0)


def test_words_are_kept_with_the_teachers_share() -> None:
    (example,) = teach(TEXTS[:1], asked([taught_model()]))
    shares = {example.text[a:b]: share for a, b, share in example.marks or ()}
    assert shares["reckless"] > 0.5
    assert shares["regime"] > 0.5
    assert all(share >= LEAST for share in shares.values())


def test_what_was_taught_is_read_again(tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    keep(teacher, taught_model(), tiny_tokenizer(), [])
    path = teach_pool([teacher], TEXTS, tmp_path / "taught.parquet")
    for read, told in zip(SOURCES["taught"].read(path), teach(TEXTS, open_teachers([teacher])), strict=True):
        assert (read.text, read.source) == (told.text, "taught")
        for name in ("label", "outlet_label", "opinion"):
            assert getattr(read, name) == pytest.approx(getattr(told, name), abs=1e-4)
        assert [mark[:2] for mark in read.marks or ()] == [mark[:2] for mark in told.marks or ()]
        assert dict(read.techniques) == pytest.approx(dict(told.techniques), abs=1e-4)


def test_teachers_that_read_differently_are_refused(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, is_blind in zip(folders, (True, False), strict=True):
        model = tiny_model()
        model.config.blind = is_blind
        keep(folder, model, tiny_tokenizer(), [])
    with pytest.raises(ModelError, match="blind and not"):
        open_teachers(folders)
    with pytest.raises(ModelError, match="no trained stage"):
        open_teachers([tmp_path])


def page(number: int, outlet: str, section: str) -> Page:
    body = f"Number {number} of {outlet} wrote of {section} at length. Too short."
    return Page(body, f"t{number}", "", section, "left", outlet)


def test_the_pool_is_half_of_the_pages_and_nothing_of_what_is_kept_apart() -> None:
    pages = [page(i, "both", section) for section in SECTIONS for i in range(20)]
    pages += [page(i, "news alone", "news") for i in range(31)]
    both, others = learned_pages(pages)
    assert (len(both), len(others)) == (20, 15)
    kept = Example("The council voted on Tuesday to close the library for good.", "babe", 1.0)
    near = Example("The council voted on Tuesday to close the library.", "anno-lexical", 1.0)
    texts = pool(pages, [near, Example("Rain fell on Friday.", "anno-lexical", 0.0)], [kept])
    assert len(texts) == len(set(texts)) == 20 + 15 + 1
    assert texts[-1] == "Rain fell on Friday."
    assert all(len(text.split()) >= SHORTEST for text in texts)


def test_a_word_is_put_into_what_teachers_call_neutral() -> None:
    text = "The senator read the report on Monday."
    calm = tuple((name, NEUTRAL / 2) for name in CATEGORIES)
    neutral = Example(text, "taught", label=NEUTRAL / 2, opinion=0.0, techniques=calm, marks=((4, 11, 0.05),))
    assert not with_insertions([replace(neutral, label=0.3), replace(neutral, opinion=0.3)], 2.0, 1)
    loaded, ordinary = with_insertions([neutral], 2.0, 1)
    assert (loaded.label, ordinary.label) == (1.0, 0.0)
    assert not loaded.techniques
    (span,) = loaded.spans or ()
    assert loaded.text[slice(*span)] not in text
    assert not inserted(replace(neutral, techniques=(("doubt", 0.6),)), random.Random(1))


def test_the_shipped_recipe_learns_what_teachers_say_of_words() -> None:
    recipe = read_recipe(ROOT / "models" / "default" / "recipe.toml")
    (stage,) = (stage for stage in recipe.stages if "taught" in stage.data)
    (told,) = teach(TEXTS[:1], asked([taught_model()]))
    (example, *_) = choose(stage, {"taught": [told], "own": [], "pages": [], "babe": []}, 1)
    assert told.marks
    assert example.marks == told.marks


def test_the_shipped_recipes_know_when_the_experts_come_in() -> None:
    teacher = read_recipe(ROOT / "models" / "default" / "teacher.toml")
    assert shared_stages(teacher) == 1
    assert [recipe.seed for recipe in seeded(teacher, 3)] == [13, 14, 15]


def stage(*data: str, apart_from: str | None = None) -> Stage:
    return Stage(data, epochs=1, batch_size=8, learning_rate=1e-3, apart_from=apart_from)


def test_a_fold_learns_from_teachers_of_its_own(tmp_path: Path, tiny_folder: Path) -> None:
    babe = [replace(example, source="babe", outlet="o") for example in sentences(50)]
    leak = replace(babe[0], source="own", group="")
    data = {"babe": babe, "own": [*sentences(12, 900), leak]}
    teacher = Recipe("t", "x", (stage("own", apart_from="babe"), stage("babe")), blind=False)
    student = Recipe("s", "x", (stage("taught", "own", apart_from="babe"), stage("babe")), blind=False)
    assert leak not in apart_from_babe(data, student)["own"]
    assert apart_from_babe(data, student)["babe"] == babe
    assert shared_stages(student) == 0
    folds = tmp_path / "folds"
    end = train_teacher(teacher, data, str(tiny_folder), tmp_path / "teachers", tmp_path / "own")
    teach_pool([end], [example.text for example in sentences(24, 2000)], taught_of_fold(folds, "article", 1))
    shared = train_shared(student, data, str(tiny_folder), tmp_path / "shared")
    assert cross_validate(student, data, shared, "article", folds, only=[1]) is None
    rows = read_out_of_fold(folds / "article-1" / PREDICTIONS)
    assert {row.fold for row in rows} == {1}
    assert 5 <= len(rows) <= 15


def test_what_teachers_said_is_for_training_alone(tmp_path: Path, tiny_folder: Path) -> None:
    babe = [replace(example, source="babe", outlet="o") for example in sentences(50)]
    data = {"babe": babe, "own": sentences(12, 900)}
    student = Recipe("s", "x", (stage("own"), stage("taught"), stage("babe")), blind=False)
    shared = train_shared(student, data, str(tiny_folder), tmp_path / "shared")
    assert shared.name == "stage-1"
    folds = tmp_path / "folds"
    with pytest.raises(InputError, match="taught"):
        cross_validate(student, data, shared, "article", folds, only=[0])
    for done in ("stage-2", "stage-3"):  # as a machine left them that had what the teachers said
        shutil.copytree(shared, folds / "article-0" / done)
    assert cross_validate(student, data, shared, "article", folds, only=[0]) is None
    predictions = folds / "article-0" / PREDICTIONS
    assert {row.fold for row in read_out_of_fold(predictions)} == {0}


def test_predictions_are_put_together_once_every_fold_has_some(tmp_path: Path, tiny_folder: Path) -> None:
    babe = [replace(example, source="babe", outlet="o") for example in sentences(50)]
    data = {"babe": babe}
    recipe = Recipe("s", "x", (stage("babe"),), blind=False)
    shared = train_shared(recipe, data, str(tiny_folder), tmp_path / "shared")
    folds, together = tmp_path / "folds", tmp_path / "folds" / "article.jsonl"
    with pytest.raises(UsageError, match="no fold 9"):
        cross_validate(recipe, data, shared, "article", folds, only=[9])
    with pytest.raises(InputError, match="missing"):
        read_out_of_fold(together)
    assert cross_validate(recipe, data, shared, "article", folds, only=[0, 1, 2, 3]) is None
    assert not together.exists()
    assert cross_validate(recipe, data, shared, "article", folds, only=[4]) == together
    rows = read_out_of_fold(together)
    assert [row.fold for row in rows] == sorted(row.fold for row in rows)
    assert sorted(row.example.text for row in rows) == sorted(example.text for example in babe)
    before = together.read_bytes()
    assert cross_validate(recipe, data, shared, "article", folds, only=[2]) == together
    assert together.read_bytes() == before


def test_by_outlet_teachers_are_asked_of_other_outlets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sets = {
        "babe": [Example("The mayor shamefully sold the park on Friday.", "babe", 1.0, outlet="fox news")],
        "basil": [Example("Snow fell on the hills of the north.", "basil", 0.0, outlet="new york times")],
        "anno-lexical": [
            Example("A plan for the old harbour was read.", "anno-lexical", outlet="fox news"),
            Example("A plan for the new bridge was read.", "anno-lexical", outlet="vox"),
            Example("Snow fell on the hills of the north.", "anno-lexical", outlet="vox"),
        ],
    }
    pages = [page(i, outlet, "news") for outlet in ("foxnews.com", "npr.org") for i in range(4)]
    monkeypatch.setattr(teaching, "read_pages", lambda path: pages)
    monkeypatch.setattr(teaching, "clean", list)
    monkeypatch.setattr(teaching, "read_source", lambda name, data: sets.get(name, []))
    every, others = (" ".join(read_pool(tmp_path, by=by)) for by in ("article", "outlet"))
    assert "foxnews.com" in every
    assert "harbour" in every
    assert "foxnews.com" not in others
    assert "harbour" not in others
    for texts in (every, others):
        assert "npr.org" in texts
        assert "bridge" in texts
        assert "hills" not in texts  # BASIL's, which the model is measured on


def test_the_pool_is_drawn_by_the_seed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = [f"Rain fell on day {number}." for number in range(50)]
    monkeypatch.setattr(teaching, "read_pages", lambda path: [])
    monkeypatch.setattr(teaching, "read_source", lambda name, data: [])
    monkeypatch.setattr(teaching, "pool", lambda *given: texts)
    assert read_pool(tmp_path) == read_pool(tmp_path, 99) == texts
    some = read_pool(tmp_path, 10, 1)
    assert some == read_pool(tmp_path, 10, 1) != read_pool(tmp_path, 10, 2)
    assert len(set(some)) == 10
    assert set(some) < set(texts)
