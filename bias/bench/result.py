"""What a bench came to: tables for a terminal and a page, a record for programs, a picture."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

import numpy as np

from bias import __version__
from bias.bench.running import SENTENCES_AN_ARTICLE, Cold, Timed, record_of
from bias.encoder import open_tokenizer
from bias.modelfolder import TOKENIZER, ModelFolder
from bias.training.evaluation.presenting import Table

if TYPE_CHECKING:
    from bias.training.evaluation.plotstyle import Picture

PACKAGES = ("onnxruntime", "tokenizers", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a contestant's logits tell the labels: AUROC, and macro-F1 at the threshold that is best for it."""

    auroc: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Bench:
    """All measurements of one run. `timed` begins with the engine as it ships; `products` are the ceiling."""

    model: str
    threads: int
    sentences: int
    tokens: float
    timed: tuple[Timed, ...]
    articles: Timed
    products: tuple[Timed, ...]
    cold: tuple[Cold, ...]
    corpora: tuple[Cold, ...] = ()
    labels: tuple[int, ...] | None = None

    @property
    def ours(self) -> Timed:
        """The engine as it ships."""
        return self.timed[0]

    @property
    def pipelines(self) -> tuple[Timed, ...]:
        """The measurements of what people use now; none without the extra `train`."""
        return tuple(one for one in self.timed if one.contestant.engine == "pipeline")

    def accuracy(self, timed: Timed) -> Accuracy | None:
        """None where there are no labels, or the contestant does not read with these weights."""
        values = np.array(timed.timings[0].values)
        if self.labels is None or not timed.contestant.reads or len(values) != len(self.labels):
            return None
        from sklearn.metrics import f1_score, roc_auc_score

        from bias.training.calibration.fitting import macro_f1_threshold

        labels = np.array(self.labels)
        probabilities = 1 / (1 + np.exp(-values))
        flags = probabilities >= macro_f1_threshold(probabilities, labels)
        return Accuracy(float(roc_auc_score(labels, values)), float(f1_score(labels, flags, average="macro")))

    def findings(self) -> Iterator[str]:
        """What the figures come to, in sentences."""
        if self.pipelines:
            best = max(self.pipelines, key=lambda one: one.per_second)
            yield (
                f"The engine reads {self.ours.times(best):.1f} times as many sentences a second as the faster of the "
                f"transformers pipelines ({best.contestant.name})."
            )
        if len(self.cold) == 2:
            ratios = [theirs / ours for ours, theirs in zip(self.cold[0].seconds, self.cold[1].seconds, strict=True)]
            yield f"{self.cold[0].name} is done {median(ratios):.1f} times as soon as {self.cold[1].name}."
        if self.corpora:
            local, ray = self.corpora
            more = median(theirs - ours for ours, theirs in zip(local.seconds, ray.seconds, strict=True))
            yield f"On this machine Ray takes {more:.1f} s more for the corpus than workers of {local.name} itself."
        for ceiling in self.products:
            share = self.ours.times(ceiling)
            precision = ceiling.contestant.name.rpartition(" ")[2]
            yield f"It reaches {100 * share:.0f} % of the speed of its matrix products alone in {precision}."

    def tables(self) -> Iterator[Table]:
        """Speed, whole articles and cold starts; `-` is what was not measured."""
        columns = ["", "a second", "least to most", "ratio", "load, s", "MB"]
        accuracies = [self.accuracy(timed) for timed in (*self.timed, *self.products)]
        measured = any(accuracies)
        rows = []
        slow = max(self.pipelines, key=lambda one: one.per_second, default=None)
        for timed, accuracy in zip((*self.timed, *self.products), accuracies, strict=True):
            row = [
                _name(timed),
                _number(timed.per_second),
                _range([timing.per_second for timing in timed.timings]),
                "-" if slow is None else f"{timed.times(slow):.1f}",
                f"{median(timing.load_seconds for timing in timed.timings):.2f}",
                _megabytes(timed.timings[0].megabytes),
            ]
            if measured:
                row += ["-", "-"] if accuracy is None else [f"{accuracy.auroc:.4f}", f"{accuracy.macro_f1:.3f}"]
            rows.append(tuple(row))
        columns += ["AUROC", "macro-F1"] if measured else []
        rounds = len(self.ours.timings)
        note = (
            f"{self.sentences:,} sentences of {self.tokens:.1f} tokens on average, {self.threads} threads, medians of "
            f"{rounds} rounds. torch: the same encoder through torch; pipeline: text-classification of transformers, "
            "with a model of the size of RoBERTa-base; products: the encoder's matrix products alone; ratio: to the "
            "faster pipeline, round by round; MB: the largest size of the process"
        )
        yield Table("Sentences", tuple(columns), tuple(rows), note=note)
        yield Table(
            "Whole articles",
            ("", "a second", "least to most", "MB"),
            (
                (
                    self.articles.contestant.name,
                    _number(self.articles.per_second),
                    _range([timing.per_second for timing in self.articles.timings]),
                    _megabytes(self.articles.timings[0].megabytes),
                ),
            ),
            note="25 sentences each: read, cut, quotes found, scored, reported",
        )
        yield _whole_commands("From the start of a command to its end, one article", self.cold)
        if self.corpora:
            count = -(-self.sentences // SENTENCES_AN_ARTICLE)
            yield _whole_commands(f"A corpus of {count} articles, {self.threads} workers", self.corpora)

    def to_dict(self) -> dict[str, Any]:
        """Ready for `json.dumps`."""
        accuracies = [self.accuracy(timed) for timed in self.timed]
        return {
            "schema_version": 1,
            "model": self.model,
            "machine": machine(),
            "threads": self.threads,
            "sentences": self.sentences,
            "tokens_a_sentence": self.tokens,
            "engines": [
                record_of(timed)
                | ({} if accuracy is None else {"auroc": accuracy.auroc, "macro_f1": accuracy.macro_f1})
                for timed, accuracy in zip(self.timed, accuracies, strict=True)
            ],
            "articles": record_of(self.articles),
            "products": [record_of(timed) for timed in self.products],
            "cold_starts": [
                {"name": cold.name, "seconds": list(cold.seconds), "megabytes": cold.megabytes} for cold in self.cold
            ],
            "corpora": [{"name": corpus.name, "seconds": list(corpus.seconds)} for corpus in self.corpora],
            "findings": list(self.findings()),
        }

    def plot(self) -> Picture:
        """Sentences a second of every contestant, on a scale of powers."""
        from bias.bench.plot import plot_speed

        return plot_speed(self)


def _whole_commands(title: str, commands: Sequence[Cold]) -> Table:
    rows = ((each.name, f"{each.median:.2f}", _range(each.seconds, 2), _megabytes(each.megabytes)) for each in commands)
    return Table(title, ("", "seconds", "least to most", "MB"), tuple(rows))


def machine() -> dict[str, Any]:
    """Processor, system and versions: what the figures hold for."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "newsbias": __version__,
        **{name: found for name in PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8", "replace").splitlines() if info.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def tokens_a_text(model: ModelFolder, texts: Sequence[str]) -> float:
    """The mean number of tokens, those at the ends with them."""
    tokenizer = open_tokenizer(model.path / TOKENIZER, model.max_tokens)
    return mean(len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts)))


def _name(timed: Timed) -> str:
    note = timed.contestant.note
    return f"{timed.contestant.name} ({note})" if note else timed.contestant.name


def _number(value: float) -> str:
    """Three digits that count."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{digits}f}"


def _range(values: Sequence[float], digits: int | None = None) -> str:
    shown = [_number(value) if digits is None else f"{value:.{digits}f}" for value in (min(values), max(values))]
    return " to ".join(shown)


def _megabytes(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
