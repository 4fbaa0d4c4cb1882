"""One connection to a backend: writes requests, reads responses; the counterpart is gateway.proxy.server.

The response's head is read as a whole, its body by its framing. Whatever is not exactly one response per request
ends the connection, so that no byte can ever be taken for the answer to somebody else's request.
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from gateway.core.chunked import ChunkedDecoder
from gateway.core.errors import GatewayError, MalformedResponse, TruncatedResponse, UpstreamGone, Where
from gateway.core.framing import Framing, ResponseFacts
from gateway.core.heads import Field
from gateway.core.partial import PartialHead
from gateway.proxy.response_heads import ResponseHeads

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.pool import Pool

MAX_HEAD = 65_536
MAX_INTERIM = 16
"""1xx responses before the final one; more are a defect or an attack."""
WRITE_HIGH = 65_536
_PIECE = 65_536


class Reading(Enum):
    """What the next byte from the backend is."""

    NOTHING = auto()  # idle: any byte is a violation
    HEAD = auto()
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()
    TUNNEL = auto()


# A member of an Enum class takes three times as long to look up as a global, and these are looked up on every read.
_NOTHING, _HEAD, _LENGTH, _CHUNKED, _CLOSE, _TUNNEL = Reading
_BY_LENGTH, _BY_CHUNKS = Framing.LENGTH, Framing.CHUNKED


class UpstreamConnection(asyncio.Protocol):
    """A pooled connection. `exchange` is who uses it now; `reused` says that it has served before."""

    __slots__ = (
        "_decoder",
        "_heads",
        "_interim",
        "_keep",
        "_left",
        "_partial",
        "_paused",
        "exchange",
        "idle_since",
        "pool",
        "reading",
        "reused",
        "transport",
        "write_blocked",
    )

    def __init__(self, pool: "Pool") -> None:
        self.pool = pool
        self.exchange: Exchange | None = None
        self.reading = _NOTHING
        self.reused = False
        self.idle_since = 0.0
        self.write_blocked = False
        self._partial: PartialHead | None = None
        self._decoder = ChunkedDecoder()
        self._interim = 0
        self._keep = False
        self._left = 0
        self._paused = False
        self._heads = ResponseHeads(pool)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_HIGH)

    def begin(self, exchange: "Exchange") -> None:
        """Serve `exchange`: from now on its response is expected."""
        self.exchange = exchange
        self.reading = _HEAD
        self._interim = 0

    # Reading ---------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.transport.abort()  # an answer that nobody asked for
            return
        reading = self.reading
        try:
            if reading is _HEAD:
                known = self._heads.last
                if known is not None and data.startswith(known.head) and self._partial is None:
                    self._final(exchange, known.facts, known.lines, data[len(known.head) :])
                else:
                    self._read_head(exchange, data)
            elif reading is _LENGTH:
                self._read_length(exchange, data)
            elif reading is _CHUNKED:
                self._read_chunked(exchange, data)
            else:
                exchange.response_piece(data)
        except GatewayError as error:
            exchange.fail(error)
        except Exception as defect:  # noqa: BLE001 -- a defect of ours must cost one exchange, not the worker
            exchange.fail(self.pool.service.defect(defect))

    def _read_head(self, exchange: "Exchange", data: bytes) -> None:
        if self._partial is not None:
            whole = self._partial.add(data)
            if whole is None:
                if len(self._partial) > MAX_HEAD:
                    raise MalformedResponse("The head of the answer is too large.", Where.RESPONSE_HEAD)
                return
            data, self._partial = whole, None
        end = data.find(b"\r\n\r\n") + 4
        while 4 <= end <= MAX_HEAD:
            head = self._heads.read(data[:end])
            facts, lines = head.facts, head.lines
            data = data[end:]
            if facts.status >= 200 or facts.status == 101:
                self._final(exchange, facts, lines, data)
                return
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise MalformedResponse("Too many interim answers.", Where.RESPONSE_HEAD)
            exchange.interim(facts, lines)
            if not data:
                return
            end = data.find(b"\r\n\r\n") + 4
        self._part_of_head(data, end)

    def _part_of_head(self, data: bytes, end: int) -> None:
        if end > MAX_HEAD or len(data) > MAX_HEAD:
            raise MalformedResponse("The head of the answer is too large.", Where.RESPONSE_HEAD)
        if b"\n\n" in data or not b"HTTP/1."[: len(data)] == data[:7]:
            raise MalformedResponse("The answer is not HTTP/1.", Where.RESPONSE_HEAD)
        self._partial = PartialHead(data)

    def _final(self, exchange: "Exchange", facts: ResponseFacts, lines: bytes, rest: bytes) -> None:
        self._keep = facts.keep_alive
        framing = facts.framing
        if facts.bodiless or exchange.method == b"HEAD":
            self._without_body(exchange, facts, lines, rest)
        elif framing is _BY_LENGTH:
            self._left = left = facts.length - len(rest)
            if left > 0:
                self.reading = _LENGTH
                exchange.response_head(facts, lines, rest)
                return
            if left:
                self._keep = False
                rest = rest[:left]
            exchange.response_head(facts, lines, rest)
            self._end(exchange)
        elif framing is _BY_CHUNKS:
            self._decoder = ChunkedDecoder(facts.options)
            self.reading = _CHUNKED
            exchange.response_head(facts, lines, b"")
            if rest:
                self._read_chunked(exchange, rest)
        else:
            self._keep = False
            self.reading = _CLOSE
            exchange.response_head(facts, lines, b"")
            if rest:
                exchange.response_piece(rest)

    def _without_body(self, exchange: "Exchange", facts: ResponseFacts, lines: bytes, rest: bytes) -> None:
        if facts.status == 101:
            self.reading = _TUNNEL
            exchange.switch_protocols(facts, lines, rest)
            return
        # What a body's framing announces here must not come, but if it did, the next client would get it.
        announced = facts.framing is _BY_CHUNKS or (facts.status == 204 and facts.length)
        self._keep = self._keep and not rest and (exchange.method == b"HEAD" or not announced)
        exchange.response_head(facts, lines, b"", body=False)
        self._end(exchange)

    def _read_length(self, exchange: "Exchange", data: bytes) -> None:
        self._left -= len(data)
        if self._left > 0:
            exchange.response_piece(data)
            return
        if self._left < 0:
            self._keep = False
            data = data[: self._left]
        exchange.response_piece(data)
        self._end(exchange)

    def _read_chunked(self, exchange: "Exchange", data: bytes) -> None:
        decoder = self._decoder
        try:
            pieces = decoder.feed(data)
        except ValueError as error:
            raise TruncatedResponse(f"The answer's chunks are malformed: {error}.", Where.RESPONSE_BODY) from None
        if pieces:
            # Many small chunks of one read are one write.
            exchange.response_piece(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if decoder.done:
            self._keep = self._keep and not decoder.rest
            self._end(exchange, decoder.trailers)

    def _end(self, exchange: "Exchange", trailers: Sequence[Field] = ()) -> None:
        """The response is complete: part with the exchange, then keep or close the connection."""
        self.exchange = None
        self.reading = _NOTHING
        exchange.upstream = None
        if self._keep and exchange.request_done:
            if self._paused:
                self.resume()
            self.pool.give_back(self)
        else:
            self.transport.abort()
        exchange.response_end(trailers)

    def eof_received(self) -> bool:
        exchange = self.exchange
        if exchange is not None and self.reading is _TUNNEL:
            if exchange.tunnel is not None:
                exchange.tunnel.upstream_eof()
            return self.pool.tls is None  # TLS closes both halves at once
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self.reading is _HEAD and self.pool.tls is None:
            self._read_what_is_left()
        exchange, self.exchange = self.exchange, None
        self.pool.lost(self)
        if exchange is None:
            return
        if self.reading is _CLOSE and exc is None:
            exchange.upstream = None
            exchange.response_end(())
        elif self.reading is _TUNNEL:
            exchange.tunnel_closed()
        elif self.reading is _HEAD:
            begun = self._partial is not None or self._interim > 0
            exchange.upstream_gone(
                UpstreamGone(f"{self.pool.backend} closed the connection without an answer.", Where.RESPONSE_HEAD),
                answered=begun,
            )
        else:
            exchange.fail(TruncatedResponse(f"{self.pool.backend}'s answer ended early.", Where.RESPONSE_BODY))

    def _read_what_is_left(self) -> None:
        """A backend that answers before it has read all of the request, and closes, resets the connection.

        Our next write fails then, and the transport gives up; but the answer came before the reset and waits in the
        socket, which is closed only after connection_lost.
        """
        found = self.transport.get_extra_info("socket")
        with suppress(OSError):
            while self.exchange is not None and (data := os.read(found.fileno(), _PIECE)):
                self.data_received(data)

    # Flow control ----------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """The client reads slowly: stop reading the response."""
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """The counterpart of pause; also before the connection goes back to the pool."""
        if self._paused:
            self._paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_blocked = True
        if self.exchange is not None:
            self.exchange.upload_blocked()

    def resume_writing(self) -> None:
        self.write_blocked = False
        if self.exchange is not None:
            self.exchange.upload_unblocked()

    def abandon(self) -> None:
        """The exchange is given up: the backend must notice, so the connection is torn down."""
        self.exchange = None
        self.reading = _NOTHING
        self.transport.abort()
