"""Ray actors that do the shards, on this machine or on a cluster; the lost ones are replaced as long as nodes are left.

Actors are not restarted by Ray itself: which shard has to be done again, and when to give up, is decided in one place
for every kind of crew (`dispatch`). An actor gets a task only once it is there, for a cluster that has lost nodes may
never have room for as many as were asked for.
"""

from __future__ import annotations

import os
import socket
from types import TracebackType
from typing import Any

from bias.corpus.unit import Job, Scorer, Task
from bias.corpus.workers import Lost, Outcome
from bias.errors import WorkerError

# No telemetry; Ray reads these when it is imported or started.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray.exceptions import RayError, RayTaskError

LOCAL = "local"
"""The address that means this machine alone."""

STARTING_SECONDS = 300.0
"""So long an actor may take to come while nobody works."""

FAILED_STARTS = 5
"""So many actors may die one after the other before any has come."""

KNOCK_SECONDS = 20.0

STORE_BYTES = 100_000_000
"""Room for what travels between the processes of this machine, which is little."""

_QUIET = {"log_to_driver": False, "logging_level": "error"}


class RayCrew:
    """A crew of actors with one processor each.

    Args:
        address: of a cluster, as ray.init has it; `LOCAL` starts Ray on this machine. Every node has this package,
            and sees inputs, model and output under the same paths. A connection to Ray that is there already is used
            instead, and left open.
        size: how many actors; None is one a processor of the cluster.
        tasks: there is no use for more actors than these.

    Raises:
        WorkerError: there is no cluster at the address.
    """

    def __init__(self, job: Job, address: str, size: int | None, tasks: int) -> None:
        self._job = job
        self.starting_seconds = STARTING_SECONDS
        self._failed_starts = 0
        self._begun = not ray.is_initialized()
        if self._begun:
            _connect(address, size)
        wanted = size or max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Task]] = {}
        for _ in range(min(wanted, tasks)):
            self._start()

    @property
    def idle(self) -> bool:
        """Whether an actor is there with nothing to do."""
        return bool(self._idle)

    def give(self, task: Task) -> None:
        """Send an idle actor a task."""
        actor = self._idle.pop()
        self._busy[actor.attempt.remote(task)] = actor, task

    def wait(self) -> list[Outcome]:
        """Wait for an answer, or for an actor to come.

        Raises:
            WorkerError: nobody works and nobody comes.
        """
        timeout = None if self._busy else self.starting_seconds
        ready, _ = ray.wait([*self._busy, *self._starting], num_returns=1, timeout=timeout)
        if not ready:
            raise WorkerError(
                f"no worker has started in {self.starting_seconds:g} s: has the cluster free processors left "
                f"({ray.available_resources().get('CPU', 0):g})? Run again to go on"
            )
        outcomes: list[Outcome] = []
        for answer in ready:
            if answer in self._starting:
                self._started(answer)
            else:
                outcomes.append(self._answered(answer))
        return outcomes

    def __enter__(self) -> RayCrew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for actor in [*self._idle, *self._starting.values(), *(actor for actor, _ in self._busy.values())]:
            ray.kill(actor)
        if self._begun:
            ray.shutdown()

    def _start(self) -> None:
        actor = _REMOTE.remote(self._job)
        self._starting[actor.here.remote()] = actor

    def _started(self, answer: Any) -> None:
        actor = self._starting.pop(answer)
        try:
            ray.get(answer)
        except RayError as error:
            self._failed_starts += 1
            if self._failed_starts == FAILED_STARTS:
                reason = str(error).strip().splitlines()[-1]
                raise WorkerError(
                    f"workers die at their start ({reason}): has every node newsbias and its extra corpus installed?"
                ) from error
            self._start()
        else:
            self._failed_starts = 0
            self._idle.append(actor)

    def _answered(self, answer: Any) -> Outcome:
        actor, task = self._busy.pop(answer)
        try:
            outcome = ray.get(answer)
        except RayTaskError:
            raise
        except RayError:  # the actor, its node, or the way to it
            ray.kill(actor)
            self._start()
            return task, Lost()
        self._idle.append(actor)
        return task, outcome


def _connect(address: str, size: int | None) -> None:
    try:
        if address == LOCAL:
            options = {"num_cpus": size, "object_store_memory": STORE_BYTES, "include_dashboard": False}
            ray.init(address=LOCAL, **options, **_QUIET)
        else:
            _knock(address)
            ray.init(address=address, **_QUIET)
    except (OSError, RuntimeError, ValueError) as error:
        raise WorkerError(f"no Ray at {address}: {str(error).strip().splitlines()[0]}") from error


def _knock(address: str) -> None:
    """Refuse an address where nobody listens, which Ray goes on trying for minutes.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()


class _Actor:
    """A process that holds the model."""

    def __init__(self, job: Job) -> None:
        self._scorer = Scorer(job)

    def here(self) -> int:
        """Its process, once it is there."""
        return os.getpid()

    def attempt(self, task: Task) -> Any:
        """Do a shard."""
        return self._scorer.attempt(task)


_REMOTE = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Actor)
