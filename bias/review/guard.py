"""What stands between the page's server and everything else: who may ask, from where, how much, and how slowly.

The server answers one machine's user. Any web page that user visits can make requests to it too, and a name can be
pointed at 127.0.0.1 after a page was loaded (DNS rebinding); so the Host and Origin headers are checked, and no
answer may be framed, cached or read by another origin.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

_LOG = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""What this machine calls itself."""

READ_SECONDS = 30.0
"""The time that a body may take to arrive."""

PLACES = 32
"""Requests that are answered at a time, fewer than there are threads for; more are told to come again."""

INTERNAL = "an internal error: the output of bias review says where"
"""What a caller is told of an error that is no fault of theirs."""

HEADERS = {
    # Styles stand in the rendered reports; scripts are files of ours alone.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Guard:
    """An ASGI application in front of another.

    Args:
        app: the one that answers in the end.
        hosts: the names that the server may be called by; none named is any, which is safe with a token alone.
        token: what a caller has to show; nothing if it is empty.
        max_bytes: the largest body.
        seconds: the time that a body may take to arrive.
        places: for the requests that are answered at a time.
    """

    app: App
    hosts: tuple[str, ...]
    token: str
    max_bytes: int
    seconds: float = READ_SECONDS
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PLACES))

    def __post_init__(self) -> None:
        if not self.hosts and not self.token:
            raise ValueError("a server that goes by any name needs a token")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or hand on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if refusal := self._refusal(scope, headers):
            await _refuse(send, *refusal)
        elif scope["path"] == "/" and _token_in(scope):
            # From the address, where others see it, into a cookie that scripts cannot read.
            cookie = f"{_cookie(headers)}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(send, 303, b"", {"location": "/", "set-cookie": cookie} if self.token else {"location": "/"})
        else:
            await self._hand_on(scope, receive, send)

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *_encoded(HEADERS)]
            await send(message)

        try:
            async with asyncio.timeout(self.seconds):
                body = await self._read(receive)
        except TimeoutError:
            await _refuse(send, 408, f"the request took longer than {self.seconds:g} seconds to arrive")
            return
        if body is None:
            await _refuse(send, 413, f"more than {self.max_bytes:,} bytes: cut it in parts, or use bias score")
            return
        if self.places.locked():
            await _refuse(send, 503, "too many requests at a time: try again", {"retry-after": "1"})
            return
        async with self.places:
            try:
                await self.app(scope, _replay(body, receive), answer)
            except Exception as error:
                _note(error)
                if not begun:
                    await _refuse(send, 500, INTERNAL)

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        if self.hosts and _hostname(headers.get("host", "")) not in self.hosts:
            return 421, f"this server goes by {' or '.join(self.hosts)}"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers.get("host"):
            return 403, "requests from other pages are refused"
        foreign = headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
        if foreign and (scope["method"], scope["path"]) != ("GET", "/"):  # a link to the page is no harm
            return 403, "requests from other pages are refused"
        if self.token and scope["path"] != "/health" and not self._is_known(scope, headers):
            return 401, "give the token: open the address that bias review printed, or send Authorization: Bearer TOKEN"
        if scope["method"] == "POST" and not _is_json(headers):
            return 415, "send JSON, with the header Content-Type: application/json"
        return None

    def _is_known(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        return any(hmac.compare_digest(shown.encode(), self.token.encode()) for shown in _tokens(scope, headers))

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body; None if it is too large."""
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":  # the caller has gone
                return b""
            size += len(message.get("body", b""))
            if size > self.max_bytes:
                return None
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)


def _tokens(scope: Scope, headers: Mapping[str, str]) -> Iterator[str]:
    """The tokens that a request shows: in a header, in its cookie, or in the address of the page."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        yield given.strip()
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        cookies = SimpleCookie()
    if cookie := cookies.get(_cookie(headers)):
        yield cookie.value
    if scope["path"] == "/":
        yield _token_in(scope)


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _token_in(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]


def _cookie(headers: Mapping[str, str]) -> str:
    """The cookie's name; with the port, for servers on one machine share their cookies."""
    try:
        port = urlsplit(f"//{headers.get('host', '')}").port
    except ValueError:
        port = None
    return f"bias-token-{port or 0}"


def _hostname(host: str) -> str:
    """A Host header without its port: "::1" of "[::1]:8000"."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _replay(body: bytes, receive: Receive) -> Receive:
    first = True

    async def again() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _note(error: Exception) -> None:
    """Log what kind of error and where, not its message, which may hold a user's text."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    _LOG.error("%s in %s, line %s", type(error).__name__, Path(place.filename).name, place.lineno)


async def _refuse(send: Send, status: int, detail: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
    body = json.dumps({"detail": detail}).encode()
    await _answer(send, status, body, {"content-type": "application/json", **headers})


async def _answer(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    given = {**HEADERS, **headers, "content-length": str(len(body))}
    await send({"type": "http.response.start", "status": status, "headers": _encoded(given)})
    await send({"type": "http.response.body", "body": body})
