"""Somebody is too slow: each limit has its own answer, and its own reason in the counters."""

import asyncio
import socket
import struct
from pathlib import Path

from tests.gateway.proxy.wire import Backend, answers, gateway, read_request

FAST = "[defaults]\nfirst_byte = 0.3\nidle = 0.3\nconnect = 0.3\n"


async def _never(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    backend.seen.append(await read_request(reader))
    await reader.read()


async def test_a_head_that_never_ends_is_408(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, head_timeout=0.3) as running:
        assert answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n", eof=False))[0].status == 408


async def test_a_head_that_drips_is_408_all_the_same(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, head_timeout=0.4) as running:
        reader, writer = await running.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")

        async def drip() -> None:
            while not writer.is_closing():
                writer.write(b"X: y\r\n")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408 ")
        dripping.cancel()
        writer.close()


async def test_an_idle_connection_is_closed_without_a_word(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, keep_alive=0.3) as running:
        found = answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", eof=False))
        assert [answer.status for answer in found] == [200]


async def test_a_body_that_stops_is_408(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, body_timeout=0.3, routes=FAST) as running:
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello"
        answer = answers(await running.send(request, eof=False))[0]
        assert answer.status == 408
        assert backend.seen == []


async def test_a_body_that_stops_while_it_is_peeked_at_is_408_and_reaches_nobody(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, body_timeout=0.3) as running:
        request = b'POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{"user_id":"u"'
        assert answers(await running.send(request, eof=False))[0].status == 408
        assert backend.connections == 0


async def test_no_answer_is_504(tmp_path: Path) -> None:
    backend = Backend(script=_never)
    async with backend.running(), gateway(tmp_path, backend, routes=FAST) as running:
        answer = answers(
            await running.send(
                b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                eof=False,
            )
        )[0]
        assert answer.status == 504
        assert answer.values("proxy-status") == [b"banyan; error=http_response_timeout; next-hop=legacy"]
        assert list(running.service.meters.errors.counts) == [
            ("legacy", "response-head", "upstream", "upstream-timeout")
        ]


async def test_an_answer_that_stops_is_cut_off(tmp_path: Path) -> None:
    async def half(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await reader.read()

    backend = Backend(script=half)
    async with backend.running(), gateway(tmp_path, backend, routes=FAST) as running:
        answer = answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", eof=False))[0]
        assert (answer.status, answer.complete) == (200, False)


async def test_a_total_limit_ends_what_never_stops(tmp_path: Path) -> None:
    async def endless(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    backend = Backend(script=endless)
    async with backend.running(), gateway(tmp_path, backend, routes="[defaults]\ntotal = 0.4\n") as running:
        answer = answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", eof=False))[0]
        assert (answer.status, answer.complete) == (200, False)


async def test_a_slow_answer_within_its_routes_limit_passes(tmp_path: Path) -> None:
    async def slow(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(0.8)
        writer.write(backend.reply)

    backend = Backend(script=slow)
    routes = FAST + '[[route]]\nname = "slow"\npath = "/slow"\nfirst_byte = 10.0\n'
    async with backend.running(), gateway(tmp_path, backend, routes=routes) as running:
        found = answers(await running.send(b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", eof=False))
        assert [answer.status for answer in found] == [200]


async def test_a_client_that_does_not_read_the_rest_of_a_tunnel_is_given_up_and_counted_once(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def flood(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        while not ended.is_set():  # by little, so that the gateway goes on reading
            writer.write(b"x" * 8000)
            await asyncio.sleep(0.001)
        reset = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()

    backend = Backend(script=flood)
    async with backend.running(), gateway(tmp_path, backend, body_timeout=0.3) as running:
        service = running.service
        client = socket.socket()  # never reads
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((running.host, running.port))
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        await running.until(lambda: any(one.transport.get_write_buffer_size() for one in service.clients))
        ended.set()
        await running.until(lambda: not service.clients)
        service.endings.settle()
        assert [one.statuses for one in service.meters.series.values()] == [[0, 1, 0, 0, 0, 0]]
        assert service.meters.in_flight == 0
        client.close()


async def test_a_client_that_does_not_read_is_given_up(tmp_path: Path) -> None:
    async def flood(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(500):
            writer.write(b"x" * 100_000)
            await writer.drain()

    backend = Backend(script=flood)
    async with backend.running(), gateway(tmp_path, backend, routes=FAST, body_timeout=0.3) as running:
        reader, writer = await running.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await running.until(lambda: running.service.meters.connections == 1)
        await running.until(lambda: running.service.meters.connections == 0)
        assert running.service.meters.in_flight == 0
        writer.close()
        assert reader is not None
