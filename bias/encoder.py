"""Text -> logits of every head. One pass of the encoder gives all of them."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from tokenizers import Encoding, Tokenizer

from bias.cpus import available_cpus
from bias.errors import ModelError
from bias.words import first_pieces

SLOWER = ["SkipLayerNormFusion"]
"""Fusions of ONNX Runtime that cost time on the CPU: in 1.32 the fused kernel took three tenths of a sentence's time,
addition and normalisation one after the other take a tenth."""

T = TypeVar("T")
R = TypeVar("R")

TOGETHER = 8
"""Texts that are cut into tokens in a row, and whose results are made from the heads in a row."""

AHEAD = 16
"""Items a thread that are taken before their results are asked for."""

OVERLAP = 32
"""Tokens that neighbouring windows of a long sentence share."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The heads' logits for one text.

    `technique` follows `bias.types.CATEGORIES`; `words` holds (start, end, logit) with offsets in the text.
    """

    sentence: float
    opinion: float
    technique: tuple[float, ...]
    words: tuple[tuple[int, int, float], ...]


class Encoder(Protocol):
    """Anything that turns texts into logits, each text by itself: what else is asked for never changes a result."""

    def encode(self, texts: Iterable[str]) -> Iterator[Encoded]:
        """One result a text, in order, lazily."""
        ...


@dataclass(frozen=True, slots=True)
class _Tokenized:
    """A text with its tokens; two are equal if they are of one text."""

    text: str
    encoding: Encoding = field(compare=False)

    @property
    def windows(self) -> tuple[Encoding, ...]:
        return (self.encoding, *self.encoding.overflowing)


Heads = tuple[float, list[float], float, list[float]]
"""Sentence logit, one logit a token, opinion logit, six technique logits."""

_HEADS = ["sentence", "token", "opinion", "technique"]


class OnnxEncoder:
    """ONNX Runtime on the CPU, one sentence a call.

    Dynamic int8 scales activations over all that is in a call, so a sentence that shares its call with others would
    get other scores. One sentence a call has no such coupling and no padding, and several Python threads over one
    single-threaded session use the processors better than one call on all of them. As company changes nothing, a text
    that comes again soon gets the result that it had: in news, one sentence in thirty is such.

    Args:
        threads: how many texts are read at once; None is one a processor.
        remembered: how many texts' results are kept.

    Raises:
        ModelError: one of the files cannot be loaded.
    """

    def __init__(
        self, model: Path, tokenizer: Path, max_tokens: int, threads: int | None = None, remembered: int = 1024
    ) -> None:
        with ThreadPoolExecutor(1) as pool:
            session = pool.submit(open_session, model)
            self._tokenizer = open_tokenizer(tokenizer, max_tokens)
            self._session = session.result()
        self._threads = threads or available_cpus()
        self._heads = lru_cache(remembered)(self._read)

    def encode(self, texts: Iterable[str]) -> Iterator[Encoded]:
        """One result a text, in order; a few dozen are computed ahead.

        What is done around the readings is done for several texts in a row: the weights of a reading drive Python's
        own data from the processor's caches, and to fetch them anew for every text takes longer than the work.
        """
        results = map_ordered(self._heads, self._tokenized(texts), self._threads)
        while chunk := list(islice(results, TOGETHER)):
            yield from [join_windows(tokenized, heads) for tokenized, heads in chunk]

    def _tokenized(self, texts: Iterable[str]) -> Iterator[_Tokenized]:
        remaining = iter(texts)
        while chunk := list(islice(remaining, TOGETHER)):
            with _no_panic("the tokenizer"):
                encodings = self._tokenizer.encode_batch(chunk)
            yield from map(_Tokenized, chunk, encodings)

    def _read(self, tokenized: _Tokenized) -> tuple[_Tokenized, list[Heads]]:
        return tokenized, [self._run(window.ids) for window in tokenized.windows]

    def _run(self, ids: list[int]) -> Heads:
        heads = self._session.run(_HEADS, {"input_ids": np.array([ids], dtype=np.int64)})
        sentence, token, opinion, technique = (head[0].tolist() for head in heads)
        if not math.isfinite(sentence + sum(token) + opinion + sum(technique)):
            raise ModelError(
                "the model gives numbers that are not finite: its weights are damaged, get the model again"
            )
        return sentence, token, opinion, technique


def open_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """The tokenizer, giving a long text as overlapping windows.

    Raises:
        ModelError: the file is not a tokenizer, or `max_tokens` leaves no room beside the `OVERLAP`.
    """
    try:
        with _no_panic(str(path)):
            tokenizer: Tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens, stride=OVERLAP)
    except ModelError:
        raise
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"{path}: no tokenizer for windows of {max_tokens} tokens: {error}") from error
    return tokenizer


@contextmanager
def _no_panic(what: str) -> Iterator[None]:
    """Turn a panic of the tokenizers library, which is no `Exception`, into an error of ours."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ModelError(f"{what} fails inside the tokenizers library: it is damaged, get the model again") from None


def join_windows(tokenized: _Tokenized, heads: Sequence[Heads]) -> Encoded:
    """The result for a text from those of its windows: the strongest reading of the sentence and of each word."""
    read = [
        [(*word.span(), token[piece]) for word, piece in first_pieces(tokenized.text, window.offsets)]
        for window, (_, token, _, _) in zip(tokenized.windows, heads, strict=True)
    ]
    if len(heads) == 1:
        ((sentence, _, opinion, technique),) = heads
        return Encoded(sentence, opinion, tuple(technique), tuple(read[0]))
    words: dict[tuple[int, int], float] = {}
    for start, end, logit in chain.from_iterable(read):
        words[start, end] = max(logit, words.get((start, end), logit))
    sentences, _, opinions, techniques = zip(*heads, strict=True)
    return Encoded(
        sentence=max(sentences),
        opinion=max(opinions),
        technique=tuple(map(max, zip(*techniques, strict=True))),
        words=tuple((*span, logit) for span, logit in sorted(words.items())),
    )


class _Task(Generic[T, R]):
    """An item, and once it is done its result or what was raised."""

    __slots__ = ("done", "error", "item", "result")

    def __init__(self, item: T) -> None:
        self.item, self.done = item, False

    def do(self, function: Callable[[T], R]) -> None:
        self.error: BaseException | None = None
        try:
            self.result = function(self.item)
        except BaseException as error:  # raised again in its turn
            self.error = error
        self.done = True

    def answer(self) -> R:
        if self.error is not None:
            raise self.error
        return self.result


def map_ordered(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """`map` on several threads: results in order, and never more than a few dozen items ahead of the consumer.

    The consumer's thread works as well, so that it neither waits nor hands over every item. Only it takes items.
    """
    if threads == 1:
        yield from map(function, items)
        return
    source = iter(items)
    ordered: deque[_Task[T, R]] = deque()
    waiting: SimpleQueue[_Task[T, R] | None] = SimpleQueue()
    done = Condition()

    def help_out() -> None:
        while (task := waiting.get()) is not None:
            task.do(function)
            with done:
                done.notify()

    helpers: list[Thread] = []
    try:
        while True:
            for item in islice(source, AHEAD * threads - len(ordered)):
                ordered.append(_Task(item))
                waiting.put(ordered[-1])
            while len(helpers) < min(threads, len(ordered)) - 1:
                helpers.append(Thread(target=help_out, daemon=True))
                helpers[-1].start()
            if not ordered:
                return
            first = ordered.popleft()
            while not first.done and (task := _next(waiting)) is not None:
                task.do(function)
            with done:
                while not first.done:
                    done.wait()
            yield first.answer()
    finally:
        while _next(waiting) is not None:
            pass  # nobody asks for it any more
        for _ in helpers:
            waiting.put(None)
        for helper in helpers:
            helper.join()


def _next(queue: SimpleQueue[T | None]) -> T | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None


def runtime() -> Any:
    """ONNX Runtime's module, loaded when it is first asked for."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def open_session(path: Path) -> Any:
    """A single-threaded session of ONNX Runtime on the CPU.

    Raises:
        ModelError: the file is not a model that it can load.
    """
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER
        )
    except Exception as error:  # the library's errors share no other base
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {str(error).splitlines()[0]}") from error
