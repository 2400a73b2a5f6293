"""Who does the shards, seen from outside: a crew takes tasks and gives entries; the lost ones are replaced."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from bias.corpus.manifest import Entry
from bias.corpus.unit import Failed, Job, Scorer, Task
from bias.errors import BiasError, WorkerError

ATTEMPTS = 3
"""So often a shard may cost its worker's life before the run ends."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker was gone before its shard was done."""


Outcome = tuple[Task, Entry | Failed | Lost]


class Crew(Protocol):
    """Workers, each with one shard at a time, who are let go at the end of a `with` block."""

    @property
    def idle(self) -> bool:
        """Whether one of them can take a task."""

    def give(self, task: Task) -> None:
        """Have an idle one do a task."""

    def wait(self) -> list[Outcome]:
        """What has become of tasks given, at least one of them unless a worker has only become idle.

        A worker that is lost has been replaced.

        Raises:
            WorkerError: there is nobody left who could do them.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


def dispatch(tasks: Iterable[Task], crew: Crew) -> Iterator[Entry]:
    """Have the tasks done; their entries as they come.

    Raises:
        BiasError: a task cannot be done; tasks under way are given up.
        WorkerError: a task has cost `ATTEMPTS` workers their lives, or there are none left.
        RuntimeError: a fault of ours.
    """
    waiting = deque(tasks)
    lost: Counter[int] = Counter()
    under_way = 0
    while waiting or under_way:
        while waiting and crew.idle:
            crew.give(waiting.popleft())
            under_way += 1
        for task, outcome in crew.wait():
            under_way -= 1
            match outcome:
                case Entry():
                    yield outcome
                case Failed(message, None):
                    raise BiasError(message)
                case Failed(message, trace):
                    fault = RuntimeError(message)
                    fault.add_note(f"where it was done:\n{trace}")
                    raise fault
                case Lost():
                    lost[task.shard.number] += 1
                    if lost[task.shard.number] == ATTEMPTS:
                        raise WorkerError(
                            f"shard {task.shard.number} has cost {ATTEMPTS} worker processes their lives: too little "
                            "memory? Run again with fewer --jobs to go on"
                        )
                    waiting.appendleft(task)


class Alone:
    """A crew of one: this process."""

    def __init__(self, job: Job) -> None:
        self._scorer = Scorer(job)
        self._tasks: list[Task] = []

    @property
    def idle(self) -> bool:
        """Whether there is no task."""
        return not self._tasks

    def give(self, task: Task) -> None:
        """Take a task."""
        self._tasks.append(task)

    def wait(self) -> list[Outcome]:
        """Do it."""
        return [(task, self._scorer.attempt(task)) for task in [self._tasks.pop()]]

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass
