"""What a machine can do to a command: signals, closed pipes, full disks, lost rights, no home, no memory, wild clocks.

Results are whole or absent, the status tells what happened, and nothing is left behind.
"""

from __future__ import annotations

import json
import os
import pwd
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_review_store import VERDICT

from bias.cli import main
from bias.detector import Detector
from bias.errors import OutputError
from bias.output import ROW_SUFFIXES, atomic_write, new_folder, row_writer
from bias.review.corrections import correction_of, latest
from bias.review.desk import Desk
from bias.review.store import Store
from bias.types import Article

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals, pipes and rights of POSIX")

resource = pytest.importorskip("resource")

ROOT = Path(__file__).resolve().parents[1]
STORY = "The council voted 7 to 4. The reckless mayor's cronies cheered. It rained on Monday."
ROW = json.dumps({"text": STORY}) + "\n"
AS_ROOT = os.geteuid() == 0
SETPRIV = shutil.which("setpriv")


def command(*arguments: str | Path, rights: bool = True) -> list[str]:
    """`bias` as a process; without `rights`, root too is bound by the rights of files."""
    bound = [SETPRIV, "--bounding-set=-dac_override,-dac_read_search"] if AS_ROOT and not rights else []
    return [*map(str, bound), sys.executable, "-m", "bias", *map(str, arguments)]


def start(words: list[str], **options: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("environment", {})}
    # What runs in the background of a shell ignores interrupts, and so would this process.
    ready = options.pop("ready", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(words, env=environment, text=True, preexec_fn=ready, **pipes)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(STORY)
    return path


# --- signals ---


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
    ids=str,
)
def test_a_signal_leaves_the_old_output_whole(number: int, status: int, tiny_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("old")
    target.chmod(0o600)
    process = start(command("predict", "-", "--model", tiny_folder, "-o", target))
    with process:
        assert process.stdin is not None
        process.stdin.write(ROW * 400)  # more than the buffers hold
        process.stdin.flush()
        wait_for(lambda: any(p.stat().st_size for p in tmp_path.glob(".bias-*.tmp")), process)
        (half,) = tmp_path.glob(".bias-*.tmp")
        assert half.stat().st_mode & 0o777 == 0o600  # what was private is so from its first byte
        process.send_signal(number)
        assert process.wait(60) == status
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert target.read_text() == "old"
    # Nobody can clean up after SIGKILL. Names that begin with a dot are not read from folders.
    assert names(tmp_path) == [*([half.name] if number == signal.SIGKILL else []), "out.jsonl"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_is_finished_is_kept(number: int, status: int, tiny_folder: Path, story: Path) -> None:
    words = command("score", "--model", tiny_folder, "--output-format", "jsonl", story, story, "-")
    with start(words) as process:  # which waits for the text on its standard input
        assert process.stdout is not None
        first = process.stdout.readline()
        second = process.stdout.readline()
        process.send_signal(number)
        assert process.wait(60) == status
        assert process.stdout.read() == ""
    assert first == second
    assert json.loads(first)["article"]["characters"] == len(STORY)


ROWS = 2_000


def write_generation(target: Path, generation: int) -> None:
    with row_writer(target) as rows:
        for _ in range(ROWS):
            rows.write({"generation": generation})


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    begun = time.perf_counter()
    write_generation(target, 0)
    duration = time.perf_counter() - begun
    chance, found = random.Random(0), {0}
    for number in range(1, 41):
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(tell, b"!")
            while True:
                write_generation(target, number)
        os.read(told, 1)
        time.sleep(chance.uniform(0, 2 * duration))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(told)
        os.close(tell)
        lines = target.read_text().splitlines()
        assert len(lines) == ROWS
        (generation,) = {json.loads(line)["generation"] for line in lines}
        found.add(generation)
    assert len(found) > 1
    assert any(tmp_path.glob(".bias-*.tmp"))  # some were killed while they wrote


def test_a_run_in_the_background_keeps_its_own_handler() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert main(["lexicon", "regime"]) == 0
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        assert main(["lexicon", "regime"]) == 0
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


# --- streams ---


@pytest.mark.parametrize("name", ["score", "predict"])
def test_a_closed_pipe_keeps_an_earlier_failure(name: str, tiny_folder: Path, story: Path) -> None:
    words = ["score", story.with_name("none.txt"), *[story] * 400] if name == "score" else ["predict", "-"]
    with start(command(*words, "--model", tiny_folder)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if name == "predict":
            process.stdin.write('{"text": ""}\n' + ROW * 400)
            process.stdin.close()
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(120) == 2
        told = process.stderr.read()
    assert told.count("\n") == 1
    assert "no such file" in told or "no text" in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
@pytest.mark.parametrize("arguments", [("score", "STORY"), ("info",), ("--help",)], ids=lambda words: words[0])
def test_no_room_for_standard_output_is_one_line(arguments: tuple[str, ...], tiny_folder: Path, story: Path) -> None:
    places = {"STORY": [str(story), "--model", str(tiny_folder)]}
    words = [word for argument in arguments for word in places.get(argument, [argument])]
    with Path("/dev/full").open("w") as full, start(command(*words), stdout=full) as process:
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (2, "bias: cannot write the output: no space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_nobody_to_complain_to_is_no_reason_to_stop(tiny_folder: Path, story: Path) -> None:
    words = command("score", "--model", tiny_folder, "--output-format", "jsonl", story.with_name("none.txt"), story)
    with Path("/dev/full").open("w") as full, start(words, stderr=full) as process:
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert ["error" in json.loads(line) for line in out.splitlines()] == [True, False]


def test_nothing_is_piped_from_dev_null(tiny_folder: Path) -> None:
    for words, told in ((["score"], "nothing to score: name files"), (["score", "-"], "<stdin>: empty")):
        with start(command(*words, "--model", tiny_folder), stdin=subprocess.DEVNULL) as process:
            out, err = process.communicate(timeout=120)
        assert (process.returncode, out, err.count("\n")) == (2, "", 1)
        assert told in err


# --- disks and rights ---


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system in memory on the folder; the test is skipped where none may be mounted."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def limited(folder: Path) -> Iterator[None]:
    """No file may grow over a few bytes, as with a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass


OUTPUTS = ["out.json", "out.jsonl", "out.csv", "out.html", "out.md", "out.sarif", "out.txt"]


@pytest.mark.parametrize("fault", ["disk", "quota"])
def test_a_full_disk_leaves_the_old_output_whole(
    fault: str, tiny_folder: Path, story: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, labels = tmp_path / "disk", tmp_path / "labels.jsonl"
    folder.mkdir()
    rows = tmp_path / "rows.jsonl"
    rows.write_text(ROW * 50)
    with Store(labels) as store:
        store.add([replace(VERDICT, start=number) for number in range(40)])
    commands = [["score", *[str(story)] * 20, "--model", str(tiny_folder), "-o", name] for name in OUTPUTS]
    commands += [["predict", str(rows), "--model", str(tiny_folder), "-o", f"p{suffix}"] for suffix in ROW_SUFFIXES]
    commands += [["review", "--labels", str(labels), "--overwrite", "--export", "e.jsonl"]]
    place = mounted(folder, "size=64k") if fault == "disk" else limited(folder)
    targets = [folder / words[-1] for words in commands]
    with place:
        for target in targets:
            target.write_text("old")
        if fault == "disk":
            fill(folder)
        before = names(folder)
        for words, target in zip(commands, targets, strict=True):
            assert main([*words[:-1], str(target)]) == 2, words
            told = capsys.readouterr().err
            assert re.fullmatch(rf"bias: cannot write {target}: (no space left on device|file too large)\n", told), told
            assert target.read_text() == "old"
            assert names(folder) == before


def test_a_full_disk_is_told_for_folders_too(tmp_path: Path) -> None:
    with mounted(tmp_path, "size=64k"):
        with pytest.raises(OutputError, match="no space left"), new_folder(tmp_path / "new") as new:
            (new / "part").write_bytes(b"\0" * 1_000_000)
        assert names(tmp_path) == []


def test_a_verdict_that_found_no_room_is_not_there(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    with mounted(tmp_path, "size=32k"), Store(labels) as store:
        store.add([VERDICT])
        kept = labels.read_bytes()
        fill(tmp_path)
        with pytest.raises(OutputError, match="no space left"):
            store.add([replace(VERDICT, start=number) for number in range(100)])
        assert labels.read_bytes() == kept
        assert len(store.corrections) == 1
        (tmp_path / "filler").unlink()
        store.add([VERDICT])  # and goes on once there is room
        assert labels.read_bytes() == kept * 2


def test_a_read_only_disk_is_one_line(
    tiny_folder: Path, story: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, "size=64k,ro"):
        assert main(["score", str(story), "--model", str(tiny_folder), "-o", str(folder / "x.json")]) == 2
        assert capsys.readouterr().err == f"bias: cannot write {folder / 'x.json'}: read-only file system\n"
        assert main(["review", "--model", str(tiny_folder), "--labels", str(folder / "x.jsonl"), "--port", "0"]) == 2
        assert "read-only file system" in capsys.readouterr().err


needs_rights = pytest.mark.skipif(AS_ROOT and not SETPRIV, reason="root may write anywhere, without setpriv")


@needs_rights
def test_rights_that_are_lost_in_the_middle(tiny_folder: Path, story: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    target, secret = folder / "x.json", tmp_path / "secret.txt"
    target.write_text("old")
    secret.write_text(STORY)
    words = ["score", "--model", tiny_folder, "-", secret, "-o", target]
    with start(command(*words, rights=False)) as process:
        wait_for(lambda: any(folder.glob(".bias-*.tmp")), process)
        folder.chmod(0o555)
        secret.chmod(0)
        _, err = process.communicate(STORY, timeout=120)
    folder.chmod(0o755)
    assert process.returncode == 2
    assert err == f"bias: {secret}: cannot be read: Permission denied\nbias: cannot write {target}: permission denied\n"
    assert target.read_text() == "old"


@needs_rights
def test_a_read_only_folder_is_one_line(tiny_folder: Path, story: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir(mode=0o555)
    words = ["score", "--model", tiny_folder, story, "-o", folder / "x.json"]
    with start(command(*words, rights=False)) as process:
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (2, f"bias: cannot write {folder / 'x.json'}: permission denied\n")
    assert names(folder) == []


def test_no_home_and_no_name(
    tiny_folder: Path,
    story: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in a container that runs under a number that is no user's."""

    def unknown(_: int) -> Any:
        raise KeyError("getpwuid(): uid not found")

    for name in ("HOME", "USER", "LOGNAME", "USERNAME", "LNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.chdir(tmp_path)
    model = ["--model", str(tiny_folder)]
    assert main(["score", str(story), *model, "-o", "x.html"]) == 0
    assert main(["lexicon", "regime"]) == 0
    assert main(["info", str(tiny_folder)]) == 0
    assert main(["review", *model, "--port", "0", "--no-browser"]) == 2
    assert "say who reviews with --reviewer" in capsys.readouterr().err
    assert names(tmp_path) == ["review.jsonl", "story.txt", "x.html"]


# --- memory and time ---


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit is not kept")
@pytest.mark.parametrize("megabytes", [110, 230, 1_000])
def test_too_little_memory_leaves_no_half(megabytes: int, story: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    size = megabytes * 1_000_000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

    with start(command("score", story, "-o", target), ready=limit) as process:
        _, err = process.communicate(timeout=240)
    assert "Traceback" not in err
    if process.returncode == 0:
        assert json.loads(target.read_text())
        return
    assert not target.exists()
    if process.returncode == 2:  # with the least memory of all, libraries end the process themselves
        assert err.endswith("bias: out of memory: give it more, or shorter inputs\n")
        assert names(tmp_path) == ["story.txt"]


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("std::bad_alloc"), RuntimeError("can't start new thread")], ids=str
)
def test_no_memory_is_one_line(
    error: Exception,
    tiny_folder: Path,
    story: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(Detector, "score", fail)
    assert main(["score", str(story), "--model", str(tiny_folder), "-o", str(tmp_path / "x.json")]) == 2
    assert capsys.readouterr().err == "bias: out of memory: give it more, or shorter inputs\n"
    assert names(tmp_path) == ["story.txt"]


class WildClock:
    """A clock that jumps by years, back and forth."""

    def __init__(self) -> None:
        self.chance = random.Random(0)

    def __call__(self) -> float:
        return self.chance.uniform(0, 4e9)


def test_a_clock_that_jumps_changes_nothing(
    tiny_detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join([STORY] * 20)
    expected = tiny_detector.score(text).to_dict()
    with Store(tmp_path / "labels.jsonl") as store:
        desk = Desk(tiny_detector, store, "ana", [Article(text)])
        monkeypatch.setattr(time, "time", WildClock())
        (key,) = [progress.id for progress in desk.progress()]
        report = desk.report(key)
        assert report.to_dict()["sentences"] == expected["sentences"]
        result = report.sentences[0]
        for day, label in (("2030-01-01", "opinionated"), ("1990-01-01", "neutral")):  # the clock was set back between
            store.add([correction_of(report, result, reviewer="ana", label=label, time=day)])
        assert [correction.label for correction in latest(store.corrections)] == ["neutral"]
        with atomic_write(tmp_path / "x.txt") as file:
            file.write("new")
    assert (tmp_path / "x.txt").read_text() == "new"
