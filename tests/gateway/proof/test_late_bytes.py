"""A backend whose answers are longer than they may be: what comes late must not become somebody else's answer."""

import asyncio
from pathlib import Path

import pytest

from tests.gateway.proxy.wire import LIMIT, OK, Backend, answers, gateway, read_request


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 43\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["204-chunked", "204-length", "304-chunked"],
)
async def test_an_answer_that_promises_a_body_it_may_not_have_ends_its_connection(tmp_path: Path, reply: bytes) -> None:
    """RFC 9112 6.3: the connection is not used again, so a body that comes later reaches nobody."""
    async with Backend(reply=reply).running() as backend, gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        for number in (1, 2):
            writer.write(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
            assert head.startswith(reply[:12])
            assert backend.connections == number
        writer.close()


async def test_bytes_on_an_idle_connection_reach_nobody(tmp_path: Path) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    answered, speak = asyncio.Event(), asyncio.Event()

    async def late(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(OK)
            await writer.drain()
            if not answered.is_set():
                answered.set()
                await speak.wait()
                writer.write(evil)

    async with Backend(script=late).running() as backend, gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), LIMIT)).startswith(b"HTTP/1.1 200")
        speak.set()
        await running.until(lambda: all(pool.open == 0 for pool in running.service.pools.values()))
        found = answers(await running.send(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"))
        assert [answer.body for answer in found] == [b"ok"]
        assert backend.connections == 2
        writer.close()
