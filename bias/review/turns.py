"""Long work and short work of several threads, side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from bias.errors import BiasError


class BusyError(BiasError):
    """There is as much to do as may wait."""


class Turns:
    """Work in slices, each thread in its turn, so that a long piece delays a short one by a slice.

    Args:
        places: how many threads may be at work or wait; more are sent away.
    """

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places.

        Raises:
            BusyError: all are taken.
        """
        if not self._places.acquire(blocking=False):
            raise BusyError("too many articles are being scored: try again in some seconds")
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A slice of work, alone; first come, first served."""
        mine = object()
        with self._changed:
            self._waiting.append(mine)
            self._changed.wait_for(lambda: self._waiting[0] is mine)
        try:
            yield
        finally:
            with self._changed:
                self._waiting.popleft()
                self._changed.notify_all()
