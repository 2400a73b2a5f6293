"""Worker processes on this machine, one thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType

from bias.corpus.unit import Job, Scorer, Task
from bias.corpus.workers import Lost, Outcome

# A forked child would share the locks of a parent that runs threads; a spawned one shares nothing.
_CONTEXT = multiprocessing.get_context("spawn")


class LocalPool:
    """A crew of processes. They end with this one, however it ends, and Ctrl+C is left to it."""

    def __init__(self, job: Job, size: int, make_scorer: Callable[[Job], Scorer] = Scorer) -> None:
        self._job = job
        self._make_scorer = make_scorer
        self._idle: list[_Worker] = [self._start() for _ in range(size)]
        self._busy: dict[Connection, tuple[_Worker, Task]] = {}

    @property
    def idle(self) -> bool:
        """Whether one of them has nothing to do."""
        return bool(self._idle)

    def give(self, task: Task) -> None:
        """Send an idle one a task."""
        worker = self._idle.pop()
        self._busy[worker.connection] = worker, task
        with suppress(OSError):  # it is gone, which `wait` finds
            worker.connection.send(task)

    def wait(self) -> list[Outcome]:
        """Wait for answers. The end of a connection tells that its worker is gone."""
        outcomes: list[Outcome] = []
        for connection in wait(list(self._busy)):
            assert isinstance(connection, Connection)
            worker, task = self._busy.pop(connection)
            try:
                outcomes.append((task, connection.recv()))
            except (EOFError, OSError):
                worker.end()
                outcomes.append((task, Lost()))
                worker = self._start()
            self._idle.append(worker)
        return outcomes

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            worker.end()

    def _start(self) -> _Worker:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_work, args=(theirs, self._job, self._make_scorer), daemon=True)
        process.start()
        theirs.close()  # so that the connection ends with the worker
        return _Worker(process, ours)


class _Worker:
    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self.process = process
        self.connection = connection

    def end(self) -> None:
        """A unit is whole or not there, so nothing is lost but its time."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _work(connection: Connection, job: Job, make_scorer: Callable[[Job], Scorer]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    scorer = make_scorer(job)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(scorer.attempt(task))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
