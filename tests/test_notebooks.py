"""The notebooks: read as they are committed, and run: what trains on a tiny model and a part of the data.

After a change in one, `python tests/notebooks.py notebooks/retrain.ipynb` makes its outputs anew.
"""

from __future__ import annotations

import csv
import re
from itertools import islice
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import bias
from bias.modelfolder import open_model
from bias.reading import read_all
from bias.review.corrections import latest
from bias.review.store import read_corrections
from bias.training.data.examples import near_duplicates
from bias.training.data.readers import load_data
from bias.training.labels.suggest import of_article
from bias.training.record import read_record
from bias.types import Article
from notebooks import code_cells, complaints, digest_of_code, execute, kinds, texts_of

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
RETRAIN = FOLDER / "retrain.ipynb"
REVIEW = FOLDER / "review_article.ipynb"
COMPARE = FOLDER / "compare_outlets.ipynb"
CORPUS = FOLDER / "corpus.ipynb"  # run in test_corpus_notebook.py
MACHINE = re.compile(r"/(?:root|home|Users|work|mnt|srv|tmp|opt|usr|var)/\w|\b[A-Z]:\\|site-packages")
ARTICLES = 14
"""Of the data, for the run on a tiny model: enough for three parts with both labels."""


@pytest.fixture(scope="module", params=[RETRAIN, REVIEW, COMPARE, CORPUS], ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    """As it is committed."""
    return nbformat.read(request.param, 4)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def retrained(tiny_folder: Path, output: Path, tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    data = tmp_path_factory.mktemp("data") / "few.csv"
    with (FOLDER / "matchday.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = set(islice(dict.fromkeys(row["group"] for row in rows), ARTICLES))
    with data.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row["group"] in kept)
    return execute(
        RETRAIN,
        {
            "DATA": str(data),
            "BASE": str(tiny_folder),
            "OUTPUT": str(output),
            "EPOCHS": 2.0,
            "REHEARSED": 20,
            "ARTICLE": "unlabelled/01-cup-tie.txt",
            "POOL": "unlabelled",
            "SEED": 13,
        },
    )


def shows_what_the_committed_one_shows(path: Path, executed: NotebookNode) -> bool:
    pairs = zip(code_cells(nbformat.read(path, 4)), code_cells(executed), strict=True)
    return all(kinds(one) == kinds(other) for one, other in pairs)


def pictures(executed: NotebookNode) -> int:
    return sum(kinds(cell).count("image/png") for cell in code_cells(executed))


def test_a_run_trains_compares_checks_scores_and_suggests(retrained: NotebookNode, output: Path) -> None:
    assert shows_what_the_committed_one_shows(RETRAIN, retrained)
    assert not complaints(retrained)
    assert pictures(retrained) >= 8
    everything = "\n".join(texts_of(retrained))
    assert "McNemar's exact test" in everything
    assert re.search(r"retrained\W+tiny", everything)
    assert "plain sentences flagged" in everything
    assert "Dunmere Rovers knocked Port Kessel out" in everything
    assert re.search(r"8 of the \d+ sentences of the pool", everything)
    records = {name: read_record(output / name) for name in ("retrained", "rehearsed")}
    assert all(open_model(output / name).info.name == name for name in records)
    of_one, of_other = (record and record["parts"] for record in records.values())
    assert of_one
    assert of_other
    assert of_other["test"] == of_one["test"]


def test_a_run_reviews_an_article(tmp_path: Path) -> None:
    labels = tmp_path / "ana.jsonl"
    executed = execute(REVIEW, {"ARTICLE": "orchard-levy.txt", "REVIEWER": "ana", "LABELS": str(labels)})
    assert shows_what_the_committed_one_shows(REVIEW, executed)
    assert not complaints(executed)
    verdicts = read_corrections(labels)
    assert (
        len(verdicts)
        == len(latest(verdicts))
        == len(bias.score(next(iter(bias.read(FOLDER / "orchard-levy.txt")))).sentences)
    )
    assert sum(verdict.label == "opinionated" for verdict in verdicts) == 6
    assert "labelled sentences, 6 of them opinionated" in "\n".join(texts_of(executed))


def test_a_run_compares_four_outlets() -> None:
    executed = execute(COMPARE)
    assert shows_what_the_committed_one_shows(COMPARE, executed)
    assert not complaints(executed)
    assert pictures(executed) == 1
    everything = "\n".join(texts_of(executed))
    assert all(path.stem in everything for path in (FOLDER / "same-event").iterdir())
    assert "Clearly apart" in everything


def test_the_committed_outputs_are_of_the_committed_code(notebook: NotebookNode) -> None:
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert notebook.metadata.newsbias.executed == digest_of_code(notebook)
    assert not complaints(notebook)


def test_a_committed_notebook_tells_nothing_of_the_machine(notebook: NotebookNode) -> None:
    for text in (*(cell.source for cell in notebook.cells), *texts_of(notebook)):
        assert not MACHINE.search(text)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "newsbias"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    assert len(nbformat.writes(notebook)) < 1_500_000


def test_the_parameters_come_first_and_are_tagged(notebook: NotebookNode) -> None:
    cells = code_cells(notebook)
    assert cells[0].metadata.get("tags") == ["parameters"]
    assert not [cell for cell in cells[1:] if cell.metadata]


def test_the_pool_repeats_none_of_the_labelled_sentences() -> None:
    labelled = [example.text for example in load_data([str(FOLDER / "matchday.csv")]).examples]
    pool = [
        item.sentence.text
        for article in read_all([FOLDER / "unlabelled"])
        for item in of_article(article)  # a failure to read one would raise here
        if isinstance(article, Article)
    ]
    assert len(pool) > 40
    assert not near_duplicates(pool, labelled).any()
