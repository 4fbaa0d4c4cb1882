"""A question of the gateway's own: as whom it is asked, how its answer may be framed, and what is no answer."""

import asyncio
import re
from pathlib import Path

import pytest

from gateway.proxy import question
from gateway.proxy.address import Address
from gateway.proxy.question import Questions, Unanswered
from tests.gateway.proxy.wire import Backend

KEY = "0123456789abcdef"


def questions(backend: Backend, key: str = "", seconds: float = 10.0) -> Questions:
    return Questions(Address(host="127.0.0.1", port=backend.port), key=key, seconds=seconds)


async def test_it_shows_its_key_both_ways() -> None:
    async with Backend().running() as v2:
        answer = await questions(v2, KEY).ask("GET", "/jobs?status=running")
    (seen,) = v2.seen
    assert (answer.status, answer.body) == (200, b"ok")
    assert seen.line == b"GET /jobs?status=running HTTP/1.1"
    assert seen.values("x-service-key") == [KEY.encode()]
    assert seen.values("authorization") == [b"Bearer " + KEY.encode()]
    assert seen.values("connection") == [b"close"]


async def test_without_a_key_it_shows_none() -> None:
    async with Backend().running() as v2:
        await questions(v2).ask("POST", "/jobs/1/cancel", b"")
    (seen,) = v2.seen
    assert seen.values("x-service-key") == seen.values("authorization") == []
    assert seen.values("content-length") == [b"0"]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["length", "chunks", "close", "interim"],
)
async def test_however_an_answer_is_framed_it_is_read_whole(reply: bytes) -> None:
    async with Backend(reply=reply).running() as v2:
        answer = await questions(v2).ask("GET", "/jobs")
    assert (answer.status, answer.body) == (200, b"hello")


async def test_fields_are_known_by_their_lower_case_names() -> None:
    reply = b"HTTP/1.1 404 Not Found\r\nX-Key-Outcome: never-accepted\r\nContent-Length: 0\r\n\r\n"
    async with Backend(reply=reply).running() as v2:
        answer = await questions(v2).ask("GET", "/jobs")
    assert (answer.status, answer.fields[b"x-key-outcome"], answer.body) == (404, b"never-accepted", b"")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "ends? early|bytes read"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhello", "ends early"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nConnection: close\r\n\r\nhello", "in HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhe\r\n", "ends early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\nhe\r\n", "in HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Long: 1\r\n" * 20_000 + b"\r\n", "in HTTP"),
    ],
    ids=["nothing", "no HTTP", "short", "negative", "short chunks", "bad chunks", "long head"],
)
async def test_what_is_no_whole_answer_is_none_at_all(reply: bytes, why: str) -> None:
    async with Backend(reply=reply).running() as v2:
        with pytest.raises(Unanswered) as told:
            await questions(v2).ask("GET", "/jobs")
    assert re.search(why, str(told.value))


async def test_an_answer_may_not_be_longer_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "MAX_ANSWER", 1000)
    for framing in (b"Content-Length: 1001", b"Connection: close"):
        async with Backend(reply=b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (framing, b"x" * 1001)).running() as v2:
            with pytest.raises(Unanswered, match="too long"):
                await questions(v2).ask("GET", "/jobs")


async def test_a_silent_backend_is_not_waited_for() -> None:
    async def silent(_: Backend, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await reader.read()

    async with Backend(script=silent).running() as v2:
        with pytest.raises(Unanswered, match=r"no answer within 0\.1 s"):
            await questions(v2, seconds=0.1).ask("GET", "/jobs")


async def test_a_backend_that_is_away_is_told() -> None:
    with pytest.raises(Unanswered, match="cannot be reached"):
        await Questions(Address(host="127.0.0.1", port=9)).ask("GET", "/jobs")


async def test_a_unix_socket_can_be_asked_too(tmp_path: Path) -> None:
    path = str(tmp_path / "v2.sock")
    async with Backend().running(path):
        assert (await Questions(Address(path=path)).ask("GET", "/jobs")).status == 200
