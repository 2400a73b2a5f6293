"""The review's server under load and under attack: bounded, fair, discreet, and true to its own description."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from browser import Server
from load import BAD, load
from test_review_guard import ask

from bias.detector import Detector
from bias.reading import read_text
from bias.review import connection as connections
from bias.review import desk as desks
from bias.review.desk import Desk
from bias.review.guard import LOOPBACK, Guard, Receive, Scope, Send
from bias.review.store import Store
from bias.review.turns import BusyError, Turns

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

from bias.review.app import create_app

CANARY = "Zanzibarquixotic"


@pytest.fixture(scope="module")
def server(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), tiny_folder) as started:
        yield started


def place(server: Server) -> tuple[str, int]:
    host, _, port = server.address.split("/")[2].partition(":")
    return host, int(port)


def dial(server: Server) -> socket.socket:
    return socket.create_connection(place(server), timeout=60)


def status_of(server: Server, raw: bytes) -> int:
    """The status that a request gets, written byte for byte."""
    with dial(server) as opened:
        opened.sendall(raw)
        return int(opened.makefile("rb").readline().split()[1])


# --- load ---


def test_memory_stays_flat_under_load(server: Server) -> None:
    load(server, 200, 16)  # libraries load, caches fill
    outcome = load(server, 600, 16, seed=1)
    assert not outcome.wrong
    assert set(outcome.statuses) - {503} >= {200, 400, 404, 422}
    assert outcome.statuses[200] > 400
    assert outcome.memory[-1] - outcome.memory[0] < 30_000_000


def test_every_kind_of_bad_request_gets_its_status(server: Server) -> None:
    for expected, (method, path, body, headers) in BAD:
        opened = http.client.HTTPConnection(*place(server), timeout=60)
        try:
            opened.request(method, path, body or None, headers)
            answer = opened.getresponse()
        except BrokenPipeError:
            assert expected == 413  # cut off before it was all sent
            continue
        assert answer.status == expected, path
        assert list(json.loads(answer.read())) == ["detail"]
        opened.close()


def test_bodies_of_unknown_length_are_bounded(server: Server) -> None:
    head = b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with dial(server) as opened:
        opened.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            for _ in range(64):  # 8 MB, if it were read
                opened.sendall(b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
                sent += 0x20000
        except OSError:
            pass  # it has been cut off
        assert opened.makefile("rb").readline().startswith(b"HTTP/1.1 413") or sent < 0x20000 * 64
    assert status_of(server, head + b"Content-Length: 9999999999\r\n\r\n" + b"x" * 2_100_000) == 413


def test_a_head_without_end_is_refused(server: Server) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
    assert status_of(server, head + b"X-Long: " + b"x" * 100_000) == 400
    assert status_of(server, head + b"\r\n") == 200


def test_a_long_text_does_not_hold_up_a_short_one(
    tiny_detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices: list[int] = []
    begun = threading.Event()
    predict = tiny_detector.predict

    def watched(sentences: Sequence[Any]) -> Any:
        slices.append(len(sentences))
        begun.set()
        return predict(sentences)

    monkeypatch.setattr(tiny_detector, "predict", watched)
    with Store(tmp_path / "labels.jsonl") as store:
        desk = Desk(tiny_detector, store, "ana")
        keys = [desk.add(read_text(article)) for article in ("The vote was 7 to 4 on a tax. " * 4_000, "Rain fell.")]
        long = threading.Thread(target=desk.report, args=keys[:1])
        long.start()
        assert begun.wait(60)
        desk.report(keys[1])
        long.join()
    assert sum(slices) == 4_001
    assert 1 in slices[:-10]  # the short one, long before the last slice of the other


def test_turns_are_fair() -> None:
    turns, order = Turns(3), []
    barrier = threading.Barrier(3)

    def work(name: int) -> None:
        barrier.wait()
        for _ in range(20):
            with turns.turn():
                order.append(name)
                time.sleep(0.002)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    middle = order[6:-6]
    assert max(middle.count(name) for name in range(3)) - min(middle.count(name) for name in range(3)) <= 3


def test_what_cannot_wait_is_told_to_come_again(
    tiny_detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path / "labels.jsonl") as store:
        desk = Desk(tiny_detector, store, "ana")
        monkeypatch.setattr(desk, "_turns", Turns(1))
        client = TestClient(create_app(desk))
        with desk._turns.place():
            answer = client.post("/v1/score", json={"text": "Rain fell."})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert client.get("/health").status_code == 200  # all else goes on
            with pytest.raises(BusyError), desk._turns.place():
                pytest.fail("there was a place")
        assert client.post("/v1/score", json={"text": "Rain fell."}).status_code == 200


def test_too_many_requests_at_a_time_are_told_to_come_again() -> None:
    places = asyncio.Semaphore(1)
    release: list[asyncio.Event] = []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        release.append(asyncio.Event())
        await release[0].wait()

    async def nothing(*_: object) -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[Any] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    async def both() -> None:
        guard = Guard(slow, LOOPBACK, "", 100, places=places)
        scope = {
            "type": "http",
            "path": "/",
            "method": "GET",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
        first = asyncio.create_task(guard(scope, nothing, nothing))
        await asyncio.sleep(0.01)
        await guard(scope, nothing, keep)
        release[0].set()
        await first

    asyncio.run(both())
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]
    assert not places.locked()


def test_one_article_is_scored_once_however_often_it_is_asked_for(
    tiny_detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    with Store(tmp_path / "labels.jsonl") as store:
        desk = Desk(tiny_detector, store, "ana")
        score = desk._score
        monkeypatch.setattr(desk, "_score", lambda article: made.append(article) or score(article))
        key = desk.add(read_text("The vote was 7 to 4. " * 200))
        threads = [threading.Thread(target=desk.report, args=(key,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made) == 1


def test_what_is_kept_in_memory_is_bounded(
    tiny_detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "ADDED_CHARACTERS", 100)
    monkeypatch.setattr(desks, "KEPT_SENTENCES", 2)
    with Store(tmp_path / "labels.jsonl") as store:
        desk = Desk(tiny_detector, store, "ana")
        for day in range(40):
            desk.report(desk.add(read_text(f"Rain fell on day {day}.")))
        assert len(desk.progress()) == 100 // len("Rain fell on day 39.")
        assert len(desk._sizes) == len(desk.progress())
        assert sum(len(report.sentences) for report in desk._reports.values()) <= 3
        desk.add(read_text("Snow fell. " * 20))
        assert [progress.source for progress in desk.progress()] == ["<text>"]  # the last one is always there


# --- slow clients ---


SLOW = """
import sys
from bias.review import connection, guard
connection.HEAD_SECONDS, connection.WRITE_SECONDS, connection.CONNECTIONS = 1.0, 1.0, 20
make = guard.Guard.__init__
make.__defaults__ = tuple(1.0 if value == guard.READ_SECONDS else value for value in make.__defaults__)
from bias.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def hasty(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits a second where others wait ten or thirty, for 20 connections at most."""
    with Server(tmp_path_factory.mktemp("hasty"), tiny_folder, program=("-c", SLOW)) as started:
        yield started


def seconds_until_closed(opened: socket.socket) -> float:
    begun = time.monotonic()
    try:
        while opened.recv(65536):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - begun


def seconds_until_refused(opened: socket.socket, data: bytes, step: int) -> float:
    """How long the other side takes the data, some bytes at a time; its answers are not read."""
    begun = time.monotonic()
    try:
        for at in range(0, len(data), step):
            opened.sendall(data[at : at + step])
            time.sleep(0.05)
    except ConnectionError:
        return time.monotonic() - begun
    raise AssertionError("it was never cut off")


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /health HTT", b"GET /health HTTP/1.1\r\nHost: localhost\r\n"],
    ids=["nothing", "part of a line", "a head without end"],
)
def test_who_sends_no_whole_request_is_cut_off(hasty: Server, sent: bytes) -> None:
    with dial(hasty) as opened:
        opened.sendall(sent)
        assert seconds_until_closed(opened) < 20


def test_who_drips_a_head_is_cut_off(hasty: Server) -> None:
    with dial(hasty) as opened:
        assert seconds_until_refused(opened, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 999, 1) < 20


def test_who_drips_a_body_is_cut_off(hasty: Server) -> None:
    head = (
        b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
    )
    assert status_of(hasty, head + b"{") == 408


def test_who_does_not_read_the_answer_is_cut_off(hasty: Server) -> None:
    head = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with dial(hasty) as opened:
        assert seconds_until_refused(opened, head * 100_000, 50 * len(head)) < 50


def test_a_crowd_is_told_to_come_again(hasty: Server) -> None:
    crowd = [dial(hasty) for _ in range(25)]
    try:
        late = crowd[-1].makefile("rb").read().decode()
        assert late.startswith("HTTP/1.1 503 ")
        assert "\r\nretry-after: 1\r\n" in late
        assert list(json.loads(late.partition("\r\n\r\n")[2])) == ["detail"]
    finally:
        for opened in crowd:
            opened.close()
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            assert status_of(hasty, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") in (200, 503)
            break
        except (IndexError, ConnectionError):
            time.sleep(0.1)


def test_the_limits_are_those_of_the_connection() -> None:
    assert (connections.CONNECTIONS, connections.HEAD_SECONDS, connections.WRITE_SECONDS) == (100, 10.0, 30.0)


# --- other sites ---


@pytest.mark.parametrize("path", ["/v1/articles", "/v1/export", "/static/main.js"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_cannot_even_load(path: str, site: str) -> None:
    async def never(*_: object) -> None:
        raise AssertionError

    assert ask(Guard(never, LOOPBACK, "", 100), path, sec_fetch_site=site)[0] == 403


def test_json_is_json_however_it_is_spelled() -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guard = Guard(answer, LOOPBACK, "", 100)
    assert ask(guard, method="POST", content_type="Application/JSON ; charset=utf-8")[0] == 200


class Secret(str):
    """A token that tells who compares it letter by letter."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared in a time that tells how much was right")

    __ne__ = __eq__


@pytest.mark.parametrize("place_of", ["authorization", "cookie", "address"])
def test_tokens_are_compared_in_constant_time(place_of: str) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    token = "a-token-of-some-length"
    guard = Guard(answer, (), Secret(token), 100)
    for shown, statuses in ((token, {200, 303}), ("a-token-of-some-other", {401})):
        headers = {"authorization": f"Bearer {shown}"} if place_of == "authorization" else {}
        headers |= {"cookie": f"bias-token-8765={shown}"} if place_of == "cookie" else {}
        query = f"token={shown}" if place_of == "address" else ""
        assert ask(guard, "/", query=query, **headers)[0] in statuses


# --- logs ---


def test_nothing_of_a_text_is_logged(tiny_folder: Path, tmp_path: Path) -> None:
    """A word that stands in every good and bad request stands nowhere in what the server writes, and no label file."""
    failing = (
        "import sys, logging, warnings\n"
        "from bias.detector import Detector\n"
        "predict = Detector.predict\n"
        "def fail(self, sentences):\n"
        "    sentences = list(sentences)\n"
        "    for sentence in sentences:\n"
        "        if 'explode' in sentence.text:\n"
        "            logging.getLogger('a.dependency').warning('cannot read %s', sentence.text)\n"
        "            warnings.warn('not liked: ' + sentence.text)\n"
        "            raise RuntimeError(sentence.text)\n"
        "    return predict(self, sentences)\n"
        "Detector.predict = fail\n"
        "from bias.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    (tmp_path / "queue.txt").write_text(f"The {CANARY} vote was 7 to 4.")
    bodies: list[tuple[bytes, str, int]] = [
        (json.dumps({"text": f"The {CANARY} vote."}).encode(), "application/json", 200),
        (json.dumps({"text": f"<p>{CANARY}", "source": f"{CANARY}.html"}).encode(), "application/json", 400),
        (json.dumps({"text": f"Let the {CANARY} explode."}).encode(), "application/json", 500),
        (json.dumps({"text": [CANARY], CANARY: CANARY}).encode(), "application/json", 422),
        (f'{{"text": "{CANARY}'.encode(), "application/json", 422),
        (CANARY.encode() + b"\xff\xfe", "application/json", 400),
        (CANARY.encode(), "text/plain", 415),
        (json.dumps({"text": CANARY * 200_000}).encode(), "application/json", 413),
    ]
    with Server(tmp_path, tiny_folder, "queue.txt", program=("-c", failing)) as server:
        for body, kind, expected in bodies:
            opened = http.client.HTTPConnection(*place(server), timeout=60)
            try:
                opened.request("POST", "/v1/score", body, {"Content-Type": kind, "X-Canary": CANARY})
                answer = opened.getresponse()
                assert answer.status == expected, body[:80]
                assert expected != 500 or CANARY not in answer.read().decode()
            except BrokenPipeError:
                assert expected == 413
            opened.close()
        for raw in (
            f"GET /v1/articles/{CANARY}?threshold={CANARY} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            f"GET /{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\n\r\n",
            f"{CANARY}\r\n\r\n",
            f"GET /health HTTP/1.1\r\nHost: localhost\r\n{CANARY}\r\n\r\n",
            f"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: {CANARY}\r\n\r\n",
        ):
            status_of(server, raw.encode())
        server.process.terminate()
        assert server.process.wait(60) in (0, 143)
        told = server.told()
    assert CANARY not in told
    assert "bias: error: bias.review.guard" in told  # that there was an error is told, and where
    assert "a.dependency" in told
    assert "py.warnings" in told


def test_an_internal_error_is_one_line_of_json(
    tiny_detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(CANARY)

    with Store(tmp_path / "labels.jsonl") as store:
        desk = Desk(tiny_detector, store, "ana")
        monkeypatch.setattr(desk, "progress", fail)
        status, body, _ = ask(Guard(create_app(desk), LOOPBACK, "", 100), "/v1/articles")
    assert status == 500
    assert list(json.loads(body)) == ["detail"]
    assert CANARY not in caplog.text + body.decode()
    assert re.search(r"RuntimeError in test_review_load\.py, line \d+", caplog.text)
