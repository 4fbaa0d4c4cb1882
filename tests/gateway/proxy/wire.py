"""Raw sockets for the proxy's tests: a scripted backend, a gateway in this process, a client that sends bytes."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flags.stage import stage_variants
from gateway.observe.access_log import AccessLog
from gateway.proxy.config import WorkerConfig
from gateway.proxy.server import ClientConnection
from gateway.proxy.service import Service
from gateway.proxy.sweeper import Sweeper

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ROUTES = """
[defaults]
max_body = 1000000
[[route]]
name = "flagged"
methods = ["POST"]
path = "/flagged"
flag = "f"
[[route]]
name = "small"
path = "/small"
max_body = 10
"""
LIMIT = 10.0
"""Seconds after which a test gives up waiting: far beyond anything that is expected to happen."""


def flags_document(percentage: int, stage: str | None = None, *, generation: int = 1, **strategy: Any) -> str:
    """A flag file with the one flag that the test routes ask for; `strategy` has more of its one strategy."""
    parameters = {"rollout": str(percentage), "stickiness": "userId", "groupId": "f"}
    strategy |= {"name": "flexibleRollout", "parameters": parameters}
    if stage is not None:
        strategy["variants"] = stage_variants("f", {}, stage)
    features = [{"name": "f", "enabled": True, "strategies": [strategy]}]
    return json.dumps({"version": 2, "generation": generation, "features": features})


@dataclass
class Seen:
    """One request as a backend received it."""

    head: bytes
    body: bytes

    @property
    def line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        lines = self.head.split(b"\r\n")[1:-2]
        return [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]

    def values(self, name: str) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name.lower().encode()]


Script = Callable[["Backend", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Backend:
    """A backend that reads requests strictly and answers `reply`, or runs `script` on each connection instead."""

    reply: bytes = OK
    script: Script | None = None
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    port: int = 0
    all_closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.all_closed.clear()
        try:
            await (self.script(self, reader, writer) if self.script else self._answer(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway ended the connection, which many tests are about
        finally:
            self.open -= 1
            if not self.open:
                self.all_closed.set()
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.seen.append(await read_request(reader))
            writer.write(self.reply)
            await writer.drain()
            if b"connection: close" in self.reply.lower() or b"\r\n\r\n" not in self.reply:
                return

    @asynccontextmanager
    async def running(
        self, path: str | None = None, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> AsyncIterator["Backend"]:
        if path is None:
            server = await asyncio.start_server(self._serve, host, 0, limit=2**20, ssl=tls)
            self.port = server.sockets[0].getsockname()[1]
        else:
            server = await asyncio.start_unix_server(self._serve, path, limit=2**20)
        try:
            yield self
        finally:
            server.close()


async def read_request(reader: asyncio.StreamReader) -> Seen:
    """One request by the letter of RFC 9112: anything else fails the test through the connection that it closes."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *([0-9]+)\r$", head)
    if re.search(rb"(?im)^transfer-encoding: *chunked\r$", head):
        return Seen(head, await read_chunks(reader))
    return Seen(head, await reader.readexactly(int(length[1])) if length else b"")


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    """A chunked body, decoded; trailers are appended behind a NUL so that tests can see them."""
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        assert await reader.readexactly(2) == b"\r\n"
    trailers = b""
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        trailers += line
    return body + (b"\0" + trailers if trailers else b"")


@dataclass
class Gateway:
    """A gateway worker inside the test's event loop."""

    service: Service
    port: int
    host: str = "127.0.0.1"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port, limit=2**20)

    async def send(self, payload: bytes, *, eof: bool = True) -> bytes:
        """Everything that comes back for `payload` until the gateway closes."""
        reader, writer = await self.connect()
        writer.write(payload)
        if eof:
            writer.write_eof()
        try:
            return await asyncio.wait_for(reader.read(-1), LIMIT)
        finally:
            writer.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that other tasks bring about."""
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 -- the conditions are plain values of the code under test
                await asyncio.sleep(0.005)


@asynccontextmanager
async def gateway(
    tmp_path: Path,
    legacy: Backend | int | str,
    v2: Backend | int | str | None = None,
    *,
    percentage: int = 100,
    routes: str = ROUTES,
    host: str = "127.0.0.1",
    **config: Any,  # fields of WorkerConfig, whose constructor checks their names
) -> AsyncIterator[Gateway]:
    """A running gateway between `legacy` and `v2` (backends, ports or URLs)."""
    flags = tmp_path / "features.json"
    flags.write_text(flags_document(percentage))
    told = WorkerConfig(
        legacy=_url(legacy),
        v2=_url(legacy if v2 is None else v2),
        flags_path=str(flags),
        routes=routes,
        access_log=False,
    )
    loop = asyncio.get_running_loop()
    service = Service(replace(told, **config), loop, AccessLog(None))
    service.flags.poll()
    sweeper = Sweeper(service)
    sweeper.start()
    server = await loop.create_server(lambda: ClientConnection(service), host, 0)
    try:
        yield Gateway(service, server.sockets[0].getsockname()[1], host)
    finally:
        sweeper.stop()
        server.close()
        for client in tuple(service.clients):
            client.transport.abort()
        for pool in service.pools.values():
            pool.close()
        service.shadows.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def _url(where: Backend | int | str) -> str:
    if isinstance(where, str):
        return where
    return f"http://127.0.0.1:{where if isinstance(where, int) else where.port}"


@dataclass
class Answer:
    """One response as the client received it."""

    status: int
    head: bytes
    body: bytes
    complete: bool

    def values(self, name: str) -> list[bytes]:
        lines = self.head.split(b"\r\n")[1:-2]
        pairs = [line.partition(b":") for line in lines]
        return [value.strip() for key, _, value in pairs if key.lower() == name.lower().encode()]


def answers(received: bytes, *, head_only: bool = False) -> list[Answer]:
    """All responses in what a client received, framed by the letter of RFC 9112."""
    found: list[Answer] = []
    while received:
        head, blank, rest = received.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", head)
        if not blank or status is None:
            raise AssertionError(f"not a response: {received[:200]!r}")
        answer = Answer(int(status[1]), head + b"\r\n\r\n", b"", True)
        length = answer.values("content-length")
        if answer.status < 200 or answer.status in (204, 304) or head_only:
            received = rest
        elif answer.values("transfer-encoding"):
            answer.body, received, answer.complete = _chunks(rest)
        elif length:
            size = int(length[0])
            answer.body, received, answer.complete = rest[:size], rest[size:], len(rest) >= size
        else:
            answer.body, received = rest, b""
        found.append(answer)
    return found


def _chunks(data: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while True:
        line, found, rest = data.partition(b"\r\n")
        if not found:
            return body, b"", False
        size = int(line, 16)
        if not size:
            trailers, end, behind = (b"\r\n" + rest).partition(b"\r\n\r\n")
            return body + (b"\0" + trailers.strip() if trailers.strip() else b""), behind, bool(end)
        if len(rest) < size + 2:
            return body + rest, b"", False
        body, data = body + rest[:size], rest[size + 2 :]
