from __future__ import annotations

import numpy as np
from measured import sample

from bias.training.evaluation.comparison import compare
from bias.training.evaluation.measuring import measure
from bias.training.evaluation.presenting import Table


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


def test_measured_things_are_told_in_a_line_where_nothing_better_is_shown() -> None:
    predictions = sample(120, name="mine")
    assert repr(predictions) == "<Predictions of mine for 120 sentences>"
    assert repr(measure(predictions, draws=20)).startswith("<Measurement: mine on 120 sentences from 120 articles")
    comparison = compare(predictions, sample(120, seed=4, name="theirs"), draws=20)
    assert repr(comparison) == f"<Comparison: {comparison.sentence}>"
