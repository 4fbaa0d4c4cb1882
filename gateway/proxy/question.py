"""One question of the gateway's own to v2, on a connection of its own: request, whole answer, bounded in time and size.

The standard library alone, as everything that a worker loads. Counterparts: `inquiry`, and the ops plane's job listing.
"""

import asyncio
import re
import ssl
from typing import NamedTuple

from gateway.core.chunked import ChunkedDecoder
from gateway.proxy.address import Address

MAX_ANSWER = 2 * 1024 * 1024
"""Bytes; a page of 500 jobs has a tenth of it."""
_PIECE = 65_536
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r]")


class Answer(NamedTuple):
    """What v2 said. The names of `fields` are in lower case; of fields that repeat themselves the last stands."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes


class Unanswered(Exception):
    """No whole answer: v2 is away, silent, or does not speak HTTP. Says which in one sentence."""


class Questions:
    """Where v2 is and as whom to ask it. `key` is its service key, "" if it wants none; `seconds` bounds a question.

    `fields` are the lines that say so.
    """

    __slots__ = ("_address", "_seconds", "_tls", "fields")

    def __init__(
        self, address: Address, tls: ssl.SSLContext | None = None, key: str = "", seconds: float = 3.0
    ) -> None:
        self._address = address
        self._tls = tls
        self._seconds = seconds
        self.fields = b"Host: %b\r\nConnection: close\r\n" % address.authority
        if key:
            self.fields += service_key_line(key) + b"Authorization: Bearer %b\r\n" % key.encode("ascii")

    async def ask(self, method: str, target: str, body: bytes | None = None) -> Answer:
        """One exchange; `target` is a path with its query. Raises Unanswered."""
        head = b"%b %b HTTP/1.1\r\n" % (method.encode("ascii"), target.encode("ascii")) + self.fields
        if body is not None:
            head += b"Content-Length: %d\r\n" % len(body)
        return await self.send(head + b"\r\n" + (body or b""))

    async def send(self, request: bytes) -> Answer:
        """One exchange with a request that is written already, and asks for a close. Raises Unanswered."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._exchange(request)
        except TimeoutError:
            raise Unanswered(f"no answer within {self._seconds:g} s") from None
        except OSError as error:
            raise Unanswered(f"cannot be reached: {error.strerror or type(error).__name__}") from error
        except (EOFError, asyncio.LimitOverrunError, ValueError) as error:
            raise Unanswered(f"does not answer in HTTP: {error}") from error

    async def _exchange(self, request: bytes) -> Answer:
        if self._address.path:
            reader, writer = await asyncio.open_unix_connection(self._address.path)
        else:
            reader, writer = await asyncio.open_connection(self._address.host, self._address.port, ssl=self._tls)
        try:
            writer.write(request)
            return await _read_answer(reader)
        finally:
            writer.close()


def service_key_line(key: str) -> bytes:
    """The field by which v2 knows the gateway, beside whatever Authorization a client sends."""
    return b"X-Service-Key: %b\r\n" % key.encode("ascii")


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    status = 100
    while status < 200:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _STATUS.match(head)
        if found is None:
            raise ValueError("no status line")
        status = int(found[1])
    fields = _fields(head)
    return Answer(status, fields, await _read_body(reader, fields))


def _fields(head: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:-2])
    return {name.lower(): value.strip() for name, _, value in pairs}


async def _read_body(reader: asyncio.StreamReader, fields: dict[bytes, bytes]) -> bytes:
    decoder = ChunkedDecoder() if fields.get(b"transfer-encoding", b"").lower() == b"chunked" else None
    length = fields.get(b"content-length")
    if length is not None and not length.isdigit():
        raise ValueError("its length is no number")
    left = MAX_ANSWER + 1 if decoder or length is None else int(length)
    body = bytearray()
    while len(body) < left and not (decoder and decoder.done):
        piece = await reader.read(min(_PIECE, left - len(body)))
        if not piece:
            if decoder or length is not None:
                raise EOFError("it ends early")
            break
        body += b"".join(decoder.feed(piece)) if decoder else piece
        if len(body) > MAX_ANSWER:
            raise ValueError("it is too long")
    return bytes(body)
