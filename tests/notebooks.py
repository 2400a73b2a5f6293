"""Running a notebook, and leaving nothing of the machine in it.

    python tests/notebooks.py notebooks/retrain.ipynb

runs it as it is and writes it back with its outputs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]

SECONDS = 3600
"""A cell may take as long; training does on a busy machine."""


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


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


def complaints(notebook: NotebookNode) -> list[NotebookNode]:
    """Outputs that are errors, or went to standard error."""
    outputs = [out for cell in code_cells(notebook) for out in cell.outputs]
    return [out for out in outputs if out.get("name") == "stderr" or out.output_type == "error"]


def execute(path: Path, parameters: Mapping[str, Any] | None = None) -> NotebookNode:
    """The notebook with fresh outputs, run in its own folder.

    Args:
        parameters: in place of the cell tagged `parameters`.
    """
    notebook = nbformat.read(path, 4)
    if parameters is not None:
        (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
        cell.source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    paths = filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
    executed: NotebookNode = client.execute(env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    return executed


def digest_of_code(notebook: NotebookNode) -> str:
    """The sha256 of its code, to tell later whether the outputs are of what stands there."""
    return hashlib.sha256("\0".join(cell.source for cell in code_cells(notebook)).encode()).hexdigest()


def strip(notebook: NotebookNode) -> None:
    """Leave the cells, their tags, the best form of the outputs, the kernel's name, and what code made the outputs."""
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
        newsbias={"executed": digest_of_code(notebook)},
    )
    for cell in notebook.cells:
        cell.metadata = NotebookNode({key: cell.metadata[key] for key in ("tags",) if key in cell.metadata})
        for output in cell.get("outputs", ()):
            if len(output.get("data", {})) > 1:
                output.data.pop("text/plain", None)  # for terminals
                output.data.pop("application/vnd.jupyter.widget-view+json", None)  # for the kernel that is gone


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    executed = execute(path)
    strip(executed)
    nbformat.write(executed, path)
