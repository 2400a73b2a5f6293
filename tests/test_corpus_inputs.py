from __future__ import annotations

import csv
import io
import json
import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bias.corpus.inputs import cut, list_inputs, read_piece
from bias.corpus.manifest import Entry, Manifest, Part, read_manifest
from bias.corpus.plan import Model, Plan, Run, Settings
from bias.corpus.schema import joined, type_of
from bias.errors import OutputError, UsageError
from bias.reading import ReadFailure, read_all
from bias.tables import BEGINNING, read_rows
from bias.types import Article

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])


def seen(outcomes: Any) -> list[tuple[str, str]]:
    return [(one.source, one.text if isinstance(one, Article) else str(one.error)) for one in outcomes]


def as_jsonl(texts: list[str]) -> str:
    # An empty text stands for a broken line, and a blank line comes before every fourth row.
    rows = [json.dumps({"text": text}, ensure_ascii=False) if text else "{broken" for text in texts]
    return "".join(("\n" if number % 4 == 3 else "") + row + "\n" for number, row in enumerate(rows))


def as_csv(texts: list[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["text", "n"])
    for number, text in enumerate(texts):
        writer.writerow([text, number] if number % 5 else [text, number, "too many"])
    return out.getvalue()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TEXTS, max_size=25), st.integers(1, 9), ENCODINGS, st.sampled_from(["jsonl", "csv"]))
def test_the_shards_hold_each_row_once_and_in_order(texts: list[str], rows: int, encoding: str, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"in.{kind}"
        path.write_text(as_jsonl(texts) if kind == "jsonl" else as_csv(texts), encoding=encoding, newline="")
        how = Settings(encoding=encoding, shard_rows=rows)
        inputs = list_inputs([str(path)])
        _, shards = cut(inputs, how)
        pieces = [piece for shard in shards for piece in shard.pieces]
        found = [outcome for piece in pieces for outcome, _ in read_piece(str(path), piece, how)]
        assert seen(found) == seen(read_all([path], encoding=encoding))
        assert [shard.rows for shard in shards[:-1]] == [rows] * (len(shards) - 1)
        assert [shard.first for shard in shards] == [number * rows for number in range(len(shards))]
        assert (shards, list(inputs)) == (cut(inputs, how)[1], list(list_inputs([str(path)])))


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=40), st.integers(1, 9), st.integers(1, 15), st.integers(0, 39))
def test_a_parquet_table_is_taken_up_at_any_row(texts: list[str], size: int, group: int, start: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.parquet"
        pq.write_table(pa.table({"text": texts}), path, row_group_size=group)
        with path.open("rb") as stream:
            rows = read_rows(
                stream,
                ".parquet",
                encoding="utf-8",
                errors="strict",
                max_bytes=1000,
                start=replace(BEGINNING, number=start),
            )
            assert list(rows) == [(n, {"text": text}) for n, text in enumerate(texts, 1)][start:]
        how = Settings(shard_rows=size)
        _, shards = cut(list_inputs([str(path)]), how)
        found = [outcome for s in shards for piece in s.pieces for outcome, _ in read_piece(str(path), piece, how)]
        assert seen(found) == seen(read_all([path]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(JSON, min_size=1))
def test_the_type_of_a_column_does_not_hang_on_the_order_of_its_rows(values: list[Any]) -> None:
    def over(ordered: list[Any]) -> pa.DataType:
        kind = pa.null()
        for value in ordered:
            kind = joined(kind, type_of(value))
        return kind

    assert over(values) == over(values[::-1]) == over(sorted(values, key=repr))


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_large_table_is_never_held(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"in.{kind}"
    texts = [f"{number} " + "word " * 200 for number in range(20_000)]
    if kind == "jsonl":
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    else:  # one row group
        pq.write_table(pa.table({"text": texts}), path, compression="none", use_dictionary=False)
    how = Settings(shard_rows=1000)
    tracemalloc.start()
    try:
        _, shards = cut(list_inputs([str(path)]), how)
        read = shards[:3] + shards[-3:]
        count = sum(1 for shard in read for piece in shard.pieces for _ in read_piece(str(path), piece, how))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (count, len(shards)) == (6000, 20)
    assert path.stat().st_size > 20_000_000
    assert peak < 4_000_000


def test_a_file_that_cannot_be_read_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    (tmp_path / "b.csv").write_text("text,text\n1,2\n")
    (tmp_path / "c.txt").write_bytes(b"%PDF-1.7")
    (tmp_path / "d.jsonl").write_text('{"text": "The vote was on Monday."}\n')
    inputs = list_inputs([str(tmp_path)])
    _, shards = cut(inputs, Settings())
    (shard,) = shards
    assert [piece.rows for piece in shard.pieces] == [1, 1, 1, 1]
    files = list(inputs)
    found = [next(read_piece(files[piece.file].path, piece, Settings()))[0] for piece in shard.pieces]
    assert [isinstance(one, ReadFailure) for one in found] == [True, True, True, False]


def test_rows_whose_keys_are_values_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"text": "x", f"key {n}": 1}) + "\n" for n in range(600)))
    with pytest.raises(UsageError, match="over 500 columns"):
        cut(list_inputs([str(path)]), Settings())


# The plan and the manifest


def plan_of(folder: Path) -> Plan:
    (folder / "a.jsonl").write_text('{"text": "One.", "n": 1}\n{"text": "Two.", "when": "now"}\n')
    inputs = tuple(list_inputs([str(folder / "a.jsonl")]))
    run = Run("1", Model("m", "2", "0" * 64), Settings(threshold=0.3, shard_rows=1))
    return Plan(run, inputs, *cut(inputs, run.settings))


def test_a_plan_is_what_it_was_when_written(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    again = Plan.from_json(plan.to_json(), "corpus.json")
    assert again == plan
    assert again.columns.names == ["n", "when"]
    assert again.to_json() == plan.to_json()
    assert not list(plan.differences(again.run, again.inputs))


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', "{}", '{"format": 2}'])
def test_what_is_no_plan_is_told(text: str) -> None:
    with pytest.raises(OutputError, match=r"corpus\.json: "):
        Plan.from_json(text, "corpus.json")


def entry(shard: int, errors: int = 0) -> Entry:
    part = Part(3, 100, "0" * 64)
    return Entry(shard, "a" * 64, "b" * 64, "c" * 64, errors, part, part)


def test_a_manifest_lives_through_a_torn_line_and_ends_in_order(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        for shard in (2, 0):
            manifest.add(entry(shard))
    path = tmp_path / "manifest.jsonl"
    whole = path.read_bytes()
    line = entry(1).to_json().encode()
    for cut_at in range(len(line)):
        path.write_bytes(whole + line[:cut_at])
        assert set(read_manifest(tmp_path)) == {0, 2}
        with Manifest(tmp_path) as manifest:
            assert set(manifest.entries) == {0, 2}
        assert path.read_bytes() == whole
    with Manifest(tmp_path) as manifest:
        manifest.add(entry(1))
        manifest.add(entry(0, errors=1))  # done anew
        manifest.finish()
    assert path.read_text() == entry(0, errors=1).to_json() + entry(1).to_json() + entry(2).to_json()


def test_a_damaged_manifest_is_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(entry(0).to_json() + "{}\n" + entry(1).to_json())
    with pytest.raises(OutputError, match=r"manifest\.jsonl:2: "):
        Manifest(tmp_path)
