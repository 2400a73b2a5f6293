"""`bias review` on the command line: its usage, its address, and what becomes of the verdicts."""

from __future__ import annotations

import json
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from browser import Server
from test_review_store import VERDICT

import bias.review
from bias.cli import main
from bias.review.corrections import Correction
from bias.review.store import Store


def write(path: Path, *corrections: Correction) -> Path:
    with Store(path) as store:
        store.add(corrections)
    return path


def line(capsys: pytest.CaptureFixture[str]) -> str:
    err = capsys.readouterr().err
    assert err.startswith("bias: "), err
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--export", "a.jsonl", "--agreement", "b.jsonl"], "go by themselves"),
        (["article.txt", "--export", "a.jsonl"], "go by themselves"),
        (["--token", "short"], "16 or more"),
        (["--token", "with spaces and more"], "16 or more"),
        (["--prior", "2"], "prior"),
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["--export", "a.csv"], ".jsonl"),
        (["--export", "a.jsonl"], "review.jsonl cannot be read: no such file"),
        (["--agreement", "a.jsonl"], "review.jsonl cannot be read: no such file"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    arguments: list[str],
    fault: str,
    tmp_path: Path,
    tiny_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["review", "--model", str(tiny_folder), "--no-browser", *arguments]) == 2
    assert fault in line(capsys)


def test_without_its_packages_it_says_which_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(bias.review, "server", raising=False)
    for name in [name for name in sys.modules if name.startswith("bias.review.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["review"]) == 2
    assert "pip install 'newsbias[review]'" in line(capsys)


def test_a_taken_port_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("uvicorn")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["review", "--port", str(taken.getsockname()[1])]) == 2
    assert "--port 0 takes a free one" in line(capsys)


def test_exported_rows_are_those_that_stand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = write(tmp_path / "labels.jsonl", VERDICT, replace(VERDICT, label="neutral", spans=()))
    target = tmp_path / "train.jsonl"
    command = ["review", "--labels", str(labels), "--export", str(target)]
    assert main(command) == 0
    assert capsys.readouterr().err.startswith("1 sentence to ")
    (row,) = map(json.loads, target.read_text("utf-8").strip().split("\n"))
    assert (row["text"], row["label"], row["spans"]) == (VERDICT.text, "neutral", [])
    assert main(command) == 2
    assert "there already" in line(capsys)
    assert main([*command, "--overwrite"]) == 0
    assert main(["review", "--labels", str(labels), "--export", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == row


def test_agreement_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = [replace(VERDICT, start=i, end=i + 16, label="opinionated" if i % 2 else "neutral") for i in range(8)]
    mine = [c if c.label == "opinionated" else replace(c, spans=()) for c in mine]
    theirs = [replace(c, reviewer="ben") for c in mine[:6]]
    theirs[0] = replace(theirs[0], label="opinionated", spans=((2, 6),))
    one, other = write(tmp_path / "ana.jsonl", *mine), write(tmp_path / "ben.jsonl", *theirs)
    assert main(["review", "--labels", str(one), "--agreement", str(other)]) == 0
    told = dict(row.rsplit("  ", 1) for row in capsys.readouterr().out.splitlines())
    assert {name.strip(): value.strip() for name, value in told.items()} == {
        "Sentences that both judged": "6",
        "Same label": "83 %",
        "Cohen's kappa": "0.67",
        "Loaded words (F1)": "1.00",
    }


def test_another_address_is_guarded_by_a_token(tiny_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    with Server(tmp_path, tiny_folder, "--host", "0.0.0.0") as server:
        address, _, token = server.address.partition("?token=")
        assert len(token) >= 32
        port = int(address.rstrip("/").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(b"GET /v1/labels HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n\r\n")
            assert plain.recv(12) == b"HTTP/1.1 401"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as shown:
            head = f"GET /v1/labels HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            shown.sendall(head.encode())
            assert shown.recv(12) == b"HTTP/1.1 200"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_an_interrupt_ends_it_and_a_bad_file_shows_in_the_status(tiny_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    (tmp_path / "good.txt").write_text("Rain fell.")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xff")
    for paths, status in ((["good.txt"], 0), (["good.txt", "bad.txt"], 2)):
        with Server(tmp_path, tiny_folder, *paths) as server:
            assert [item["source"] for item in json.loads(server.get("/v1/articles"))] == ["good.txt"]
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(timeout=30) == status
