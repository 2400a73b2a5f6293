"""The notebooks: read as they are committed, and run on a tiny model and a part of the data.

After a change in one, `python tests/notebooks.py notebooks/retrain.ipynb` makes its outputs anew.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
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
from notebooks import code_cells, digest_of_code, execute

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


def texts_of(notebook: NotebookNode) -> Iterator[str]:
    """All that is written in outputs."""
    for cell in code_cells(notebook):
        for out in cell.outputs:
            if out.output_type == "stream":
                yield out.text
            else:
                yield from (value for kind, value in out.get("data", {}).items() if kind.startswith("text/"))


def kinds(cell: NotebookNode) -> list[str]:
    """What a cell shows, each output by its richest form."""
    order = ("image/png", "text/html", "text/markdown")
    return [
        "text" if out.output_type == "stream" else next((kind for kind in order if kind in out.data), "text/plain")
        for out in cell.outputs
    ]


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
    for notebook in (committed, executed):
        for cell in code_cells(notebook):
            assert not [out for out in cell.outputs if out.get("name") == "stderr" or out.output_type == "error"]


def test_the_committed_outputs_are_of_the_committed_code(committed: NotebookNode) -> None:
    cells = code_cells(committed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert committed.metadata.newsbias.executed == digest_of_code(committed)


def test_the_committed_notebook_tells_nothing_of_the_machine(committed: NotebookNode) -> None:
    for text in (*(cell.source for cell in committed.cells), *texts_of(committed)):
        assert not MACHINE.search(text)
    assert set(committed.metadata) == {"kernelspec", "language_info", "newsbias"}
    assert committed.metadata.kernelspec.name == "python3"
    assert all(set(cell.metadata) <= {"tags"} for cell in committed.cells)
    assert RETRAIN.stat().st_size < 1_500_000


def test_the_parameters_come_first_and_are_tagged(committed: NotebookNode) -> None:
    cells = code_cells(committed)
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
