"""A raw origin: reads requests through the referee, keeps what it saw, answers as told. Counterpart: the gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from bench.fuzz.referee import Incomplete, Invalid, Request, read_request


def digest(request: Request) -> bytes:
    """A short name for what a request says: method, target and body."""
    return sha256(b"%b %b\0%b" % (request.method, request.target, request.body)).hexdigest()[:16].encode()


def echo(request: Request) -> bytes:
    """An answer that only this request can have."""
    name = digest(request)
    body = b"" if request.method == b"HEAD" else name
    return b"HTTP/1.1 200 OK\r\nX-Digest: %b\r\nContent-Length: %d\r\n\r\n%b" % (name, len(name), body)


def _by_gateway(request: Request) -> bool:
    """Whether the gateway asks on its own account which jobs run: what it passes on has a Via field, this has none."""
    asks = request.method == b"GET" and request.target.startswith(b"/jobs?status=running&")
    return asks and not request.values(b"via")


@dataclass
class Origin:
    """`answer` makes the bytes of an answer; `closes` ends the connection behind it.

    `seen` are the requests, `broken` what came in and was no request: a gateway must never send that. Two origins may
    share `seen` and `seen_by`, which then hold the requests of both in order, and who saw them.
    """

    answer: Callable[[Request], bytes] = echo
    closes: bool = False
    seen: list[Request] = field(default_factory=list)
    broken: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0
    name: str = "legacy"
    seen_by: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew."""
        self.seen.clear()
        self.seen_by.clear()
        self.broken.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        try:
            while piece := await reader.read(65_536):
                data += piece
                while data:
                    try:
                        request, data = read_request(data)
                    except Incomplete:
                        break
                    if _by_gateway(request):
                        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                        continue
                    self.seen.append(request)
                    self.seen_by.append(self.name)
                    writer.write(self.answer(request))
                    if self.closes:
                        return
                await writer.drain()
        except Invalid as error:
            self.broken.append((str(error), data))
        except ConnectionError:
            pass  # the gateway gave the request up
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Origin"]:
        """Listen on a free port of 127.0.0.1."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
