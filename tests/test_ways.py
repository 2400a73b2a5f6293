"""The ways of training: each is a recipe, folds share no article, and differences are paired."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bias.detector import Detector
from bias.errors import DataError
from bias.quotation import attribute
from bias.segmentation import segment
from bias.training.data.basil import AnnotatedArticle
from bias.training.data.examples import Example
from bias.training.data.pages import SECTIONS, Page, learned_pages
from bias.training.recipe import read_recipe
from bias.training.shipped.wayfigures import MEASURED, PAGES, Material, compare, measure, sample_pages, table_of
from bias.training.shipped.ways import Way, read_ways, train_way

ROOT = Path(__file__).parents[1]
RECIPE = read_recipe(ROOT / "models" / "default" / "recipe.toml")
SUBJECTS = ("The mayor", "A minister", "The Texas senator", "Democrats", "The council")


def examples(count: int = 60) -> list[Example]:
    made = []
    generator = random.Random(0)
    for i in range(count):
        others = ["".join(generator.choices("abcdefgh", k=6)) for _ in range(9)]  # no two alike
        text = f"{SUBJECTS[i % 5]} {'shamefully' if i % 2 else 'then'} {' '.join(others)}."
        start = text.find("shamefully")
        spans = ((start, start + 10),) if i % 2 else ()
        made.append(Example(text, "babe", label=float(i % 2), spans=spans, group=f"article {i // 3}"))
    return made


def article(event: int) -> AnnotatedArticle:
    text = "The regime met. " * 3 + f"It was reckless, and {event} people said so.\n\nThe vote is on Monday."
    sentences = attribute(text, segment(text))
    labels = tuple(int("reckless" in sentence.text) for sentence in sentences)
    return AnnotatedArticle(f"event {event}", "o", text, sentences, labels, labels, tuple(() for _ in sentences))


def page(number: int, outlet: str, section: str) -> Page:
    return Page(f"Number {number} voted. The reckless minister said no.", f"t{number}", "", section, "left", outlet)


def test_every_shipped_way_is_a_recipe_and_the_first_is_the_recipe_itself() -> None:
    ways = read_ways(ROOT / "models" / "default" / "ways.toml", RECIPE)
    assert ways[0].recipe == RECIPE
    assert len({way.name for way in ways}) == len(ways) >= 8
    assert all(way.recipe != RECIPE and "babe" in way.recipe.data for way in ways[1:])


def test_a_way_changes_the_one_that_it_is_beside(tmp_path: Path) -> None:
    path = tmp_path / "ways.toml"
    path.write_text(
        """
        [[way]]
        name = "recipe"
        about = "as it is"
        [[way]]
        name = "short"
        about = "two stages"
        stages = [1, 4]
        losses = { token = 0.0 }
        [way.stage.4]
        epochs = 1
        limits = {}
        [[way]]
        name = "soup"
        about = "and a soup"
        beside = ["short"]
        losses = { opinion = 0.0 }
        [way.stage.4]
        soup = 3
        """,
        "utf-8",
    )
    recipe, short, soup = read_ways(path, RECIPE)
    assert soup.name == "short, soup"
    assert [way.beside for way in (recipe, short, soup)] == ["recipe", "recipe", "short"]
    assert recipe.recipe == RECIPE
    assert short.recipe.stages == (RECIPE.stages[0], replace(RECIPE.stages[3], epochs=1, limits={}))
    assert soup.recipe.stages == (RECIPE.stages[0], replace(short.recipe.stages[1], soup=3))
    assert soup.recipe.losses == {**RECIPE.losses, "token": 0.0, "opinion": 0.0}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("way = 1", "not a readable file of ways"),
        ('[[way]]\nname = "x"', "about"),
        ('[[way]]\nname = "x"\nabout = "y"\n[way.stage.9]\nepochs = 1', "9"),
        ('[[way]]\nname = "x"\nabout = "y"\n[way.stage.1]\nepochs = -1', "epochs is a number above 0"),
        (
            '[[way]]\nname = "x"\nabout = "y"\n[[way]]\nname = "z"\nabout = "y"\nbeside = ["a"]',
            "a, z: is beside 'a', which",
        ),
        ('[[way]]\nname = "x"\nabout = "y"\nbeside = ["a"]', "a, x: is beside 'a', which"),
        ('[[way]]\nname = "x"\nabout = "y"\n[[way]]\nname = "x"\nabout = "y"', "x: there are two ways"),
        ('[[way]]\nname = "x"\nabout = "y"\nbesides = "x"', "x: unknown key besides"),
        ('[[way]]\nname = "x"\nabout = "y"\nstages = [1]\n[way.stage.2]\nepochs = 1', "changes stage 2"),
    ],
)
def test_a_bad_file_of_ways_is_one_error(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "ways.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=fault):
        read_ways(path, RECIPE)


def test_pages_are_measured_that_are_not_learned_from() -> None:
    few = [page(i, "few", section) for section in SECTIONS for i in range(2 * PAGES - 1)]
    pages = [page(i, outlet, section) for outlet in "ab" for section in SECTIONS for i in range(2 * PAGES)]
    chosen = sample_pages([*pages, *few, *(page(i, "news alone", "news") for i in range(4 * PAGES))])
    assert Counter((p.outlet, p.section) for p in chosen) == {(o, s): PAGES for o in "ab" for s in SECTIONS}
    both, others = learned_pages([*pages, *few])
    assert not {id(p) for p in (*both, *others)} & {id(p) for p in chosen}


def test_a_model_is_measured(tiny_detector: Detector) -> None:
    pages = [page(i, "a", section) for i in range(3) for section in ("news", "opinion")]
    rows = measure(tiny_detector, examples(), Material([article(i) for i in range(6)], pages))
    assert len(rows["sentences"]) == 60
    assert {row["kind"] for row in rows["swaps"]} == {"parties", "places"}
    assert len(rows["pages"]) == 6
    table = compare({0: rows}, {0: rows}, draws=20)
    assert set(table) == set(MEASURED)
    for figures in table.values():
        assert figures["difference"]["value"] in (0.0, None)


def ways_of(*names: str) -> list[Way]:
    """The first alone, the others each beside the one before."""
    return [Way(name, f"about {name}", before, RECIPE) for name, before in zip(names, (names[0], *names), strict=False)]


def test_the_table_holds_each_way_against_the_one_that_it_is_beside(tiny_detector: Detector) -> None:
    pages = [page(i, "a", section) for i in range(3) for section in ("news", "opinion")]
    rows = measure(tiny_detector, examples(), Material([article(i) for i in range(6)], pages))
    found = {"recipe": {0: rows, 1: rows}, "short": {1: rows, 2: rows}, "soup": {2: rows}}
    table = table_of(ways_of("recipe", "short", "soup"), found, draws=5)
    assert {name: row["folds"] for name, row in table["references"].items()} == {"recipe": 2, "short": 2}
    assert {name: (row["beside"], row["folds"]) for name, row in table["changes"].items()} == {
        "short": ("recipe", 1),
        "soup": ("short", 1),
    }
    # what a way is beside counts whether it was itself compared or not; what has nothing to be held against does not
    table = table_of(ways_of("recipe", "short", "soup"), {**found, "recipe": {}}, draws=5)
    assert (list(table["references"]), list(table["changes"])) == (["short"], ["soup"])
    table = table_of(ways_of("recipe", "short", "soup"), {**found, "short": {}}, draws=5)
    assert (list(table["references"]), list(table["changes"])) == (["recipe"], [])


def test_differences_are_paired() -> None:
    generator = random.Random(1)

    def rows(right: float) -> list[dict[str, object]]:
        made = []
        for i in range(200):
            label = i % 2
            probability = 0.9 * label + 0.05 if generator.random() < right else 0.95 - 0.9 * label
            made.append(
                {"group": str(i // 4), "label": label, "probability": probability, "flag": int(probability > 0.5)}
            )
        return made

    def fold(right: float) -> dict[str, list[dict[str, object]]]:
        cases = [{"group": "0", "kind": kind, "flag": 1} for kind in ("facts-neutral", "insertion-opinionated")]
        sly = [{"group": "1", "kind": "loaded-sly-opinionated", "flag": 0}]
        swaps = [{"group": "0", "kind": kind, "changed": 0} for kind in ("parties", "places", "pronouns", "names")]
        pages = [{"group": str(i), "outlet": "a", "opinion": bool(i % 2), "score": i / 9} for i in range(9)]
        words = [{"group": "0", "counts": [3, 1, 1]}, {"group": "1", "counts": [1, 0, 1]}]
        sentences = rows(right)
        return {
            "sentences": sentences,
            "articles": sentences,
            "cases": [*cases, *sly],
            "swaps": swaps,
            "pages": pages,
            "words": words,
        }

    good, bad = {0: fold(0.95)}, {0: fold(0.6)}
    table = compare(good, good, draws=200)
    found = compare(bad, good, draws=200)["macro_f1"]
    assert found["value"]["value"] < 0.7 < 0.9 < table["macro_f1"]["value"]["value"]
    assert found["difference"]["high"] < -0.15
    assert table["word_f1"]["value"]["value"] == pytest.approx(8 / 11, abs=1e-4)
    assert math.isclose(table["facts"]["value"]["value"], 1.0)
    # a fold that the way was not trained on says nothing of it
    assert compare(bad, {**good, 1: fold(0.5)}, draws=200)["macro_f1"] == found


def test_what_every_fold_is_measured_on_is_drawn_with_all_its_readings() -> None:
    flags = [{"group": str(i), "kind": "loaded-sly-opinionated", "flag": i % 2} for i in range(40)]
    rest = [{"group": f"n{kind}", "kind": kind, "flag": 1} for kind in ("facts-neutral", "insertion-opinionated")]
    swaps = [{"group": "0", "kind": kind, "changed": 0} for kind in ("parties", "places", "pronouns", "names")]
    labelled = [{"group": str(i), "label": i % 2, "probability": i / 40, "flag": i % 3 % 2} for i in range(40)]
    fold = {
        "sentences": labelled,
        "articles": labelled,
        "cases": [*flags, *rest],
        "swaps": swaps,
        "pages": [{"group": str(i), "outlet": "a", "opinion": bool(i % 2), "score": i / 9} for i in range(9)],
        "words": [{"group": "0", "counts": [3, 1, 1]}],
    }

    def width(folds: int, measure_name: str) -> float:
        measured = dict.fromkeys(range(folds), fold)
        figure = compare(measured, measured, draws=400)[measure_name]["value"]
        return float(figure["high"] - figure["low"])

    for measure_name in ("sly", "pages", "average_precision"):  # nothing new is learned from reading it again
        assert width(4, measure_name) == pytest.approx(width(1, measure_name), rel=0.25)
    assert width(4, "auroc") < 0.75 * width(1, "auroc")  # other sentences in every fold


def two_ways(folder: Path, first: str) -> tuple[Way, Way]:
    """Two of two stages, of which the first learns from the data of that name, that differ in the last."""
    of_both = "epochs = 1\nbatch_size = 8\nlearning_rate = 1e-4\n"
    apart = {"own": 'apart_from = "babe"\n'}
    stages = "".join(f'[[stage]]\ndata = ["{name}"]\n{apart.get(name, "")}{of_both}' for name in (first, "babe"))
    path = folder / "recipe.toml"
    path.write_text(f'name = "x"\nbase = "x"\n{stages}', "utf-8")
    recipe = read_recipe(path)
    changed = replace(recipe, stages=(recipe.stages[0], replace(recipe.stages[1], soft_words=True)))
    return Way("plain", "", "plain", recipe), Way("other", "", "plain", changed)


def test_what_ways_share_is_trained_once(tiny_folder: Path, tmp_path: Path) -> None:
    plain, other = two_ways(tmp_path, "own")
    own = [replace(example, text=f"Own {example.text}", source="own") for example in examples(90)[60:]]
    data = {"own": own, "babe": examples()}
    shared = tmp_path / "work" / "shared"
    folders = [train_way(way, 0, data, str(tiny_folder), tmp_path / "work") for way in (plain, other)]
    assert folders[0] != folders[1]
    (alike,) = shared.iterdir()
    trained = alike / "stage-1" / "model.safetensors"
    before = trained.stat().st_mtime_ns
    train_way(plain, 1, {**data, "babe": examples(30)}, str(tiny_folder), tmp_path / "work")
    assert list(shared.iterdir()) == [alike]  # another part of BABE is another fold, and no matter here
    relabelled = [replace(example, label=0.5) for example in own]
    train_way(plain, 2, {**data, "own": relabelled}, str(tiny_folder), tmp_path / "work")
    assert len(list(shared.iterdir())) == 2  # other data, another first stage
    assert trained.stat().st_mtime_ns == before


def test_a_fold_trains_what_knows_of_babe_once_for_all_its_ways(tiny_folder: Path, tmp_path: Path) -> None:
    for fold in (0, 1):
        for way in two_ways(tmp_path, "babe"):
            train_way(way, fold, {"babe": examples()}, str(tiny_folder), tmp_path)
    of_folds = [place / "stage-1" / "model.safetensors" for place in (tmp_path / "shared").iterdir()]
    assert len(of_folds) == 2
    assert len({file.read_bytes() for file in of_folds}) == 2  # each by the seed of its fold
