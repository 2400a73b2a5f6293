"""The notebooks: read as they are committed, and run on a tiny model and a part of the data.

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

from bias.modelfolder import open_model
from bias.reading import read_all
from bias.training.data.examples import near_duplicates
from bias.training.data.readers import load_data
from bias.training.labels.suggest import of_article
from bias.training.record import read_record
from bias.types import Article
from notebooks import code_cells, complaints, digest_of_code, execute, kinds, texts_of

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
RETRAIN = FOLDER / "retrain.ipynb"
MACHINE = re.compile(r"/(?:root|home|Users|work|mnt|srv|tmp|opt|usr|var)/\w|\b[A-Z]:\\|site-packages")
ARTICLES = 14
"""Of the data, for the run on a tiny model: enough for three parts with both labels."""


@pytest.fixture(scope="module")
def committed() -> NotebookNode:
    return nbformat.read(RETRAIN, 4)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def executed(tiny_folder: Path, output: Path, tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
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


def test_it_runs_to_the_end_and_shows_what_the_committed_one_shows(
    committed: NotebookNode, executed: NotebookNode
) -> None:
    pairs = list(zip(code_cells(committed), code_cells(executed), strict=True))
    assert [kinds(one) for one, _ in pairs] == [kinds(other) for _, other in pairs]
    pictures = sum(kinds(cell).count("image/png") for cell in code_cells(executed))
    assert pictures >= 8


def test_a_run_compares_checks_scores_and_suggests(executed: NotebookNode, output: Path) -> None:
    everything = "\n".join(texts_of(executed))
    assert "McNemar's exact test" in everything
    assert re.search(r"retrained\W+tiny", everything)
    assert "plain sentences flagged" in everything
    assert "Dunmere Rovers knocked Port Kessel out" in everything
    assert re.search(r"8 of the \d+ sentences of the pool", everything)
    records = {name: read_record(output / name) for name in ("retrained", "rehearsed")}
    assert all(open_model(output / name).info.name == name for name in records)
    retrained, rehearsed = (record and record["parts"] for record in records.values())
    assert retrained
    assert rehearsed
    assert rehearsed["test"] == retrained["test"]


def test_warnings_do_not_reach_the_reader(committed: NotebookNode, executed: NotebookNode) -> None:
    assert not complaints(committed) + complaints(executed)


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


# Every notebook


@pytest.fixture(scope="module", params=["retrain", "corpus"])
def any_committed(request: pytest.FixtureRequest) -> NotebookNode:
    return nbformat.read(FOLDER / f"{request.param}.ipynb", 4)


def test_the_committed_outputs_are_of_the_committed_code(any_committed: NotebookNode) -> None:
    cells = code_cells(any_committed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any_committed.metadata.newsbias.executed == digest_of_code(any_committed)


def test_the_committed_notebook_tells_nothing_of_the_machine(any_committed: NotebookNode) -> None:
    for text in (*(cell.source for cell in any_committed.cells), *texts_of(any_committed)):
        assert not MACHINE.search(text)
    assert set(any_committed.metadata) == {"kernelspec", "language_info", "newsbias"}
    assert any_committed.metadata.kernelspec.name == "python3"
    assert all(set(cell.metadata) <= {"tags"} for cell in any_committed.cells)
    assert len(nbformat.writes(any_committed)) < 1_500_000


def test_the_parameters_come_first_and_are_tagged(any_committed: NotebookNode) -> None:
    cells = code_cells(any_committed)
    assert cells[0].metadata.get("tags") == ["parameters"]
    assert not [cell for cell in cells[1:] if cell.metadata]
