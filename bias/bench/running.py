"""Rounds of measurements: every contestant once a round, so that a machine's busy minutes meet all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bias.bench import child
from bias.bench.contestants import Contestant
from bias.errors import BiasError
from bias.modelfolder import TOKENIZER, ModelFolder

SENTENCES_AN_ARTICLE = 25
"""As in the articles of BASIL, which have 27 on average."""

SHARD = 10
"""Articles of a shard where corpora are timed, so that a small corpus has several."""

SCRIPT = """
import sys
from transformers import logging, pipeline
logging.set_verbosity_error()
classify = pipeline("text-classification", model=sys.argv[1], device="cpu")
lines = [line for line in open(sys.argv[2], encoding="utf-8").read().splitlines() if line]
print(classify(lines, truncation=True))
"""
"""What someone writes who has no tool: the lines of an article through a pipeline of transformers."""

Watch = Callable[[Iterable[Any], int], Iterable[Any]]
"""Follows the measurements as they come, of a total known before; for a progress bar."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One measurement in one process. `megabytes` is its largest resident size; None where the system does not say."""

    load_seconds: float
    items: int
    seconds: float
    megabytes: float | None
    values: tuple[float, ...]

    @property
    def per_second(self) -> float:
        """Items read a second, loading apart."""
        return self.items / self.seconds


@dataclass(frozen=True, slots=True)
class Timed:
    """A contestant with a measurement a round."""

    contestant: Contestant
    timings: tuple[Timing, ...]

    @property
    def per_second(self) -> float:
        """The median of the rounds."""
        return median(timing.per_second for timing in self.timings)

    def times(self, other: Timed) -> float:
        """How many times as fast as another: the median of the ratios within a round."""
        return median(one.per_second / two.per_second for one, two in zip(self.timings, other.timings, strict=True))


@dataclass(frozen=True, slots=True)
class Cold:
    """A command from its start to its end, on one article: seconds a round, and the largest resident size."""

    name: str
    seconds: tuple[float, ...]
    megabytes: float | None

    @property
    def median(self) -> float:
        """Seconds."""
        return median(self.seconds)


def time_contestants(
    contestants: Sequence[Contestant],
    model: ModelFolder,
    texts: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    threads: int,
    whole: bool = False,
    watch: Watch = lambda items, total: items,
) -> list[Timed]:
    """Measure each contestant `rounds` times, each time for `seconds` at least, or over all texts if `whole`.

    Raises:
        BiasError: a process failed; the message is its last line.
    """
    order = [(number, contestant) for _ in range(rounds) for number, contestant in enumerate(contestants)]
    found: list[list[Timing]] = [[] for _ in contestants]
    for number, contestant in watch(order, len(order)):
        found[number].append(_time(contestant, model, texts, seconds, threads, whole))
    return [Timed(one, tuple(timings)) for one, timings in zip(contestants, found, strict=True)]


def _time(
    contestant: Contestant, model: ModelFolder, texts: Sequence[str], seconds: float, threads: int, whole: bool
) -> Timing:
    is_articles = contestant.engine == "articles"
    task = {
        "engine": contestant.engine,
        "path": str(contestant.path),
        "tokenizer": str(model.path / TOKENIZER),
        "max_tokens": model.max_tokens,
        "blind": model.blind,
        "batch": contestant.batch,
        "threads": threads,
        "texts": articles(texts) if is_articles else list(texts),
        "chunk": 4 if is_articles else child.CHUNK,
        "seconds": seconds,
        "whole": whole and contestant.reads,
    }
    ran = _run([sys.executable, "-m", child.__name__], json.dumps(task))
    told = json.loads(ran.output)
    return Timing(told["load_seconds"], told["items"], told["seconds"], ran.megabytes, tuple(told["values"]))


def articles(texts: Sequence[str]) -> list[str]:
    """Texts of `SENTENCES_AN_ARTICLE` sentences, in paragraphs of three."""
    found = []
    for start in range(0, len(texts), SENTENCES_AN_ARTICLE):
        part = texts[start : start + SENTENCES_AN_ARTICLE]
        found.append("\n\n".join(" ".join(part[at : at + 3]) for at in range(0, len(part), 3)))
    return found


def time_cold_starts(
    model: ModelFolder,
    texts: Sequence[str],
    roberta: Path | None,
    rounds: int,
    watch: Watch = lambda items, total: items,
) -> list[Cold]:
    """Time whole commands on one article: `bias score`, and a script with a pipeline if a model for it is given.

    Raises:
        BiasError: as `time_contestants`.
    """
    with tempfile.TemporaryDirectory() as folder:
        article = Path(folder) / "article.txt"
        article.write_text(articles(texts)[0], "utf-8")
        ours = ["-m", "bias", "score", str(article), "--model", str(model.path), "--output-format", "json"]
        commands = {"bias score": ours}
        if roberta is not None:
            commands["a script with a pipeline"] = ["-c", SCRIPT, str(roberta), str(article)]
        order = [name for _ in range(rounds) for name in commands]
        ran: dict[str, list[_Ran]] = {name: [] for name in commands}
        for name in watch(order, len(order)):
            ran[name].append(_run([sys.executable, *commands[name]], ""))
    return [
        Cold(name, tuple(run.seconds for run in runs), max((r.megabytes for r in runs if r.megabytes), default=None))
        for name, runs in ran.items()
    ]


def time_corpora(
    model: ModelFolder,
    texts: Sequence[str],
    rounds: int,
    threads: int,
    watch: Watch = lambda items, total: items,
) -> list[Cold]:
    """Time `bias corpus run` on the texts as articles, by workers of its own and by Ray's on this machine.

    Raises:
        BiasError: as `time_contestants`.
    """
    commands: dict[str, list[str]] = {"bias corpus run": [], "bias corpus run --ray": ["--ray"]}
    order = [name for _ in range(rounds) for name in commands]
    ran: dict[str, list[_Ran]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.jsonl"
        corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in articles(texts)), "utf-8")
        for number, name in enumerate(watch(order, len(order))):
            given = ["-m", "bias", "corpus", "run", str(corpus), "-o", str(Path(folder) / str(number))]
            given += ["--model", str(model.path), "--jobs", str(threads), "--shard-rows", str(SHARD), *commands[name]]
            ran[name].append(_run([sys.executable, *given], ""))
    return [Cold(name, tuple(run.seconds for run in runs), None) for name, runs in ran.items()]


@dataclass(frozen=True, slots=True)
class _Ran:
    output: str
    seconds: float
    megabytes: float | None


_LAUNCHER = """
import os, sys, time
begun = time.perf_counter()
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as told:
    print(time.perf_counter() - begun, usage.ru_maxrss, file=told)
sys.exit(os.waitstatus_to_exitcode(status) and 1)
"""
"""Starts a process and tells its seconds and its largest size. A process takes over the largest size of the one that
starts it, so that must be a small one, as this is."""


def _run(command: Sequence[str], given: str) -> _Ran:
    """Run a process to its end.

    Raises:
        BiasError: it failed.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        launcher = [sys.executable, "-S", "-c", _LAUNCHER, str(told)] if hasattr(os, "wait4") else []
        begun = time.perf_counter()
        ran = subprocess.run(
            [*launcher, *command], input=given, capture_output=True, encoding="utf-8", errors="replace", env=environment
        )
        seconds, megabytes = time.perf_counter() - begun, None
        if ran.returncode:
            lines = ran.stderr.strip().splitlines() or ["it said nothing"]
            raise BiasError(f"a measured process failed: {lines[-1]}")
        if launcher:
            own_seconds, size = told.read_text("utf-8").split()
            seconds, megabytes = float(own_seconds), int(size) / (2**20 if sys.platform == "darwin" else 2**10)
    return _Ran(ran.stdout, seconds, megabytes)


def record_of(timed: Timed) -> dict[str, Any]:
    """A contestant's measurements as JSON holds them, the values read left out."""
    contestant = timed.contestant
    return {
        "name": contestant.name,
        "engine": contestant.engine,
        "batch": contestant.batch,
        "note": contestant.note,
        "per_second": timed.per_second,
        "rounds": [
            {key: value for key, value in asdict(timing).items() if key != "values"} | {"per_second": timing.per_second}
            for timing in timed.timings
        ],
    }
