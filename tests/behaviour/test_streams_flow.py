"""Bodies stream: bounded memory both ways, no added delay, tunnels, fragments of any size."""

import asyncio
import random
from pathlib import Path

from gateway.core.decide import Backend as Name
from gateway.proxy.upstream import UpstreamConnection
from tests.gateway.proxy.wire import LIMIT, OK, Backend, Seen, answers, gateway, read_request

BIG = "[defaults]\nmax_body = 1_000_000_000\n"


async def test_a_slow_reader_stops_the_backend_instead_of_filling_memory(tmp_path: Path) -> None:
    sent = 0

    async def flood(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n")
        for _ in range(600):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    backend = Backend(script=flood)
    async with backend.running(), gateway(tmp_path, backend, routes=BIG) as running:
        reader, writer = await running.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await running.until(lambda: any(client.write_blocked for client in running.service.clients))
        client = next(iter(running.service.clients))
        assert client.transport.get_write_buffer_size() < 1_000_000
        received = await asyncio.wait_for(reader.read(), LIMIT)
        assert len(answers(received)[0].body) == 60_000_000
        writer.close()
    assert sent == 60_000_000


async def test_a_slow_backend_stops_the_client_instead_of_filling_memory(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def slow(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await go.wait()
        backend.seen.append(Seen(head, await reader.readexactly(40_000_000)))
        writer.write(OK)

    backend = Backend(script=slow)
    async with backend.running(), gateway(tmp_path, backend, routes=BIG) as running:
        sending = asyncio.create_task(
            running.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000000\r\n\r\n" + b"y" * 40_000_000)
        )
        pool = running.service.pools[Name.LEGACY]

        def upload() -> UpstreamConnection | None:
            exchanges = [client.exchange for client in running.service.clients]
            return exchanges[0].upstream if exchanges and exchanges[0] else None

        await running.until(lambda: (found := upload()) is not None and found.write_blocked)
        assert pool.open == 1
        blocked = upload()
        assert blocked is not None
        assert blocked.transport.get_write_buffer_size() < 1_000_000
        go.set()
        assert answers(await sending)[0].status == 200
        assert backend.seen[0].body == b"y" * 40_000_000


async def test_a_connection_paused_for_a_slow_reader_serves_the_next_one(tmp_path: Path) -> None:
    """The trap: back in the pool, still paused, it would never answer again."""
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 30_000_000
    backend = Backend(reply=big)
    async with backend.running(), gateway(tmp_path, backend, routes=BIG) as running:
        for _ in range(3):
            reader, writer = await running.connect()
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await running.until(lambda: any(client.write_blocked for client in running.service.clients))
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
            assert await asyncio.wait_for(reader.readexactly(30_000_000), LIMIT) == b"x" * 30_000_000
            writer.close()
        assert backend.connections == 1


async def test_each_event_arrives_before_the_next_one_is_sent(tmp_path: Path) -> None:
    heard = asyncio.Event()

    async def events(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            event = b"data: %d\n\n" % number
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await asyncio.wait_for(heard.wait(), LIMIT)
            heard.clear()
        writer.write(b"0\r\n\r\n")

    backend = Backend(script=events)
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        for number in range(5):
            await asyncio.wait_for(reader.readuntil(b"data: %d\n\n\r\n" % number), LIMIT)
            heard.set()
        assert await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), LIMIT) == b"0\r\n\r\n"
        writer.close()


async def test_both_ways_at_once(tmp_path: Path) -> None:
    """A backend that answers while it still reads (full duplex)."""

    async def echo(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
        for _ in range(3):
            writer.write(await reader.readexactly(1))

    backend = Backend(script=echo)
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
        for letter in (b"a", b"b", b"c"):
            writer.write(letter)
            assert await asyncio.wait_for(reader.readexactly(1), LIMIT) == letter
        writer.close()


async def test_a_request_in_single_bytes_is_the_same_request(tmp_path: Path) -> None:
    backend = Backend()
    request = (
        b"\r\nPOST /flagged?x=1 HTTP/1.1\r\nHost: a\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'8;e="x"\r\n{"user_i\r\n07\r\nd":"u"}\r\n0\r\nX-T: 1\r\n\r\n'
        b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        for position in range(len(request)):
            writer.write(request[position : position + 1])
            await asyncio.sleep(0)
        writer.write_eof()
        found = answers(await asyncio.wait_for(reader.read(), LIMIT))
        writer.close()
    assert [answer.status for answer in found] == [200, 200]
    assert backend.seen[0].body == b'{"user_id":"u"}\0X-T: 1\r\n'
    assert backend.seen[1].line == b"GET /next HTTP/1.1"


async def test_an_answer_in_single_bytes_is_the_same_answer(tmp_path: Path) -> None:
    reply = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
    )

    async def drip(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for position in range(len(reply)):
            writer.write(reply[position : position + 1])
            await writer.drain()
            await asyncio.sleep(0)

    backend = Backend(script=drip)
    async with backend.running(), gateway(tmp_path, backend) as running:
        found = answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert [answer.status for answer in found] == [103, 200]
    assert found[1].body == b"hello\0X-T: 1"
    assert found[1].values("set-cookie") == [b"a=b"]


async def test_random_fragments_of_random_bodies_arrive_unchanged(tmp_path: Path) -> None:
    dice = random.Random(7)
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=BIG) as running:
        for _ in range(20):
            body = dice.randbytes(dice.randrange(200_000))
            request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            reader, writer = await running.connect()
            while request:
                size = dice.randrange(1, 50_000)
                writer.write(request[:size])
                request = request[size:]
                await asyncio.sleep(0)
            writer.write_eof()
            assert answers(await asyncio.wait_for(reader.read(), LIMIT))[0].status == 200
            writer.close()
            assert backend.seen[-1].body == body


async def test_a_websocket_is_tunnelled_both_ways_with_what_came_early(tmp_path: Path) -> None:
    async def echo(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend.seen.append(await read_request(reader))
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: x\r\n\r\nearly"
        )
        while data := await reader.read(65_536):
            writer.write(data)
        writer.write(b"bye")

    backend = Backend(script=echo)
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: k\r\n\r\nfirst"
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"\r\nUpgrade: websocket\r\n" in head
        assert b"\r\nSec-WebSocket-Accept: x\r\n" in head
        assert await asyncio.wait_for(reader.readexactly(10), LIMIT) == b"earlyfirst"
        blob = bytes(range(256)) * 4096
        writer.write(blob)
        assert await asyncio.wait_for(reader.readexactly(len(blob)), LIMIT) == blob
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), LIMIT) == b"bye"
        writer.close()
        await running.until(lambda: running.service.meters.in_flight == 0)
    assert backend.seen[0].values("upgrade") == [b"websocket"]


async def test_more_than_may_wait_before_a_protocol_is_switched_does_not_stop_the_tunnel(tmp_path: Path) -> None:
    """The trap: what comes early is held back at a bound, and nobody would have let the rest come."""
    go = asyncio.Event()

    async def count(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend.seen.append(await read_request(reader))
        await go.wait()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        writer.write(b"%d" % len(await reader.read(-1)))

    backend = Backend(script=count)
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        writer.write(b"x" * 3_000_000)
        writer.write_eof()
        await running.until(lambda: any(client.held for client in running.service.clients))
        go.set()
        head, _, answer = (await asyncio.wait_for(reader.read(), LIMIT)).partition(b"\r\n\r\n")
        assert (head[:12], answer) == (b"HTTP/1.1 101", b"3000000")
        writer.close()


async def test_a_backend_on_a_unix_socket(tmp_path: Path) -> None:
    backend = Backend()
    path = str(tmp_path / "legacy.sock")
    async with backend.running(path), gateway(tmp_path, f"unix:{path}") as running:
        assert answers(await running.send(b"GET / HTTP/1.0\r\n\r\n"))[0].status == 200
        assert backend.seen[0].values("host") == [b"localhost"]


async def test_connections_to_the_backend_are_used_again_and_aged_out(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, upstream_idle=0.3) as running:
        for _ in range(5):
            await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert backend.connections == 1
        assert len(running.service.pools[Name.LEGACY].idle) == 1
        await asyncio.wait_for(backend.all_closed.wait(), LIMIT)
        await running.until(lambda: running.service.pools[Name.LEGACY].open == 0)


async def test_a_tunnel_that_the_backend_ends_first_leaves_nothing_behind(tmp_path: Path) -> None:
    async def farewell(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbye")
        writer.write_eof()
        await reader.read()

    backend = Backend(script=farewell)
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), LIMIT)).endswith(b"\r\n\r\nbye")
        writer.write_eof()
        await running.until(lambda: running.service.meters.in_flight == 0 and not running.service.clients)
        await asyncio.wait_for(backend.all_closed.wait(), LIMIT)
        writer.close()


async def test_an_answer_without_a_body_that_announces_one_ends_the_connection(tmp_path: Path) -> None:
    """Its bytes, if they came after all, would be read as somebody else's answer."""
    backend = Backend(reply=b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")
    async with backend.running(), gateway(tmp_path, backend) as running:
        found = answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3))
        assert [answer.status for answer in found] == [204] * 3
        assert backend.connections == 3


async def test_both_sides_speak_ipv6(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(host="::1"), gateway(tmp_path, f"http://[::1]:{backend.port}", host="::1") as running:
        assert answers(await running.send(b"GET / HTTP/1.0\r\n\r\n"))[0].status == 200
        assert backend.seen[0].values("host") == [b"[::1]:%d" % backend.port]
        assert backend.seen[0].values("x-forwarded-for") == [b"::1"]
        assert backend.seen[0].values("forwarded") == [b'for="[::1]";proto=http']


async def test_pipelined_bytes_are_read_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """Also when the next packet comes between an answer and the reading of what waited behind it."""
    backend = Backend()
    request = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
    async with backend.running(), gateway(tmp_path, backend) as running:
        reader, writer = await running.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"ok"), LIMIT)
        client = next(iter(running.service.clients))
        health = b"GET /_gateway/health HTTP/1.1\r\nHost: a\r\n\r\n"
        client.data_received(health + request % 1)  # answered at once, so that the rest waits for the next turn
        client.data_received(request % 2)
        await asyncio.wait_for(reader.readuntil(b'ok"}'), LIMIT)
        await asyncio.wait_for(reader.readuntil(b"ok"), LIMIT)
        await asyncio.wait_for(reader.readuntil(b"ok"), LIMIT)
        writer.close()
    assert [seen.line.split()[1] for seen in backend.seen] == [b"/", b"/1", b"/2"]
