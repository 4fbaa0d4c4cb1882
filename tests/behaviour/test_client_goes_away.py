"""The client leaves: the backend must hear of it at every stage, and nothing may be left behind."""

import asyncio
import socket
import struct
from pathlib import Path

from tests.gateway.proxy.wire import LIMIT, Backend, Gateway, gateway, read_request

HELLO = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a crashed client's kernel does."""
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _silent(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read one request, never answer, notice the end."""
    backend.seen.append(await read_request(reader))
    assert await reader.read() == b""


async def _gone(running: Gateway, backend: Backend) -> None:
    await asyncio.wait_for(backend.all_closed.wait(), LIMIT)
    await running.until(lambda: running.service.meters.in_flight == 0 and not running.service.clients)


async def test_reset_before_the_answer_ends_the_backends_work(tmp_path: Path) -> None:
    backend = Backend(script=_silent)
    async with backend.running(), gateway(tmp_path, backend) as running:
        _, writer = await running.connect()
        writer.write(HELLO)
        await running.until(lambda: len(backend.seen) == 1)
        reset(writer)
        await _gone(running, backend)
        assert [labels[3] for labels in running.service.meters.errors.counts] == ["client-gone"]


async def test_close_before_the_answer_ends_the_backends_work(tmp_path: Path) -> None:
    """A plain close looks like a half-close; the probe finds out that nobody reads any more."""
    backend = Backend(script=_silent)
    async with backend.running(), gateway(tmp_path, backend) as running:
        _, writer = await running.connect()
        writer.write(HELLO)
        await running.until(lambda: len(backend.seen) == 1)
        writer.close()
        await _gone(running, backend)


async def test_close_before_the_answer_to_an_old_client_ends_the_backends_work(tmp_path: Path) -> None:
    backend = Backend(script=_silent)
    async with backend.running(), gateway(tmp_path, backend) as running:
        _, writer = await running.connect()
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await running.until(lambda: len(backend.seen) == 1)
        writer.close()
        await _gone(running, backend)


async def test_a_client_that_only_ends_its_side_still_gets_its_answer(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def slow(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend.seen.append(await read_request(reader))
        await go.wait()
        writer.write(backend.reply)

    backend = Backend(script=slow)
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(HELLO)
        writer.write_eof()
        probe = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
        assert probe.startswith(b"HTTP/1.1 100 ")
        go.set()
        rest = await asyncio.wait_for(reader.read(), LIMIT)
        assert b"HTTP/1.1 200 OK" in rest
        assert rest.endswith(b"ok")
        writer.close()


async def test_reset_in_the_middle_of_an_upload_ends_the_backends_work(tmp_path: Path) -> None:
    async def upload(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        backend.open += 100
        try:
            await reader.readexactly(1000)
        finally:
            backend.open -= 100

    backend = Backend(script=upload)
    async with backend.running(), gateway(tmp_path, backend) as running:
        _, writer = await running.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
        await running.until(lambda: backend.open > 100)
        reset(writer)
        await _gone(running, backend)


async def test_close_in_the_middle_of_an_upload_that_the_backend_does_not_read(tmp_path: Path) -> None:
    """While the gateway does not read, only the socket's state tells that the client is gone."""
    go = asyncio.Event()

    async def deaf(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend.seen.append(await read_request_head(reader))
        await go.wait()
        while await reader.read(65_536):
            pass

    async def read_request_head(reader: asyncio.StreamReader):  # type: ignore[no-untyped-def]  # a test's stub
        from tests.gateway.proxy.wire import Seen

        return Seen(await reader.readuntil(b"\r\n\r\n"), b"")

    backend = Backend(script=deaf)
    routes = "[defaults]\nmax_body = 100_000_000\n"
    async with backend.running(), gateway(tmp_path, backend, routes=routes) as running:
        _, writer = await running.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 20_000_000)
        await running.until(lambda: any(client.held for client in running.service.clients))
        reset(writer)
        await running.until(lambda: running.service.meters.in_flight == 0)
        go.set()
        await _gone(running, backend)


async def test_reset_in_the_middle_of_a_download_ends_the_backends_work(tmp_path: Path) -> None:
    async def endless(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()

    backend = Backend(script=endless)
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(HELLO)
        await reader.readexactly(10_000)
        reset(writer)
        await _gone(running, backend)


async def test_close_during_a_silent_stream_ends_the_backends_work(tmp_path: Path) -> None:
    async def stream(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        )
        assert await reader.read() == b""

    backend = Backend(script=stream)
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(HELLO)
        await reader.readuntil(b"abc")
        writer.close()
        await _gone(running, backend)


async def test_reset_while_the_body_is_peeked_at_reaches_no_backend(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend) as running:
        _, writer = await running.connect()
        writer.write(b'POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"user_id":')
        await running.until(lambda: running.service.meters.in_flight == 1)
        reset(writer)
        await running.until(lambda: running.service.meters.in_flight == 0 and not running.service.clients)
        assert backend.connections == 0


async def test_a_thousand_resets_leave_no_connection_behind(tmp_path: Path) -> None:
    backend = Backend(script=_silent)
    async with backend.running(), gateway(tmp_path, backend) as running:
        for _ in range(20):
            writers = [(await running.connect())[1] for _ in range(50)]
            for writer in writers:
                writer.write(HELLO)
            await running.until(lambda: running.service.meters.in_flight == 50)
            for writer in writers:
                reset(writer)
            await running.until(lambda: running.service.meters.in_flight == 0)
        await _gone(running, backend)
        pools = running.service.pools.values()
        await running.until(lambda: all(pool.open == 0 for pool in pools))
        assert [pool.waiting for pool in pools] == [0, 0]
