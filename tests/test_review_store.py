"""The file of a review: nothing that was told to be saved is ever lost."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bias.errors import DataError, OutputError, UsageError
from bias.review.corrections import Correction
from bias.review.store import Store, read_corrections

VERDICT = Correction(
    source="a.txt",
    article="0" * 16,
    index=0,
    start=0,
    end=16,
    text="A\u2028café \U0001f642 vote.",
    withheld=(),
    quotes="separate",
    scored="neutral",
    probability=0.25,
    marked=(),
    model="ab" * 32,
    label="opinionated",
    spans=((2, 6),),
    reviewer="ana",
    time="2026-01-01T00:00:00+00:00",
)


def verdicts(count: int, first: int = 0) -> list[Correction]:
    return [replace(VERDICT, index=i, start=i, end=i + 16) for i in range(first, first + count)]


def test_what_is_added_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "labels.jsonl"
    with Store(path) as store:
        store.add(verdicts(2))
        store.add(verdicts(1, first=2))
        assert list(store.corrections) == verdicts(3)
    with Store(path) as store:
        store.add(verdicts(1, first=3))
    assert read_corrections(path) == verdicts(4)
    assert [json.loads(line)["index"] for line in path.read_text("utf-8").splitlines()] == [0, 1, 2, 3]


@settings(deadline=None)
@given(cut=st.integers(1, 600))
def test_a_torn_last_line_goes_and_the_rest_stays(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "labels.jsonl"
    with Store(path) as store:
        store.add(verdicts(3))
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    path.write_bytes(whole[: len(whole) - cut])
    left = len(whole) - cut
    # a line that lacks no more than its end is whole
    expected = sum(end - 1 <= left for end in ends)
    with Store(path) as store:
        assert list(store.corrections) == verdicts(expected)
        store.add(verdicts(1, first=7))
    assert read_corrections(path) == [*verdicts(expected), *verdicts(1, first=7)]


@pytest.mark.parametrize("end", [b"", b"\nmore\n"])
@pytest.mark.parametrize("line", [b"{}", b"[]", b"5", b'{"text": "x"}', b"\xff", b"not json", b'{"text'])
def test_other_files_are_refused_and_left_alone(tmp_path: Path, line: bytes, end: bytes) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_bytes(line + end)
    with pytest.raises(DataError, match=r"notes\.jsonl:1"):
        Store(path)
    assert path.read_bytes() == line + end


def test_one_review_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    with Store(path), pytest.raises(UsageError, match="another review has"):
        Store(path)
    Store(path).close()


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "labels.jsonl"
    with Store(path) as store:
        store.add(verdicts(1))

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="no space left"):
            store.add(verdicts(1, first=1))
        monkeypatch.undo()
        assert list(store.corrections) == verdicts(1)
        store.add(verdicts(1, first=2))
    assert read_corrections(path) == [*verdicts(1), *verdicts(1, first=2)]


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        Store(tmp_path / "file" / "labels.jsonl")


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_review_store import VERDICT, Store
store = Store(Path(sys.argv[1]))
for number in range(100000):
    store.add([replace(VERDICT, index=number)])
    print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_a_killed_writer_loses_nothing_that_it_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(30):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    told = 29 + len(process.stdout.read().splitlines())
    process.wait()
    with Store(path) as store:
        indices = [correction.index for correction in store.corrections]
    assert indices == list(range(len(indices)))
    assert len(indices) >= told + 1
