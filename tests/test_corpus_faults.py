"""A run stopped in every way there is, and continued: the output is that of an unbroken run, byte for byte."""

from __future__ import annotations

import errno
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from corpora import write_corpus
from test_corpus_run import Run, contents, run  # noqa: F401

from bias.cli import main
from bias.corpus import unit
from bias.corpus.folder import Corpus, opened, run_of
from bias.corpus.localpool import LocalPool
from bias.corpus.manifest import Entry
from bias.corpus.plan import Settings
from bias.corpus.unit import Failed, Job, Scorer, Task
from bias.errors import WorkerError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and locks of POSIX")

ROWS = ("--shard-rows", "7")


@pytest.fixture
def unbroken(run: Run) -> dict[str, bytes]:  # noqa: F811
    """The output of a run that nothing stopped; the input lies beside it."""
    write_corpus(Path("in.jsonl"), of_each=1)
    assert run("in.jsonl", *ROWS, out="unbroken") == 0
    return contents("unbroken")


def begun(model: Path) -> AbstractContextManager[Corpus]:
    """The run of the unbroken output, in another folder."""
    return opened(Path("out"), ["in.jsonl"], run_of(model, Settings(shard_rows=7)))


def killed_at(step: int, arguments: list[str]) -> bool:
    """Run the command in a child that kills itself as it syncs or renames a file for the nth time; whether it did."""
    child = os.fork()
    if child == 0:
        done = 0

        def dying(call: Any) -> Any:
            def run_or_die(*args: Any, **kwargs: Any) -> Any:
                nonlocal done
                done += 1
                if done == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **kwargs)

            return run_or_die

        os.fsync = dying(os.fsync)
        Path.replace = dying(Path.replace)
        os._exit(main(arguments))
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def test_killed_at_any_step_it_goes_on(run: Run, unbroken: dict[str, bytes], tiny_folder: Path) -> None:  # noqa: F811
    step = 1
    while True:
        out = f"killed-{step}"
        arguments = ["corpus", "run", "in.jsonl", "-o", out, "--jobs", "1", "--model", str(tiny_folder), *ROWS]
        if not killed_at(step, arguments):
            break
        assert run("in.jsonl", *ROWS, out=out) == 0
        assert contents(out) == unbroken, step
        step += 1
    assert step > 20  # the plan, three shards of two tables and a line each


class Command:
    """`bias corpus run` as a process with two workers."""

    def __init__(self, model: Path, out: str = "out") -> None:
        arguments = ["in.jsonl", "-o", out, "--jobs", "2", "--model", str(model), "--shard-rows", "2"]
        self.out = Path(out)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bias", "corpus", "run", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def done(self) -> int:
        manifest = self.out / "manifest.jsonl"
        return manifest.read_bytes().count(b"\n") if manifest.exists() else 0

    def wait_for(self, shards: int) -> None:
        """Until so many shards are done, or all is."""
        while self.done() < shards and self.process.poll() is None:
            time.sleep(0.005)

    def end(self) -> str:
        """What it said; nobody of it is left."""
        err = self.process.communicate(timeout=120)[1]
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return err
            time.sleep(0.02)
        raise AssertionError("workers outlive the run")


@pytest.fixture
def unbroken_by_two(run: Run) -> dict[str, bytes]:  # noqa: F811
    write_corpus(Path("in.jsonl"), of_each=2)
    assert run("in.jsonl", "--shard-rows", "2", out="unbroken") == 0
    return contents("unbroken")


def test_killed_at_random_moments_it_goes_on(unbroken_by_two: dict[str, bytes], tiny_folder: Path) -> None:
    chance = random.Random(7)
    kills = 0
    while True:
        command = Command(tiny_folder)
        if kills < 4:
            command.wait_for(command.done() + chance.randint(1, 3))
            time.sleep(chance.random() * 0.02)  # about the time of a shard, of which there are twenty
        else:
            command.process.wait(timeout=120)
        command.process.kill()
        command.end()
        if command.process.returncode == 0:
            break
        assert command.process.returncode == -signal.SIGKILL
        kills += 1
    assert kills >= 2
    assert contents("out") == unbroken_by_two


def test_interrupted_it_keeps_what_is_done(unbroken_by_two: dict[str, bytes], tiny_folder: Path) -> None:
    command = Command(tiny_folder)
    command.wait_for(3)
    os.killpg(command.process.pid, signal.SIGINT)  # as a terminal does: to all of them
    assert command.end() == ""
    assert command.process.returncode == 130
    assert 3 <= command.done() < 20
    again = Command(tiny_folder)
    err = again.end()
    assert again.process.returncode == 0
    assert "of 40 articles are there" in err
    assert contents("out") == unbroken_by_two


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=44k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_it_and_room_lets_it_go_on(
    run: Run,  # noqa: F811
    unbroken: dict[str, bytes],
    small_disk: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert run("in.jsonl", *ROWS, out=str(small_disk / "out")) == 2
    assert "no space left on device" in capsys.readouterr().err
    assert 0 < (small_disk / "out" / "manifest.jsonl").read_bytes().count(b"\n") < 3
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    assert run("in.jsonl", *ROWS, out=str(small_disk / "out")) == 0
    assert contents(small_disk / "out") == unbroken


def test_a_write_that_fails_leaves_no_part_of_a_file(
    run: Run,  # noqa: F811
    unbroken: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write, written = pq.write_table, 0

    def full(table: Any, stream: Any, **options: Any) -> None:
        nonlocal written
        written += 1
        if written == 4:
            stream.write(b"PAR1 and")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(table, stream, **options)

    with monkeypatch.context() as patched:
        patched.setattr(unit.pq, "write_table", full)
        assert run("in.jsonl", *ROWS) == 2
    assert re.search(r"cannot write .*part-000001\.parquet: no space left", capsys.readouterr().err)
    tables = sorted(str(path.relative_to("out")) for path in Path("out").rglob("*") if path.is_file())
    assert [name for name in tables if "part" in name or ".bias" in name] == [
        "articles/part-000000.parquet",
        "articles/part-000001.parquet",  # whole, and not in the manifest
        "sentences/part-000000.parquet",
    ]
    assert run("in.jsonl", *ROWS) == 0
    assert contents("out") == unbroken


def test_a_manifest_that_cannot_be_written_is_told(
    run: Run,  # noqa: F811
    unbroken: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from bias.corpus import manifest

    with monkeypatch.context() as patched:
        patched.setattr(manifest.os, "fsync", _no_space)
        assert run("in.jsonl", *ROWS) == 2
    assert "no space left" in capsys.readouterr().err
    assert run("in.jsonl", *ROWS) == 0
    assert contents("out") == unbroken


def _no_space(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_two_runs_are_never_in_one_folder(
    run: Run,  # noqa: F811
    unbroken: dict[str, bytes],
    tiny_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with begun(tiny_folder):
        assert run("in.jsonl", *ROWS) == 2
        assert "another run is at work in out" in capsys.readouterr().err
    assert run("in.jsonl", *ROWS) == 0
    assert contents("out") == unbroken


def test_an_input_that_changes_under_way_is_noticed(
    run: Run,  # noqa: F811
    unbroken: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = Path("in.jsonl").read_bytes()
    read = unit.read_piece

    def changing(path: str, piece: Any, settings: Settings) -> Any:
        if piece.start.number:
            Path(path).write_bytes(content + b"\n")
        return read(path, piece, settings)

    with monkeypatch.context() as patched:
        patched.setattr(unit, "read_piece", changing)
        assert run("in.jsonl", *ROWS) == 2
    assert "in.jsonl was changed while the run was under way" in capsys.readouterr().err
    assert run("in.jsonl", *ROWS) == 2
    assert "in.jsonl has another content" in capsys.readouterr().err
    Path("in.jsonl").write_bytes(content)
    assert run("in.jsonl", *ROWS) == 0
    assert contents("out") == unbroken


class DiesOnce(Scorer):
    """Loses its process while it writes the second shard, the first time."""

    def attempt(self, task: Task) -> Entry | Failed:
        if task.shard.number == 1 and not Path("died").exists():
            Path("died").touch()
            os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        return super().attempt(task)


class DiesAlways(Scorer):
    """Loses its process with the second shard."""

    def attempt(self, task: Task) -> Entry | Failed:
        if task.shard.number == 1:
            os._exit(1)
        return super().attempt(task)


class Faulty(Scorer):
    """Has a fault of its own."""

    def attempt(self, task: Task) -> Entry | Failed:
        return Failed("shard 0: KeyError: 'x'", "the traceback")


def test_a_lost_worker_is_replaced_and_its_shard_done_anew(unbroken: dict[str, bytes], tiny_folder: Path) -> None:
    with begun(tiny_folder) as corpus, LocalPool(corpus.job(tiny_folder), 2, DiesOnce) as pool:
        entries = list(corpus.work(corpus.tasks, pool))
    assert Path("died").exists()
    assert sorted(entry.shard for entry in entries) == [0, 1, 2]
    assert contents("out") == unbroken


def test_a_shard_that_kills_its_workers_ends_the_run(unbroken: dict[str, bytes], tiny_folder: Path) -> None:
    with (
        begun(tiny_folder) as corpus,
        LocalPool(corpus.job(tiny_folder), 2, DiesAlways) as pool,
        pytest.raises(WorkerError, match="shard 1 has"),
    ):
        list(corpus.work(corpus.tasks, pool))


def test_a_fault_of_ours_is_told_as_one(unbroken: dict[str, bytes], tiny_folder: Path) -> None:
    with (
        begun(tiny_folder) as corpus,
        LocalPool(corpus.job(tiny_folder), 1, Faulty) as pool,
        pytest.raises(RuntimeError, match="KeyError"),
    ):
        list(corpus.work(corpus.tasks, pool))


def test_a_worker_with_another_model_or_version_does_nothing(
    unbroken: dict[str, bytes], tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attempt(job: Job, task: Task) -> Entry | Failed:
        return Scorer(job).attempt(task)

    with begun(tiny_folder) as corpus:
        job, task = corpus.job(tiny_folder), corpus.tasks[0]
        with monkeypatch.context() as patched:
            patched.setattr(unit, "__version__", "9.9")
            assert "newsbias 9.9 is installed here" in str(attempt(job, task))
        with monkeypatch.context() as patched:
            patched.setattr(unit, "digest", lambda path: "0" * 64)
            assert "another model here" in str(attempt(job, task))


def test_an_article_that_shows_a_fault_of_ours_is_named(
    run: Run,  # noqa: F811
    unbroken: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("boom")

    monkeypatch.setattr(unit.Detector, "score", fail)
    capsys.readouterr()
    assert run("in.jsonl", *ROWS) == 2
    err = capsys.readouterr().err
    assert "shard 0: KeyError: 'boom' in in.jsonl:1" in err
    assert err.count("\n") == 1
    assert run("in.jsonl", *ROWS, "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_node_that_lacks_the_folder_says_so(unbroken: dict[str, bytes], tiny_folder: Path) -> None:
    with begun(tiny_folder) as corpus:
        job = replace(corpus.job(tiny_folder), place=Path("/nowhere"))
        assert "no folder /nowhere on " in str(Scorer(job).attempt(corpus.tasks[0]))
