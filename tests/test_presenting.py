from __future__ import annotations

import numpy as np

from bias.training.presenting import Table


def test_flat_rows_become_a_table_that_a_notebook_shows() -> None:
    rows = [
        {"text": "A | b <i>", "label": None, "p": np.float64(0.126), "n": 1200},
        {"text": "c", "label": "neutral", "p": 1.0, "n": np.int64(3)},
    ]
    table = Table.of_rows(rows, note="so many")
    assert table.columns == ("text", "label", "p", "n")
    assert table.words == 2
    assert table.rows[0][1:] == ("", "0.13", "1,200")
    lines = table._repr_markdown_().splitlines()
    assert lines[:2] == ["| text | label | p | n |", "|---|---|---:|---:|"]
    assert "\\|" in lines[2]
    assert "<i>" not in lines[2]
    assert lines[4:] == ["", "so many"]


def test_no_rows_no_table() -> None:
    assert Table.of_rows([])._repr_markdown_() == "(none)"
