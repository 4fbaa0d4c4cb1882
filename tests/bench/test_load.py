"""Our own clients against a real loopback server: whole answers, first events, lost clients, honest failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from bench.errors import Unmeasured
from bench.load import bodies, connections, fixed_rate
from bench.load.client import is_complete
from bench.streaming_upstream import StreamingUpstream


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The streaming upstream, in this event loop; clients run in threads."""
    server = await asyncio.get_running_loop().create_server(StreamingUpstream, "127.0.0.1", 0)
    yield int(server.sockets[0].getsockname()[1])
    server.close()


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", True),
    ],
)
def test_an_answer_is_whole_when_its_framing_says_so(answer: bytes, whole: bool) -> None:
    assert is_complete(answer) is whole


@pytest.mark.parametrize("head", [b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_is_no_success_is_no_measurement(head: bytes) -> None:
    with pytest.raises(Unmeasured):
        is_complete(head)


async def test_a_fixed_rate_answers_every_request(port: int) -> None:
    request = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
    report = await asyncio.to_thread(fixed_rate.run, port, [request], 200.0, 0.5)
    assert report.requests == 100
    assert 0 < report.p50_us <= report.p99_us


async def test_a_rate_that_is_not_reached_is_said_not_measured(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed_rate, "MAX_BACKLOG", 0.0)
    monkeypatch.setattr(fixed_rate, "CONNECTIONS", 1)
    request = b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n"
    with pytest.raises(Unmeasured, match="requests a second"):
        await asyncio.to_thread(fixed_rate.run, port, [request], 1e6, 1.0)


async def test_an_upload_arrives_whole(port: int) -> None:
    await asyncio.to_thread(bodies.upload, port, len(bodies.PIECE) * 2)


async def test_an_upload_that_is_cut_short_is_no_measurement(port: int) -> None:
    """Half a piece is not sent at all, so the upstream waits for it and the client gives up."""
    size = len(bodies.PIECE) + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.load.client.TIMEOUT", 0.2)
        with pytest.raises(Unmeasured):
            await asyncio.to_thread(bodies.upload, port, size)


async def test_the_first_event_of_each_stream_is_timed(port: int) -> None:
    assert await asyncio.to_thread(bodies.first_event, port, 2) > 0


async def test_idle_connections_stay_open_and_closed_ones_are_noticed(port: int) -> None:
    with ExitStack() as stack:
        held = await asyncio.to_thread(connections.hold, port, 3, stack)
        connections.check_open(held)
        held[1].shutdown(2)
        with pytest.raises(Unmeasured, match="closed"):
            connections.check_open(held)


async def test_lost_clients_leave_no_connection_behind(port: int) -> None:
    await asyncio.to_thread(connections.vanish, port, 30)
    assert await asyncio.to_thread(connections.upstream_connections, port, 0, 5.0) == 0
