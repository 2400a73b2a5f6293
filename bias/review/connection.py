"""A connection to the page's server that waits for nobody for long.

uvicorn closes idle connections, and the guard ends slow bodies; what neither sees is a request whose head never ends,
an answer that is never read, and a crowd.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 100
"""Connections at a time; more are told to come again."""

HEAD_SECONDS = 10.0
"""The time for the head of a request, from the connection or the last answer on."""

WRITE_SECONDS = 30.0
"""The time in which some of an answer must be taken, where more waits than fits the buffers."""

_DETAIL = b'{"detail": "too many connections: try again"}'
_CROWDED = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-type: application/json\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(_DETAIL), _DETAIL)
)


class Connection(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with a limit for each wait; what is over it is cut off."""

    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own has it
        """Take the connection in, or send it away."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.write(_CROWDED)
            transport.close()
        else:
            self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Read on; the wait for a head is over once it is whole."""
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """Wait for the next request; what is left to read of this one, or of the answer, has the same time."""
        super().on_response_complete()
        self._watch_head()

    def pause_writing(self) -> None:
        """The other side reads too slowly."""
        super().pause_writing()
        self._unread = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read on."""
        super().resume_writing()
        self._unread = _stopped(self._unread)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        super().connection_lost(exc)
        self._head, self._unread = _stopped(self._head), _stopped(self._unread)

    def _watch_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._head = _stopped(self._head)
        elif self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None
