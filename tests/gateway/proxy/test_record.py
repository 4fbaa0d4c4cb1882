"""What a worker keeps of finished exchanges for the evidence."""

import asyncio
import json
from pathlib import Path

from gateway.observe.decided import Decided
from tests.gateway.proxy.wire import Backend, Gateway, gateway, read_request

FAILING = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def flagged(body: bytes = b'{"user_id": "ada"}', length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"POST /flagged HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (size, body)


def kept(running: Gateway) -> list[Decided]:
    handed = running.service.decided.fetch()
    assert handed["dropped"] == 0
    decided = handed["decided"]
    assert isinstance(decided, list)
    return [Decided(*row) for row in json.loads(json.dumps(decided))]


async def breaks_off(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins an answer and leaves it."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")


async def test_a_flagged_exchange_is_kept_with_its_decision(tmp_path: Path) -> None:
    async with Backend().running() as legacy, Backend().running() as v2:
        async with gateway(tmp_path, legacy, v2, percentage=100, evidence=True) as running:
            await running.send(flagged(), eof=False)
            await running.send(b"GET /other HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n", eof=False)
            [one] = kept(running)
    assert (one.key, one.flag, one.backend, one.went_to) == ("ada", "f", "v2", "v2")
    assert (one.reason, one.percentage, one.status, one.fault) == ("percentage-in", 100, 200, "")
    assert one.bucket is not None
    assert 1 <= one.bucket <= 100
    assert one.seconds > 0


async def test_whose_fault_a_failure_was_is_kept_too(tmp_path: Path) -> None:
    async with Backend().running() as legacy, Backend(script=breaks_off).running() as v2:
        async with gateway(tmp_path, legacy, v2, percentage=100, evidence=True) as running:
            await running.send(flagged(), eof=False)
            [one] = kept(running)
    assert (one.status, one.fault, one.went_to) == (200, "upstream", "v2")


async def test_an_answer_of_the_backend_is_nobodys_fault_but_its_status_says_all(tmp_path: Path) -> None:
    async with Backend().running() as legacy, Backend(FAILING).running() as v2:
        async with gateway(tmp_path, legacy, v2, percentage=100, evidence=True) as running:
            await running.send(flagged(), eof=False)
            [one] = kept(running)
    assert (one.status, one.fault) == (503, "")


async def test_a_request_that_legacy_had_to_serve_is_kept_as_v2s(tmp_path: Path) -> None:
    async with Backend().running() as legacy:
        async with gateway(tmp_path, legacy, 9, percentage=100, evidence=True) as running:
            await running.send(flagged(), eof=False)
            [one] = kept(running)
    assert (one.backend, one.went_to, one.status, one.fault) == ("v2", "legacy", 200, "upstream")


async def test_what_never_came_to_a_decision_leaves_nothing_behind(tmp_path: Path) -> None:
    async with Backend().running() as legacy:
        async with gateway(tmp_path, legacy, percentage=100, evidence=True) as running:
            _, writer = await running.connect()
            writer.write(flagged(b'{"user', length=50))
            await running.until(lambda: bool(running.service.meters.in_flight))
            writer.transport.abort()
            await running.until(lambda: not running.service.meters.in_flight)
            assert kept(running) == []
            assert running.service.decided.fault_of("anybody") == ""


async def test_nothing_is_kept_where_nobody_asks_for_evidence(tmp_path: Path) -> None:
    async with Backend().running() as legacy:
        async with gateway(tmp_path, legacy, percentage=100) as running:
            await running.send(flagged(), eof=False)
            assert kept(running) == []


async def goes_away(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads the request and hangs up."""
    await read_request(reader)


async def test_a_request_that_must_not_be_sent_again_is_counted(tmp_path: Path) -> None:
    async with Backend(script=goes_away).running() as legacy:
        async with gateway(tmp_path, legacy, percentage=0) as running:
            answer = await running.send(flagged(), eof=False)
            assert b" 502 " in answer
            assert running.service.meters.events.counts["retry-refused", "legacy"] == 1
