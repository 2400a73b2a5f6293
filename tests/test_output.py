from __future__ import annotations

import csv
import json
import math
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bias.errors import MissingExtraError, OutputError, UsageError
from bias.output import atomic_write, row_writer
from bias.tables import iter_rows

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

ROWS = [
    {"id": 1, "text": 'He said "no", then left.\r\n', "p": 0.25, "spans": [], "by": None},
    {"id": 2, "text": "=SUM(A1) é 😀", "p": 0.75, "spans": [{"start": 0, "text": "é"}], "by": "Ana"},
]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with row_writer(path) as writer:
        for row in rows:
            writer.write(row)


def test_text_is_written_as_given(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "out.txt") as file:
        file.write("a\r\nb\nc\ré\u2028😀")
    assert (tmp_path / "out.txt").read_bytes() == "a\r\nb\nc\ré\u2028😀".encode()
    assert names(tmp_path) == ["out.txt"]


def test_bytes_are_written_as_given(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "out.bin", binary=True) as file:
        file.write(b"\0\r\n\xff")
    assert (tmp_path / "out.bin").read_bytes() == b"\0\r\n\xff"


def test_the_old_file_stands_until_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with atomic_write(target) as file:
        file.write("new")
        file.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_raises_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("old")

    def fail_halfway(target: Path) -> None:
        with atomic_write(target) as file:
            file.write("half of")
            raise error

    for target in (old, new):
        with pytest.raises(error):
            fail_halfway(target)
    assert names(tmp_path) == ["old.txt"]
    assert old.read_text() == "old"


def test_mode_bits_are_kept_and_new_files_follow_the_umask(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    umask = os.umask(0o027)
    try:
        with atomic_write(target) as file:
            file.write("1")
        assert mode(target) == 0o640
        target.chmod(0o606)
        with atomic_write(target) as file:
            file.write("2")
        assert mode(target) == 0o606
    finally:
        os.umask(umask)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "real.txt"
    target.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    with atomic_write(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert names(target.parent) == ["real.txt"]


def test_a_device_is_written_to_and_not_replaced() -> None:
    device = Path("/dev/null")
    with atomic_write(device) as file:
        file.write("gone")
    assert stat.S_ISCHR(device.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_full_disk_is_one_clear_line() -> None:
    with (
        pytest.raises(OutputError, match=r"^cannot write /dev/full: no space left on device$"),
        atomic_write("/dev/full") as file,
    ):
        file.write("x" * 100_000)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=f"there is no folder {tmp_path / 'no'}"), atomic_write(tmp_path / "no" / "x"):
        pytest.fail("there was nothing to open")


def test_a_folder_or_a_file_taken_for_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"), atomic_write(tmp_path):
        pytest.fail("a folder was opened")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="not a directory"), atomic_write(tmp_path / "file" / "x"):
        pytest.fail("a file was taken for a folder")


@pytest.mark.skipif(AS_ROOT, reason="root may write anywhere")
def test_a_read_only_folder_or_file_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    target.chmod(0o444)
    with pytest.raises(OutputError, match="it is read-only"), atomic_write(target):
        pytest.fail("a read-only file was opened")
    tmp_path.chmod(0o555)
    with pytest.raises(OutputError, match="permission denied"), atomic_write(tmp_path / "new.txt"):
        pytest.fail("a file was made in a read-only folder")
    tmp_path.chmod(0o755)


def test_errors_of_the_block_that_are_not_about_writing_pass_through(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), atomic_write(tmp_path / "out.txt"):
        raise BrokenPipeError


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_rows_come_back_as_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    write_rows(path, ROWS)
    assert [row for _, row in iter_rows(path)] == ROWS


def test_csv_has_a_header_and_json_in_nested_cells(tmp_path: Path) -> None:
    path = tmp_path / "rows.CSV"
    write_rows(path, [*ROWS, {"id": 3}])
    with path.open(encoding="utf-8", newline="") as file:
        header, first, second, third = csv.reader(file)
    assert header == ["id", "text", "p", "spans", "by"]
    assert first == ["1", 'He said "no", then left.\r\n', "0.25", "[]", ""]
    assert second == ["2", "=SUM(A1) é 😀", "0.75", '[{"start": 0, "text": "é"}]', "Ana"]
    assert third == ["3", "", "", "", ""]


def test_csv_refuses_a_column_that_its_header_lacks(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="column 'b' is not in the first row"):
        write_rows(tmp_path / "x.csv", [{"a": 1}, {"a": 1, "b": 2}])
    assert names(tmp_path) == []


def test_values_that_json_lacks(tmp_path: Path) -> None:
    row = {
        "nan": math.nan,
        "deep": [{"inf": math.inf}],
        "day": date(2024, 5, 1),
        "time": datetime(2024, 5, 1, 12, 30),
        "float32": np.float32(0.5),
        "int64": np.int64(7),
        "true": True,
    }
    write_rows(tmp_path / "x.jsonl", [row])
    assert json.loads((tmp_path / "x.jsonl").read_text()) == {
        "nan": None,
        "deep": [{"inf": None}],
        "day": "2024-05-01",
        "time": "2024-05-01T12:30:00",
        "float32": 0.5,
        "int64": 7,
        "true": True,
    }


def test_parquet_types_come_from_all_rows(tmp_path: Path) -> None:
    rows = [{"n": 1, "spans": [], "by": None} for _ in range(5_000)]
    rows += [{"n": 0.5, "spans": [{"start": 3}], "by": "Ana", "late": True}]
    write_rows(tmp_path / "x.parquet", rows)
    read = [row for _, row in iter_rows(tmp_path / "x.parquet")]
    assert len(read) == 5_001
    assert read[0] == {"n": 1.0, "spans": [], "by": None, "late": None}
    assert read[-1] == {"n": 0.5, "spans": [{"start": 3}], "by": "Ana", "late": True}


def test_parquet_refuses_a_column_of_two_types(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*x\.parquet: "):
        write_rows(tmp_path / "x.parquet", [{"a": 1}, {"a": "one"}])
    assert names(tmp_path) == []


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_no_rows_make_an_empty_table(tmp_path: Path, suffix: str) -> None:
    with row_writer(tmp_path / f"x{suffix}"):
        pass
    assert list(iter_rows(tmp_path / f"x{suffix}")) == []


def test_another_suffix_is_bad_usage(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"rows go to \.jsonl, \.csv, \.parquet, not \.xlsx"),
        row_writer(tmp_path / "x.xlsx"),
    ):
        pytest.fail("opened")


def test_parquet_without_its_packages_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"newsbias\[parquet\]"), row_writer(tmp_path / "x.parquet"):
        pytest.fail("opened")
    assert names(tmp_path) == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.dictionaries(st.text(), VALUES, min_size=1, max_size=4), max_size=4))
def test_any_json_rows_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "x.jsonl"
    write_rows(path, rows)
    assert [row for _, row in iter_rows(path)] == rows


@settings(max_examples=100, deadline=None)
@given(cells=st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1, max_size=4))
@example(cells=[["", "\r0"]])
def test_any_text_survives_the_round_trip_through_csv(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]
) -> None:
    rows = [dict(zip(("first", "second"), row, strict=True)) for row in cells]
    path = tmp_path_factory.mktemp("rows") / "x.csv"
    write_rows(path, rows)
    assert [row for _, row in iter_rows(path)] == rows
