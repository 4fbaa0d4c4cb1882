"""WebSocket through the gateway, with an independent library at both ends (RFC 6455; RFC 9110 section 7.8)."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.gateway.proxy.wire import Gateway, gateway

LIMIT = 10.0


async def echo(connection: ServerConnection) -> None:
    """Answers each message with itself; `close CODE` makes the server end the conversation."""
    async for message in connection:
        if isinstance(message, str) and message.startswith("close "):
            await connection.close(int(message.removeprefix("close ")), "as you wish")
            return
        await connection.send(message)


@asynccontextmanager
async def echoing(
    tmp_path: Path, subprotocols: Sequence[Subprotocol] | None = None, compression: str | None = "deflate"
) -> AsyncIterator[Gateway]:
    """A gateway in front of an echo server."""
    async with serve(
        echo, "127.0.0.1", 0, subprotocols=subprotocols, compression=compression, max_size=2**22, close_timeout=LIMIT
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with gateway(tmp_path, port) as running:
            yield running


def address(running: Gateway) -> str:
    return f"ws://127.0.0.1:{running.port}/ws?x=%2F"


async def nothing_is_left(running: Gateway) -> None:
    """Both connections of the tunnel are gone."""
    await running.until(lambda: running.service.meters.in_flight == 0 and running.service.meters.connections == 0)


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_text_and_large_binary_messages_come_back_unchanged(tmp_path: Path, compression: str | None) -> None:
    messages: list[str | bytes] = ["", "hello", "ä 你好 🎉", b"", bytes(range(256)) * 4096, "x" * 1_000_000]
    async with echoing(tmp_path, compression=compression) as running, asyncio.timeout(LIMIT):
        async with connect(address(running), compression=compression, max_size=2**22) as client:
            negotiated = client.response is not None and client.response.headers.get("Sec-WebSocket-Extensions")
            assert bool(negotiated) is (compression is not None)
            for message in messages:
                await client.send(message)
                assert await client.recv() == message
        await nothing_is_left(running)


async def test_many_messages_in_flight_keep_their_order(tmp_path: Path) -> None:
    async with echoing(tmp_path) as running, asyncio.timeout(LIMIT):
        async with connect(address(running)) as client:
            for number in range(500):
                await client.send(str(number) * (number % 50 + 1))
            assert [await client.recv() for _ in range(500)] == [str(n) * (n % 50 + 1) for n in range(500)]


async def test_fragmented_messages_and_pings_between_them(tmp_path: Path) -> None:
    async with echoing(tmp_path) as running, asyncio.timeout(LIMIT):
        async with connect(address(running)) as client:
            await client.send(["one ", "two ", "three"])
            assert await client.recv() == "one two three"
            pong = await client.ping(b"payload")
            await pong
            await client.send(b"after")
            assert await client.recv() == b"after"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1_048_576])
async def test_frames_of_every_length_form_come_back_whole(tmp_path: Path, size: int) -> None:
    """RFC 6455 section 5.2: lengths of 7, 16 and 64 bits, and the values at which one form ends."""
    async with echoing(tmp_path, compression=None) as running, asyncio.timeout(LIMIT):
        async with connect(address(running), compression=None, max_size=2**22) as client:
            message = random.Random(size).randbytes(size)
            await client.send(message)
            assert await client.recv() == message


async def test_pings_in_the_middle_of_a_fragmented_mebibyte_are_answered_at_once(tmp_path: Path) -> None:
    """RFC 6455 section 5.4: control frames may come between the fragments of a message."""
    async with echoing(tmp_path, compression=None) as running, asyncio.timeout(LIMIT):
        async with connect(address(running), compression=None, max_size=2**22) as client:

            async def fragments() -> AsyncIterator[bytes]:
                for number in range(16):
                    yield bytes([number]) * 65_536
                    await (await client.ping(b"between %d" % number))

            await client.send(fragments())
            assert await client.recv() == b"".join(bytes([number]) * 65_536 for number in range(16))


async def test_the_backend_may_ping_and_fragment_too(tmp_path: Path) -> None:
    async def backend(connection: ServerConnection) -> None:
        async def fragments() -> AsyncIterator[str]:
            for number in range(8):
                yield f"{number}" * 70_000
                await (await connection.ping(b"are you there"))

        await connection.send(fragments())
        await connection.close(3001, "done")

    async with serve(backend, "127.0.0.1", 0, compression=None, close_timeout=LIMIT) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with gateway(tmp_path, port) as running, asyncio.timeout(LIMIT):
            async with connect(address(running), compression=None, max_size=2**22) as client:
                assert await client.recv() == "".join(f"{number}" * 70_000 for number in range(8))
                await client.wait_closed()
                assert (client.close_code, client.close_reason) == (3001, "done")
            await nothing_is_left(running)


async def test_the_subprotocol_is_negotiated_with_the_backend(tmp_path: Path) -> None:
    spoken = [Subprotocol("chat.v2"), Subprotocol("chat.v1")]
    async with echoing(tmp_path, spoken) as running, asyncio.timeout(LIMIT):
        async with connect(address(running), subprotocols=[Subprotocol("chat.v1"), Subprotocol("other")]) as client:
            assert client.subprotocol == "chat.v1"


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
async def test_a_close_by_the_client_arrives_with_its_code(tmp_path: Path, code: int) -> None:
    async with echoing(tmp_path) as running, asyncio.timeout(LIMIT):
        async with connect(address(running)) as client:
            await client.close(code, "enough")
            assert (client.close_code, client.close_reason) == (code, "enough")
        await nothing_is_left(running)


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
async def test_a_close_by_the_server_arrives_with_its_code_and_leaves_nothing(tmp_path: Path, code: int) -> None:
    async with echoing(tmp_path) as running, asyncio.timeout(LIMIT):
        async with connect(address(running)) as client:
            await client.send(f"close {code}")
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert (client.close_code, client.close_reason) == (code, "as you wish")
        await nothing_is_left(running)


async def test_a_refused_handshake_is_the_backends_answer(tmp_path: Path) -> None:
    def refuse(connection: ServerConnection, request: object) -> object:
        return connection.respond(403, "not for you\n")

    async with serve(echo, "127.0.0.1", 0, process_request=refuse) as server:  # type: ignore[arg-type]  # any callable
        port = next(iter(server.sockets)).getsockname()[1]
        async with gateway(tmp_path, port) as running, asyncio.timeout(LIMIT):
            with pytest.raises(InvalidStatus) as refused:
                await connect(address(running))
            assert refused.value.response.status_code == 403
            assert refused.value.response.body == b"not for you\n"


async def test_a_client_that_vanishes_frees_the_backend(tmp_path: Path) -> None:
    left = asyncio.Event()

    async def wait(connection: ServerConnection) -> None:
        await connection.wait_closed()
        left.set()

    async with serve(wait, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with gateway(tmp_path, port) as running, asyncio.timeout(LIMIT):
            client = await connect(address(running))
            raw = client.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.transport.abort()
            await left.wait()
            await nothing_is_left(running)


async def test_a_half_open_peer_still_receives(tmp_path: Path) -> None:
    """The client ends its side without a close frame; what the backend still says arrives, then all is closed."""
    spoken = asyncio.Event()

    async def last_words(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert await reader.read() == b"half"
        writer.write(b"last words" * 10_000)
        await writer.drain()
        spoken.set()
        writer.close()

    server = await asyncio.start_server(last_words, "127.0.0.1", 0)
    async with server, gateway(tmp_path, server.sockets[0].getsockname()[1]) as running, asyncio.timeout(LIMIT):
        reader, writer = await running.connect()
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nhalf"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        await spoken.wait()
        assert await reader.read() == b"last words" * 10_000
        writer.close()
        await nothing_is_left(running)


async def test_a_hundred_conversations_at_once_never_mix(tmp_path: Path) -> None:
    async def talk(running: Gateway, name: int) -> list[str | bytes]:
        async with connect(address(running)) as client:
            heard = []
            for turn in range(5):
                await client.send(f"{name}:{turn}")
                heard.append(await client.recv())
            return heard

    async with echoing(tmp_path) as running, asyncio.timeout(LIMIT):
        heard = await asyncio.gather(*(talk(running, name) for name in range(100)))
        assert heard == [[f"{name}:{turn}" for turn in range(5)] for name in range(100)]
        await nothing_is_left(running)
