"""The upstream of the streaming scenarios: event streams, long uploads, answers that never come.

Run as `python -m bench.streaming_upstream PORT`. GET /events sends its head and its first event in two writes; POST
answers when the whole body is there; GET /never does not answer; GET /connections says how many connections are open.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import httptools
import uvloop

EVENT = b"data: " + b"x" * 58 + b"\n\n"
EVENTS_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT_PAUSE = 0.02
"""Seconds between the events of a stream."""
EVENTS = 3


class StreamingUpstream(asyncio.Protocol):
    """One connection; requests come one at a time."""

    open_connections = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports do not inherit from asyncio's
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._received = 0
        StreamingUpstream.open_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        StreamingUpstream.open_connections -= 1

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_begin(self) -> None:
        self._path, self._received = b"", 0

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._received += len(body)

    def on_message_complete(self) -> None:
        path = self._path.partition(b"?")[0]  # httpx adds an empty query
        if path == b"/never":
            return
        if path == b"/events":
            self._transport.write(EVENTS_HEAD)
            asyncio.get_running_loop().call_soon(self._send_event, EVENTS)
        elif path == b"/connections":
            self._answer(str(StreamingUpstream.open_connections).encode())
        else:
            self._answer(str(self._received).encode())

    def _answer(self, body: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    def _send_event(self, left: int) -> None:
        if self._transport.is_closing():
            return
        if not left:
            self._transport.write(b"0\r\n\r\n")
            return
        self._transport.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
        asyncio.get_running_loop().call_later(EVENT_PAUSE, self._send_event, left - 1)


async def serve(port: int) -> None:
    """Listen until the process is stopped."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(StreamingUpstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
