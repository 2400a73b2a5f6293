"""notebooks/corpus.ipynb on the tiny model; what holds for every notebook is in test_notebooks.py."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from corpora import jsonl, rows, write_corpus
from nbformat import NotebookNode

from notebooks import code_cells, complaints, execute, kinds, texts_of

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


@pytest.fixture(scope="module")
def executed(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    folder = tmp_path_factory.mktemp("corpus")
    data = write_corpus(folder / "in.jsonl", of_each=2)
    parameters = {"INPUT": str(data), "OUTPUT": str(folder / "scored"), "MODEL": str(tiny_folder)}
    return execute(FOLDER / "corpus.ipynb", parameters)


def test_it_runs_to_the_end_and_shows_what_the_committed_one_shows(executed: NotebookNode) -> None:
    committed = nbformat.read(FOLDER / "corpus.ipynb", 4)
    pairs = list(zip(code_cells(committed), code_cells(executed), strict=True))
    assert [kinds(one) for one, _ in pairs] == [kinds(other) for _, other in pairs]
    assert sum(kinds(cell).count("image/png") for cell in code_cells(executed)) == 2
    assert "shard 0: 40 articles" in "\n".join(texts_of(executed))
    assert not complaints(committed) + complaints(executed)


def test_its_corpus_is_the_one_that_the_tests_make() -> None:
    assert (FOLDER / "gazettes.jsonl").read_text(encoding="utf-8") == jsonl(rows())
