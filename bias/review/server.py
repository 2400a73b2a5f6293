"""The server of the page: a socket, uvicorn, and the guard before the application."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from bias.errors import UsageError
from bias.review.app import create_app
from bias.review.connection import Connection
from bias.review.desk import Desk
from bias.review.guard import LOOPBACK, Guard


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any that is free.

    Raises:
        UsageError: the address is not this machine's, or the port is taken.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        opened = socket.socket(family)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}: {error.strerror or error}") from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen()
    except OSError as error:
        opened.close()
        fault = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot listen on {host}, port {port}: {fault} (--port 0 takes a free one)") from error
    return opened


def address_of(opened: socket.socket, host: str, token: str) -> str:
    """Where a browser finds the page."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{opened.getsockname()[1]}/" + (f"?token={token}" if token else "")


def serve(desk: Desk, opened: socket.socket, host: str, token: str, max_bytes: int, ready: Callable[[], None]) -> None:
    """Answer until an interrupt comes.

    Args:
        max_bytes: the largest body of a request.
        ready: called once requests are answered.
    """
    hosts = (*LOOPBACK, host) if host in LOOPBACK else ()
    guarded = Guard(create_app(desk), hosts, token, max_bytes)
    config = uvicorn.Config(
        guarded,
        http=Connection,
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    server = _Server(config, ready)
    with _discreet_logs(), suppress(KeyboardInterrupt):  # raised again by uvicorn, after it has closed its connections
        server.run(sockets=[opened])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


class _Discreet(logging.Handler):
    """Says where a message comes from and not what it says, for that may hold a user's text."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line on standard error."""
        kind = record.exc_info[0] if record.exc_info else None
        about = f"{kind.__name__} in " if kind else ""
        print(f"bias: {record.levelname.lower()}: {about}{record.name}, line {record.lineno}", file=sys.stderr)


@contextmanager
def _discreet_logs() -> Iterator[None]:
    """What the libraries log and warn of, at its place alone."""
    handler, root = _Discreet(logging.WARNING), logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
