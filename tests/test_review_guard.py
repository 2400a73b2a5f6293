"""What stands before the page: names, origins, tokens, sizes and times."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bias.review.guard import HEADERS, LOOPBACK, Guard, Message, Receive, Scope, Send

TOKEN = "a-token-of-some-length"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it got."""
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message.get("body", b"")})


def ask(
    guard: Guard,
    path: str = "/v1/labels",
    method: str = "GET",
    query: str = "",
    parts: tuple[bytes, ...] = (b"",),
    pause: float = 0.0,
    **headers: str,
) -> tuple[int, bytes, dict[str, str]]:
    """(status, body, headers) of the answer; headers are named with _ for -."""
    given = {"host": "127.0.0.1:8765", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope: dict[str, Any] = {
        "type": "http",
        "path": path,
        "method": method,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }
    waiting = list(parts)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(pause)
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    start, body = sent
    return start["status"], body["body"], {name.decode(): value.decode() for name, value in start["headers"]}


LOCAL = Guard(echo, LOOPBACK, "", 100)
SHARED = Guard(echo, (), TOKEN, 100)
JSON = {"content_type": "application/json"}


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765", "LOCALHOST", "127.0.0.1"])
def test_this_machines_names_are_answered(host: str) -> None:
    status, _, headers = ask(LOCAL, host=host)
    assert status == 200
    assert HEADERS.items() <= headers.items()


@pytest.mark.parametrize("host", ["evil.example:8765", "127.0.0.1.evil.example", "", "[::1", "localhost.evil.example"])
def test_other_names_are_refused(host: str) -> None:
    status, body, headers = ask(LOCAL, host=host)
    assert status == 421
    assert b"this server goes by 127.0.0.1" in body
    assert HEADERS.items() <= headers.items()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://[::1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_other_pages_cannot_post(headers: dict[str, str]) -> None:
    assert ask(LOCAL, method="POST", **JSON, **headers)[0] == 403


def test_the_page_itself_can_post() -> None:
    same = {"origin": "http://127.0.0.1:8765", "sec_fetch_site": "same-origin"}
    assert ask(LOCAL, method="POST", parts=(b"ab", b"cd"), **JSON, **same)[:2] == (200, b"abcd")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_forms_cannot_post(kind: str) -> None:
    assert ask(LOCAL, method="POST", content_type=kind)[0] == 415


def test_too_much_is_refused() -> None:
    assert ask(LOCAL, method="POST", parts=(b"x" * 60, b"x" * 40), **JSON)[0] == 200
    status, body, _ = ask(LOCAL, method="POST", parts=(b"x" * 60, b"x" * 41), **JSON)
    assert (status, b"100 bytes" in body) == (413, True)


def test_too_slow_is_refused() -> None:
    slow = Guard(echo, LOOPBACK, "", 100, seconds=0.05)
    assert ask(slow, method="POST", parts=(b"x",) * 50, pause=0.02, **JSON)[0] == 408


@pytest.mark.parametrize(
    ("path", "query", "headers", "status"),
    [
        ("/v1/labels", "", {}, 401),
        ("/", "", {}, 401),
        ("/v1/labels", f"token={TOKEN}", {}, 401),
        ("/", "token=wrong", {}, 401),
        ("/v1/labels", "", {"authorization": "Bearer wrong"}, 401),
        ("/v1/labels", "", {"authorization": f"Basic {TOKEN}"}, 401),
        ("/v1/labels", "", {"authorization": "Bearer \xe9"}, 401),
        ("/v1/labels", "", {"cookie": f"bias-token-9999={TOKEN}"}, 401),
        ("/v1/labels", "", {"cookie": 'bias-token-8765="'}, 401),
        ("/v1/labels", "", {"authorization": f"Bearer {TOKEN}"}, 200),
        ("/v1/labels", "", {"cookie": f"bias-token-8765={TOKEN}"}, 200),
        ("/health", "", {}, 200),
    ],
)
def test_a_token_is_asked_for(path: str, query: str, headers: dict[str, str], status: int) -> None:
    assert ask(SHARED, path, query=query, **headers)[0] == status


def test_the_token_goes_from_the_address_into_a_cookie() -> None:
    status, _, headers = ask(SHARED, "/", query=f"token={TOKEN}", host="desk.example:8765")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    shown = cookie.partition(";")[0]
    assert ask(SHARED, "/", host="desk.example:8765", cookie=shown)[0] == 200


def test_any_name_needs_a_token() -> None:
    with pytest.raises(ValueError, match="needs a token"):
        Guard(echo, (), "", 100)
