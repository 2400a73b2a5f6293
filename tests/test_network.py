"""Nothing is sent or fetched: the kernel ends whoever opens a socket of the internet, Python code or not."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from browser import Server
from test_review_store import VERDICT
from typer.main import get_command

from bias.cli import make_app
from bias.review.store import Store

ROOT = Path(__file__).resolve().parents[1]
TRAINING = {"train", "evaluate", "calibrate", "export", "audit", "suggest", "bench"}
"""Commands that are no part of the core; data sets are read from files there too."""

SOCKET = {"x86_64": 41, "aarch64": 198}.get(platform.machine())
"""The number of the system call."""

linux = pytest.mark.skipif(sys.platform != "linux" or SOCKET is None, reason="filters of Linux, on known processors")

STORY = "The council voted 7 to 4. The reckless mayor's cronies cheered. “A sham,” she said."
PAGE = f"<html><head><title>News</title></head><body><article><h1>News</h1><p>{STORY * 5}</p></article></body></html>"


def no_internet() -> None:
    """Let the kernel kill this process, and what it starts, with SIGSYS if it opens an IPv4 or IPv6 socket."""
    load, equal, end, kill, allow = 0x20, 0x15, 0x06, 0x80000000, 0x7FFF0000
    steps = [
        (load, 0, 0, 0),  # the number of the call
        (equal, 0, 4, SOCKET),
        (load, 0, 0, 16),  # its first argument: the family
        (equal, 1, 0, 2),  # AF_INET
        (equal, 0, 1, 10),  # AF_INET6
        (end, 0, 0, kill),
        (end, 0, 0, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):  # no new rights; a filter
        raise OSError(ctypes.get_errno(), "no filter")


def run(program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", program, *arguments]
    return subprocess.run(
        words, cwd=folder, env=environment, preexec_fn=no_internet, capture_output=True, text=True, timeout=300
    )


@linux
@pytest.mark.parametrize(
    "program",
    [
        "import socket; socket.socket()",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import ctypes; ctypes.CDLL(None).socket(10, 1, 0)",
        "import subprocess, sys; c = 'import socket; socket.socket()'; "
        "sys.exit(subprocess.run([sys.executable, '-c', c]).returncode)",
    ],
    ids=["Python", "an address", "native code", "a process it starts"],
)
def test_the_filter_finds_whoever_opens_a_socket(program: str, tmp_path: Path) -> None:
    assert run(program, folder=tmp_path).returncode in (-signal.SIGSYS, 256 - signal.SIGSYS)


def core(model: Path) -> list[list[str]]:
    """Every command of the core, in every format and with every kind of input."""
    chosen = ["--model", str(model)]
    formats = ["full", "concise", "json", "jsonl", "csv", "html", "markdown", "sarif", "github"]
    return [
        ["--help"],
        ["--version"],
        *[["score", "in/", *chosen, "--output-format", name] for name in formats],
        *[["score", "in/", *chosen, "-o", f"out.{name}"] for name in ("html", "json", "sarif")],
        ["score", "missing.txt", *chosen],
        *[["predict", "in/rows.jsonl", *chosen, "-o", f"rows.{name}"] for name in ("jsonl", "csv", "parquet")],
        ["predict", "rows.parquet", *chosen],
        ["lexicon"],
        ["lexicon", "regime"],
        ["lexicon", "--text", STORY],
        ["lexicon", "--check"],
        ["info"],
        ["info", str(model), "--verify"],
        ["corpus", "run", "in", *chosen, "-o", "scored", "--shard-rows", "1", "--jobs", "2"],
        ["corpus", "summary", "scored", "--by", "source"],
        ["review", "--labels", "labels.jsonl", "--export", "-"],
        ["review", "--labels", "labels.jsonl", "--agreement", "labels.jsonl"],
    ]


@linux
def test_no_command_of_the_core_opens_a_socket(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "story.txt").write_text(STORY)
    (tmp_path / "in" / "rows.jsonl").write_text(json.dumps({"text": STORY}) + "\n")
    with Store(tmp_path / "labels.jsonl") as store:
        store.add([VERDICT, replace(VERDICT, start=VERDICT.start + 1)])
    commands = core(tiny_folder)
    assert {words[0] for words in commands if not words[0].startswith("-")} | TRAINING == set(
        get_command(make_app()).commands
    )
    program = (
        "import json, sys; from bias.cli import main\n"
        "def done(words):\n"
        "    try: return main(words)\n"
        "    except SystemExit as end: return end.code or 0\n"
        "statuses = [done(words) for words in json.loads(sys.argv[1])]; print('STATUSES', json.dumps(statuses))\n"
    )
    ended = run(program, json.dumps(commands), folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    statuses = json.loads(ended.stdout.rpartition("STATUSES")[2])
    expected = [2 if "missing.txt" in words else 0 for words in commands]
    assert statuses == expected, ended.stderr


@linux
def test_importing_opens_no_socket(tmp_path: Path) -> None:
    program = "import bias\nfor name in bias.__all__: getattr(bias, name)\nimport bias.review.server, bias.cli"
    assert run(program, folder=tmp_path).returncode == 0


HOOK = """
import os, sys
def watch(event, values):
    told = None
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        told = values[1]
    elif event == "socket.bind":
        told = values[1] if values[1][0] != "127.0.0.1" else None
    elif event == "socket.getaddrinfo":
        told = values[0] if values[0] not in ("127.0.0.1", None) else None
    elif event in ("socket.gethostbyname", "socket.gethostbyaddr", "webbrowser.open", "urllib.Request"):
        told = values
    if told is not None:
        print("NETWORK", event, told, file=sys.stderr, flush=True)
        raise RuntimeError("the network is not for us")
sys.addaudithook(watch)
"""


def test_a_page_of_html_is_read_without_a_network(tiny_folder: Path, tmp_path: Path) -> None:
    """urllib3, under trafilatura, binds ::1 once when it is imported, to see whether there is IPv6; no more."""
    pytest.importorskip("trafilatura")
    (tmp_path / "page.html").write_text(PAGE)
    program = HOOK + "from bias.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", program, "score", "page.html", "--model", str(tiny_folder), "-o", "x.json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert set(ended.stderr.splitlines()) <= {"NETWORK socket.bind ('::1', 0)"}
    (report,) = json.loads((tmp_path / "x.json").read_text())
    assert "council" in report["sentences"][0]["text"]


def test_a_review_listens_on_this_machine_alone(tiny_folder: Path, tmp_path: Path) -> None:
    program = HOOK + "from bias.cli import main; sys.exit(main(sys.argv[1:]))"
    (tmp_path / "story.txt").write_text(STORY)
    with Server(tmp_path, tiny_folder, "story.txt", program=("-c", program)) as server:
        assert server.address.startswith("http://127.0.0.1:")
        (item,) = json.loads(server.get("/v1/articles"))
        for path in ("/", "/health", f"/v1/articles/{item['id']}", "/v1/labels", "/v1/export", "/openapi.json"):
            assert server.get(path) is not None
        assert listening(server.process.pid) == {("0100007F", server.address.rsplit(":", 1)[1].rstrip("/"))}
        server.process.terminate()
        server.process.wait(60)
        assert "NETWORK" not in server.told()


def listening(pid: int) -> set[tuple[str, str]]:
    """The addresses that a process listens on, as the kernel writes them, with their ports."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows: list[Sequence[str]] = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        path = Path(f"/proc/{pid}/net/{table}")
        rows += [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []
    ours = [row for row in rows if row[9] in inodes and row[3] in ("0A", "07")]
    return {(row[1].split(":")[0], str(int(row[1].split(":")[1], 16))) for row in ours}


def test_the_audit_finds_whoever_looks_up_a_name(tmp_path: Path) -> None:
    program = HOOK + "import socket; socket.getaddrinfo('example.org', 80)"
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "NETWORK socket.getaddrinfo example.org" in ended.stderr
