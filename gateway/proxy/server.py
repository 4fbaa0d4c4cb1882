"""One client connection: reads requests one after the other, refuses what must not pass; counterpart: upstream.

A request's head is read when all of it is here; a pipelined one waits, unread, until its predecessor is answered.
"""

import asyncio
from time import time
from typing import TYPE_CHECKING, cast

from gateway.core.client_address import client_address
from gateway.core.errors import (
    BodyTooLarge,
    GatewayError,
    MalformedRequest,
    Overloaded,
    RequestTimeout,
    Where,
)
from gateway.core.framing import Framing, RequestFacts
from gateway.core.guards import Asked
from gateway.core.problems import problem
from gateway.core.routes import HEALTH_PATH, Handling
from gateway.proxy import own
from gateway.proxy.body import RequestBody
from gateway.proxy.exchange import Exchange
from gateway.proxy.reception import Received, Reception
from gateway.proxy.shadowed import kind_of_exchange
from gateway.proxy.stage import (
    CONTINUE,
    HALF_CLOSED_GRACE,
    LINGER_BYTES,
    LINGER_SECONDS,
    MAX_PIPELINED,
    TUNNEL_IDLE,
    WRITE_HIGH,
    Stage,
)

if TYPE_CHECKING:
    from gateway.proxy.service import Service

# A member of an Enum class takes three times as long to look up as a global, and these are looked up on every read.
_IDLE, _HEAD, _BODY, _WAITING, _TUNNEL, _LINGER, _CLOSING = Stage
_NO_BODY = Framing.NONE
_PASS = Handling.PASS


class ClientConnection(asyncio.Protocol):
    """`closing` says that the connection ends with the current response."""

    __slots__ = (
        "_body",
        "_buffer",
        "_left",
        "_reception",
        "closing",
        "deadline",
        "eof_at",
        "exchange",
        "held",
        "moved_at",
        "probe_at",
        "service",
        "stage",
        "transport",
        "write_blocked",
    )

    def __init__(self, service: "Service") -> None:
        self.service = service
        self.exchange: Exchange | None = None
        self.stage = _IDLE
        self.deadline = service.clock.now + service.config.head_timeout
        self.closing = False
        self.write_blocked = False
        self.eof_at = 0.0  # when the client ended its side; 0 while it has not
        self.moved_at = 0.0
        self.probe_at = 0.0  # when to find out next whether a client that ended its side still listens
        self._buffer = b""  # what came behind the request that is being served
        self._body: RequestBody | None = None
        self._left = 0  # bytes that may still be thrown away
        self.held = False  # reading is paused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_HIGH)
        peer = transport.get_extra_info("peername")
        address = peer[0].encode("ascii") if isinstance(peer, tuple) else b"unknown"
        service = self.service
        self._reception = Reception(service, address.removeprefix(b"::ffff:"))
        service.clients.add(self)
        service.meters.connections += 1
        if len(service.clients) > service.config.max_clients:
            self._refuse(Overloaded("Too many connections."))

    # 1: reading requests ---------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        stage = self.stage
        try:
            if stage is _IDLE and not self._buffer:
                known = self._reception.last
                if known is not None and data == known.head and known.forwarded:
                    self._forward(known)
                else:
                    self._read_head(data)
            else:
                self._receive(data, stage)
        except Exception as defect:  # noqa: BLE001 -- a defect of ours must cost one exchange, not the worker
            error = self.service.defect(defect)
            if self.exchange is not None:
                self.exchange.fail(error)
            else:
                self._refuse(error)

    def _receive(self, data: bytes, stage: Stage) -> None:
        if stage is _HEAD:
            self._read_head(data)
        elif stage is _IDLE:
            self._buffer += data  # older bytes wait for _resume; these come behind them
        elif stage is _BODY:
            self.touch()
            self._read_body(data)
        elif stage is _TUNNEL and self.exchange is not None and self.exchange.tunnel is not None:
            self.touch()
            self.exchange.tunnel.up(data)
        elif stage is _WAITING:
            self._buffer += data
            if len(self._buffer) > MAX_PIPELINED:
                self.hold_upload()
        elif stage is _LINGER:
            self._left -= len(data)
            if self._left < 0:
                self.close()

    def _read_head(self, data: bytes) -> None:
        reception = self._reception
        try:
            received = reception.take(data)
            if received is not None:
                self._buffer, reception.rest = reception.rest, b""
                self._begin(received)
            elif reception.unfinished is not None:
                if self.stage is _IDLE:
                    self.stage = _HEAD
                    self.deadline = self.service.clock.now + self.service.config.head_timeout
                if self.eof_at:
                    raise MalformedRequest("The connection ended inside the head.")
            elif self.eof_at:
                self.close()
        except GatewayError as error:
            self._refuse(error)

    def _begin(self, received: Received) -> None:
        """Start the exchange of a checked head, or answer it here."""
        if received.forwarded:
            self._forward(received)
            return
        if received.path == HEALTH_PATH:
            own.answer_health(self, received)
            return
        left = received.passage.max_forwards
        if left is not None and received.method in (b"OPTIONS", b"TRACE"):
            if left == 0:
                own.answer_last_hop(self, received)
                return
            received = own.one_hop_less(received)
        facts, route = received.facts, received.route
        self.closing = not facts.keep_alive
        self.exchange = exchange = (Exchange if route.shadow is None else kind_of_exchange(route))(self, received)
        if route.checks_head:
            fields, hop, service = received.fields.pairs(), self._reception.hop, self.service
            exchange.address = client_address(fields, hop.peer, hop.trusted_hops)
            asked = Asked(route, received.method, received.path, fields, exchange.address)
            try:
                exchange.owner = service.guards.check_head(asked, service.clock.now, time())
            except GatewayError as error:
                exchange.request_done = facts.framing is _NO_BODY
                exchange.fail(error)
                return
        if facts.framing is _NO_BODY:
            self.stage = _WAITING
            self.deadline = self.service.clock.now + route.first_byte
            exchange.request_done = True
            exchange.begin()
        else:
            self._start_body(exchange, facts)

    def _forward(self, received: Received) -> None:
        """Start an exchange that asks nothing of the gateway but to be sent on."""
        self.stage = _WAITING
        self.deadline = self.service.clock.now + received.route.first_byte
        self.exchange = exchange = Exchange(self, received)
        exchange.request_done = True
        exchange.send_to(received.route.backend)

    def _start_body(self, exchange: Exchange, facts: RequestFacts) -> None:
        route = exchange.route
        self.stage = _BODY
        self.deadline = self.service.clock.now + self.service.config.body_timeout
        if facts.length > route.max_body:
            exchange.fail(BodyTooLarge(f"This route takes at most {route.max_body} bytes.", Where.REQUEST_BODY))
            return
        self._body = RequestBody(facts)
        if route.handling is not _PASS and facts.expects_continue:
            self.transport.write(CONTINUE)
        if self._buffer:
            first, self._buffer = self._buffer, b""
            self._read_body(first)
        exchange.begin()
        if self.eof_at and self.stage is _BODY:
            self._fail_in_body()

    def _read_body(self, data: bytes) -> None:
        exchange, body = self.exchange, self._body
        if exchange is None or body is None:
            return
        try:
            pieces = body.feed(data)
        except ValueError as error:
            exchange.fail(MalformedRequest(f"The chunked body is malformed: {error}.", Where.REQUEST_BODY))
            return
        if len(pieces) > 1:
            pieces = (b"".join(pieces),)  # many small chunks of one read are one write
        for piece in pieces:
            exchange.request_piece(piece)
        if body.done and self.exchange is exchange and self.stage is _BODY:
            self.stage = _WAITING
            self.deadline = self.service.clock.now + exchange.route.first_byte
            self._buffer = body.rest
            exchange.request_end(body.trailers)

    def forget_head(self) -> None:
        """The routes have changed: the next head is read anew, whatever it is."""
        self._reception.last = None

    # 8: between requests, and the end ---------------------------------------------------------------------------------

    def exchange_over(self, complete: bool = True) -> None:
        """The response is written; if the request is not `complete`, the rest of it may still be coming."""
        self.exchange = self._body = None
        if self.held:
            self.release_upload()
        if not complete:
            self._linger()
        elif self.closing or (self.eof_at and not self._buffer):
            self.close()
        else:
            service = self.service
            self.stage = _IDLE
            self.deadline = service.clock.now + service.config.keep_alive
            if self._buffer:
                service.loop.call_soon(self._resume)

    def _resume(self) -> None:
        """Read the pipelined request, if the connection is still there to be answered."""
        if self.stage is _IDLE and self._buffer and not self.transport.is_closing():
            data, self._buffer = self._buffer, b""
            self._read_head(data)

    def _refuse(self, error: GatewayError) -> None:
        """Answer a request that never became an exchange; the connection cannot be trusted any further."""
        service = self.service
        service.meters.errors.add("none", error.where, error.fault, error.slug)
        service.meters.of("refused", "none").record(error.status, 0.0)
        self.exchange = None
        self.transport.write(problem(error, name=service.name, date=service.clock.date, request_id=service.next_id()))
        self._linger()

    def _linger(self) -> None:
        """End our side and read on for a moment: closing at once would reset the connection and lose the answer."""
        self.stage = _LINGER
        self.deadline = self.service.clock.now + LINGER_SECONDS
        self._left = LINGER_BYTES
        self._buffer = b""
        if self.eof_at:
            self.close()
        elif not self.transport.is_closing():
            self.transport.write_eof()

    def close(self) -> None:
        """Flush and close; a client that does not read is given up after a while."""
        self.stage = _CLOSING
        self.deadline = self.service.clock.now + self.service.config.body_timeout
        self.transport.close()

    def tunnel_over(self) -> None:
        """Both ends of a tunnel have been dealt with: flush what the client has not read yet, and close."""
        self.exchange = None
        self.close()

    def cut_short(self, *, abort: bool) -> None:
        """End a response that is not whole. `abort` where a plain close would look like its end."""
        self.exchange = None
        if abort:
            self.stage = _CLOSING
            self.transport.abort()
        else:
            self.close()

    def eof_received(self) -> bool:
        stage = self.stage
        self.eof_at = self.service.clock.now
        self.probe_at = self.eof_at + HALF_CLOSED_GRACE
        if stage is _TUNNEL and self.exchange is not None and self.exchange.tunnel is not None:
            self.exchange.tunnel.client_eof()
            return True
        if stage is _IDLE and self._buffer:
            return True  # pipelined requests are still to be answered
        if stage is _WAITING:
            return True  # it may still read: gateway.proxy.sweeper finds out
        if stage is _HEAD and self._reception.unfinished is not None:  # else only empty lines have come
            self._refuse(MalformedRequest("The connection ended inside the head."))
            return True
        if stage is _BODY:
            self._fail_in_body()
            return True
        return False

    def _fail_in_body(self) -> None:
        if self.exchange is not None:
            self.exchange.fail(MalformedRequest("The connection ended inside the body.", Where.REQUEST_BODY))

    def connection_lost(self, exc: Exception | None) -> None:
        service = self.service
        service.clients.discard(self)
        service.meters.connections -= 1
        exchange, self.exchange = self.exchange, None
        self.stage = _CLOSING
        if exchange is not None:
            exchange.abandon()

    # Time and flow ---------------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """Something moved: the idle deadline starts anew."""
        exchange = self.exchange
        if exchange is not None:
            if self.stage is _BODY and not self.held:
                idle = self.service.config.body_timeout
            else:
                idle = TUNNEL_IDLE if exchange.tunnel else exchange.route.idle
            self.moved_at = now = self.service.clock.now
            self.deadline = now + idle

    def expire(self) -> None:
        """The deadline has passed. Called by the sweeper."""
        stage = self.stage
        if stage is _CLOSING:
            self.transport.abort()
        elif self.exchange is not None:
            self.exchange.expire(reading=stage is _BODY and not self.held)
        elif stage is _HEAD:
            self._refuse(RequestTimeout("The head came too slowly."))
        elif self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.close()

    def cannot_complete(self, unread: int) -> bool:
        """Whether the body can no longer become whole, with `unread` bytes behind the end of what the client sent."""
        return self._body is not None and self._body.cannot_complete(unread)

    def enter_tunnel(self) -> None:
        """The backend switched protocols: what the client sends is no longer HTTP."""
        self.stage = _TUNNEL
        self.touch()
        self.release_upload()  # what came early may have been more than may wait
        if self._buffer and self.exchange is not None and self.exchange.tunnel is not None:
            data, self._buffer = self._buffer, b""
            self.exchange.tunnel.up(data)

    def hold_upload(self) -> None:
        """Stop reading from the client."""
        if not self.held and not self.eof_at and not self.transport.is_closing():
            self.held = True
            self.touch()
            self.transport.pause_reading()

    def release_upload(self) -> None:
        """The counterpart of hold_upload."""
        if self.held:
            self.held = False
            self.touch()
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_blocked = True
        if self.exchange is not None and self.exchange.upstream is not None:
            self.exchange.upstream.pause()

    def resume_writing(self) -> None:
        self.write_blocked = False
        self.touch()
        if self.exchange is not None and self.exchange.upstream is not None:
            self.exchange.upstream.resume()
