"""A load on the review's server: how it answers, and whether its memory stays flat.

    python tests/load.py --requests 10000 --parallel 16 --model models/default

Most requests are texts to score, each another one; the others are reads, verdicts, and every kind of bad request.
It starts a server of its own on this machine and sends nothing anywhere else.
"""

from __future__ import annotations

import argparse
import collections
import http.client
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browser import Server

WORDS = ["the", "reckless", "minister", "said", "council", "vote", "on", "a", "tax", "of", "regime", "rain", "plan"]
JSON = {"Content-Type": "application/json"}

Request = tuple[str, str, bytes, dict[str, str]]


def text(chance: random.Random, sentences: int) -> str:
    """Sentences that nobody has sent before."""
    return " ".join(" ".join(chance.choices(WORDS, k=12)).capitalize() + "." for _ in range(sentences))


def good(chance: random.Random) -> Request:
    """A text to score."""
    return "POST", "/v1/score", json.dumps({"text": text(chance, chance.randint(1, 12))}).encode(), JSON


def read(chance: random.Random) -> Request:
    """What the page asks for again and again."""
    return "GET", chance.choice(["/health", "/v1/labels", "/v1/export", "/", "/openapi.json"]), b"", {}


BAD: tuple[tuple[int, Request], ...] = (
    (400, ("POST", "/v1/score", b'{"text": "  "}', JSON)),
    (422, ("POST", "/v1/score", b"{", JSON)),
    (422, ("POST", "/v1/score", b'{"text": 5}', JSON)),
    (422, ("POST", "/v1/labels", b'{"article": "x", "sentences": [], "action": "accept"}', JSON)),
    (404, ("POST", "/v1/labels", b'{"article": "x", "sentences": [0], "action": "accept"}', JSON)),
    (404, ("GET", "/v1/articles/nowhere", b"", {})),
    (415, ("POST", "/v1/score", b"text=x", {"Content-Type": "text/plain"})),
    (403, ("POST", "/v1/score", b"{}", {**JSON, "Origin": "https://evil.example"})),
    (421, ("GET", "/health", b"", {"Host": "evil.example"})),
    (413, ("POST", "/v1/score", b'{"text": "' + b"x" * 2_100_000 + b'"}', JSON)),
)
"""Bad requests, each with the status it has to get."""


@dataclass
class Outcome:
    """What the answers were."""

    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Seconds that this share of the answers took at most."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


def resident(pid: int) -> int:
    """The memory of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no such line")


def requests(count: int, seed: int) -> Iterator[tuple[int, Request]]:
    """Requests and the status each has to get: one in ten is bad, two in ten read."""
    chance = random.Random(seed)
    bad = itertools.cycle(BAD)
    kinds: list[Callable[[], tuple[int, Request]]] = [
        *[lambda: (200, good(chance))] * 7,
        *[lambda: (200, read(chance))] * 2,
        lambda: next(bad),
    ]
    for _ in range(count):
        yield chance.choice(kinds)()


def load(server: Server, count: int, parallel: int, seed: int = 0) -> Outcome:
    """Send that many requests, so many at a time; memory is taken at every tenth of them."""
    host = server.address.split("/")[2]
    waiting, guard, outcome = requests(count, seed), threading.Lock(), Outcome()
    outcome.memory.append(resident(server.process.pid))

    def work() -> None:
        connection = http.client.HTTPConnection(host, timeout=300)
        while True:
            with guard:
                found = next(waiting, None)
            if found is None:
                return
            expected, (method, path, body, headers) = found
            begun = time.perf_counter()
            try:
                connection.request(method, path, body or None, headers)
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (http.client.HTTPException, OSError) as error:
                # A body over the limit may be cut off before it is all sent.
                status = 413 if expected == 413 else 0
                with guard:
                    if status == 0:
                        outcome.wrong.append(f"{method} {path}: {type(error).__name__}")
                connection.close()
            with guard:
                outcome.seconds.append(time.perf_counter() - begun)
                outcome.statuses[status] += 1
                if status not in (expected, 503, 0):
                    outcome.wrong.append(f"{method} {path}: {status}, not {expected}")
                if len(outcome.seconds) % max(1, count // 10) == 0:
                    outcome.memory.append(resident(server.process.pid))

    threads = [threading.Thread(target=work) for _ in range(parallel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--model", type=Path, default=Path("models/default"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), chosen.model.resolve()) as server:
        begun = time.perf_counter()
        outcome = load(server, chosen.requests, chosen.parallel)
        took = time.perf_counter() - begun
    print(f"{chosen.requests:,} requests, {chosen.parallel} at a time, in {took:.0f} s")
    print("statuses", dict(sorted(outcome.statuses.items())))
    print(f"seconds: median {outcome.percentile(0.5):.3f}, 99 % {outcome.percentile(0.99):.3f}")
    print("MB, from the start to the end:", *(round(value / 1e6) for value in outcome.memory))
    print("wrong answers:", len(outcome.wrong), *outcome.wrong[:5])
    return int(bool(outcome.wrong))


if __name__ == "__main__":
    sys.exit(main())
