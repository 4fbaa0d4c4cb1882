"""One request and its response: carries out a Decision, streams both ways, records the outcome.

The numbers in comments are the steps of the drawing in gateway/README.md. Counterparts: gateway.proxy.server (the
client's side) and gateway.proxy.upstream (the backend's side), which call in here and never each other.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.core.chunked import encode_chunk, encode_last_chunk
from gateway.core.decide import LEGACY_BY_ROUTE, Backend, Decision
from gateway.core.errors import (
    BodyTooLarge,
    ClientFault,
    ClientGone,
    GatewayError,
    MalformedResponse,
    RequestTimeout,
    ResponseTimeout,
    Where,
)
from gateway.core.framing import Framing, ResponseFacts, has_body, tokens
from gateway.core.heads import Field
from gateway.core.peek import PREFIX_BYTES
from gateway.core.problems import problem
from gateway.core.routes import Handling
from gateway.proxy.admission import BY_ROUTE, admit
from gateway.proxy.body import write_chunk
from gateway.proxy.compose import forwarded_head, frames_by_chunks, idempotency_key, request_head, response_head
from gateway.proxy.inquiry import Verdict, inquire
from gateway.proxy.reception import Received
from gateway.proxy.record import record, record_error, record_v2_answer
from gateway.proxy.tunnel import Tunnel

if TYPE_CHECKING:
    from gateway.proxy.server import ClientConnection
    from gateway.proxy.upstream import UpstreamConnection

_SAFE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
# A member of an Enum class takes three times as long to look up as a global, and these are looked up on every read.
_NO_BODY, _BY_LENGTH, _BY_CHUNKS = Framing.NONE, Framing.LENGTH, Framing.CHUNKED
_V2, _PASS = Backend.V2, Handling.PASS
_NOTHING: list[bytes] = []  # of all exchanges that hold no piece of a body; nobody adds to it


class Exchange:
    """The life of one request. `finished` is set once, when the outcome is recorded."""

    __slots__ = (
        "_begun",
        "_chunk_reply",
        "_decision",
        "_ended",
        "_peeking",
        "_pending",
        "_retried",
        "_sent_up",
        "_whole",
        "address",
        "backend",
        "client",
        "finished",
        "method",
        "owner",
        "received",
        "request",
        "request_done",
        "request_id",
        "responded",
        "route",
        "sent",
        "service",
        "started",
        "status",
        "tunnel",
        "upstream",
    )

    upstream: "UpstreamConnection | None"
    backend: Backend | None
    tunnel: Tunnel | None
    _decision: Decision
    _pending: list[bytes]  # body bytes that came before there was a connection
    _whole: Sequence[bytes] | None  # the body of a flagged request, if it is short enough to keep
    _ended: Sequence[Field] | None  # the request's trailers, once it is complete
    _sent_up: bool  # bytes of the request may have reached a backend

    def __init__(self, client: "ClientConnection", request: Received) -> None:
        self.client = client
        self.service = service = client.service
        self.request = request
        self.method = request.method
        self.route = request.route
        ids = service.ids
        self.request_id = request.passage.request_id or (ids.pop() if ids else service.next_id())
        self.started = perf_counter()
        self.address = self.owner = ""  # the client's address, and whom the body must name
        self.received = self.sent = self.status = 0
        self.request_done = self.responded = self.finished = False
        self._begun = self._peeking = self._retried = self._sent_up = self._chunk_reply = False
        self.upstream = self.backend = self.tunnel = self._whole = self._ended = None
        self._decision = LEGACY_BY_ROUTE
        self._pending = _NOTHING
        service.meters.in_flight += 1

    # 2, 3: route and decision ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Go to the route's backend, or wait for as much of the body as the decision needs.

        What of the body came together with the head has been given before, so that both go up in one write.
        """
        if self.finished:
            return
        self._begun = True
        if self.route.handling is _PASS:
            self._decision = BY_ROUTE[self.route.backend]
            self.send_to(self.route.backend)
        elif self.request_done or self.received > PREFIX_BYTES:
            self._decide()
        else:
            self._peeking = True

    def _decide(self) -> None:
        self._peeking = False
        complete = self.request_done and self.received <= PREFIX_BYTES
        if complete and self.route.flag is not None:
            self._whole = self._pending
        try:
            self._decision = admit(self, b"".join(self._pending), complete)
        except ClientFault as error:
            self.fail(error)
            return
        self.send_to(self._decision.backend)

    # 4: a connection -------------------------------------------------------------------------------------------------

    def send_to(self, backend: Backend) -> None:
        """Send the request to `backend`, over a connection of its pool."""
        self.backend = backend
        if backend is _V2:
            self.service.breaker.begin()
        pool = self.service.pools[backend]
        connection = pool.take()
        if connection is None:
            pool.connect(self)
        else:
            self.attach(connection)

    def connect_failed(self, error: GatewayError) -> None:
        """No connection, so not a byte was sent: legacy may serve what v2 cannot (decision 5 of the design)."""
        if self.finished:
            return
        record_error(self, error)
        if self.backend is _V2 and self.route.flag is not None:
            self.service.meters.events.add("fallback", Backend.LEGACY)
            self.send_to(Backend.LEGACY)
        else:
            self.fail(error, counted=True)

    # 5: the request goes up ------------------------------------------------------------------------------------------

    def attach(self, connection: "UpstreamConnection") -> None:
        """Send what there is of the request over `connection`."""
        self.upstream = connection
        self._sent_up = True
        connection.begin(self)
        if self.request.forwarded:
            connection.transport.write(forwarded_head(self))
            return
        head = request_head(self)
        if self._pending or self.request.facts.framing is _BY_CHUNKS:
            head = (*head, *self._take_pending())
        connection.transport.write(b"".join(head))
        if not self.request_done and not connection.write_blocked:
            self.client.release_upload()

    def _take_pending(self) -> list[bytes]:
        """What there is of the body so far, framed for the backend."""
        pieces, self._pending = self._pending, _NOTHING
        if self.request.facts.framing is _BY_CHUNKS:
            pieces = [encode_chunk(piece) for piece in pieces]
            if self._ended is not None:
                pieces.append(encode_last_chunk(list(self._ended)))
        return pieces

    def request_piece(self, data: bytes) -> None:
        """The next piece of the request's body."""
        self.received += len(data)
        if self.received > self.route.max_body:
            self.fail(BodyTooLarge(f"This route takes at most {self.route.max_body} bytes.", Where.REQUEST_BODY))
        elif self.upstream is not None:
            if self.request.facts.framing is _BY_CHUNKS:
                write_chunk(self.upstream.transport, data)
            else:
                self.upstream.transport.write(data)
        elif not self.responded:
            self._pending = self._pending or []
            self._pending.append(data)
            if not self._begun:
                return
            if not self._peeking:
                self.client.hold_upload()
            elif self.received > PREFIX_BYTES:
                self.client.hold_upload()
                self._decide()

    def request_end(self, trailers: Sequence[Field]) -> None:
        """The request is complete."""
        self.request_done = True
        self._ended = trailers
        if self._peeking:
            self._decide()
        elif self.upstream is not None and self.request.facts.framing is _BY_CHUNKS:
            self.upstream.transport.write(encode_last_chunk(list(trailers)))

    def upload_blocked(self) -> None:
        """The backend reads slowly."""
        if self.tunnel or not self.request_done:
            self.client.hold_upload()

    def upload_unblocked(self) -> None:
        """The backend reads again."""
        self.client.release_upload()

    # 6: the response's head ------------------------------------------------------------------------------------------

    def interim(self, facts: ResponseFacts, lines: bytes) -> None:
        """Pass on a 1xx (RFC 9110 section 15.2): not to HTTP/1.0, and no 100 that the gateway has already given."""
        if self.request.minor and not (facts.status == 100 and self.route.handling is not _PASS):
            self.client.transport.write(lines + b"\r\n")

    def response_head(self, facts: ResponseFacts, lines: bytes, first: bytes, body: bool = True) -> None:
        """Send the head, with the first bytes of a length-delimited body. `body` is False where there can be none."""
        self.responded = True
        self.status = facts.status
        client = self.client
        self.sent = len(first)
        if self.backend is _V2:
            record_v2_answer(self, self.status, self._decision.key)
        if facts.plain and self.request.plain and self.request_done and not self.service.draining:
            client.transport.write(b"".join((lines, b"X-Request-Id: ", self.request_id, b"\r\n\r\n", first)))
            return
        by_length = facts.framing is _BY_LENGTH
        chunked = not by_length and frames_by_chunks(self, facts, body=body)
        self._chunk_reply = chunked and body
        if self.service.draining or not self.request_done or (body and not chunked and not by_length):
            client.closing = True
        client.transport.write(response_head(self, facts, lines, self._decision, chunked, first))

    # 7: the response's body ------------------------------------------------------------------------------------------

    def response_piece(self, data: bytes) -> None:
        """The next piece of the response's body (or of the tunnel)."""
        self.sent += len(data)
        client = self.client
        client.touch()
        if self._chunk_reply:
            write_chunk(client.transport, data)
        else:
            client.transport.write(data)

    def response_end(self, trailers: Sequence[Field]) -> None:
        """The response is complete; the connection to the backend has been dealt with."""
        if self.finished:
            return
        if self._chunk_reply:
            self.client.transport.write(encode_last_chunk(list(trailers)))
        record(self, self._decision)
        self.client.exchange_over(self.request_done)

    # Tunnels: WebSocket and other Upgrades ---------------------------------------------------------------------------

    def switch_protocols(self, facts: ResponseFacts, lines: bytes, rest: bytes) -> None:
        """101: from here on bytes pass untouched in both directions (RFC 9110 section 7.8)."""
        protocol, wanted = facts.upgrade, self.request.facts.upgrade
        offered = wanted is not None and protocol and set(tokens(protocol)) <= set(tokens(wanted))
        if not offered or protocol is None or self.upstream is None or not self.request_done:
            raise MalformedResponse("The backend switched protocols without being asked.", Where.RESPONSE_HEAD)
        self.responded, self.status = True, 101
        self.tunnel = Tunnel(self, self.upstream)
        head = b"%bConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % (lines, protocol)
        self.client.transport.write(head + rest)
        self.client.enter_tunnel()

    def tunnel_closed(self) -> None:
        """The backend's connection is gone: what it sent is flushed, then the client's ends too."""
        self.upstream = None
        if not self.finished:
            self._finish()
            self.client.tunnel_over()

    # 8: the end, good or bad -----------------------------------------------------------------------------------------

    def upstream_gone(self, error: GatewayError, *, answered: bool) -> None:
        """The connection ended before the response began.

        A kept connection may have been closed by the backend while the request was on its way. Only then, only for
        safe methods without a body, and only once is it sent again (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
        """
        connection, self.upstream = self.upstream, None
        again = connection is not None and connection.reused and not answered and not self._retried
        if again and self.method in _SAFE and self.request.facts.framing is _NO_BODY and self.backend is not None:
            self._retried = True
            self.service.meters.events.add("retry", self.backend)
            self.service.pools[self.backend].connect(self)
        elif self.backend is _V2 and self._whole is not None and not answered and self.request_done:
            record_error(self, error)
            self.service.background(self._resolve(error))
        else:
            self.fail(error)

    async def _resolve(self, error: GatewayError) -> None:
        """v2 broke off before it answered: if it says that it never accepted the job, legacy may have it."""
        verdict = await inquire(self.service.questions, idempotency_key(self))
        self.service.meters.events.add(f"inquiry-{verdict}", Backend.V2)
        if self.finished:
            return
        if verdict is Verdict.NEVER and self._whole is not None:
            self._pending, self._sent_up = list(self._whole), False
            self.service.meters.events.add("fallback", Backend.LEGACY)
            self.send_to(Backend.LEGACY)
        else:
            self.fail(error, counted=True, outcome=str(verdict))

    def fail(self, error: GatewayError, *, counted: bool = False, outcome: str | None = None) -> None:
        """End with `error`: answer it if nothing was answered yet, else cut the answer short so that nobody takes it
        for whole. `outcome` is what is known of the job."""
        if self.finished:
            return
        if not counted:
            record_error(self, error)
        unknown = self._may_have_begun()
        self._drop_upstream()
        client = self.client
        if self.responded:
            self._finish()
            client.cut_short(abort=not self._chunk_reply and self.request.minor == 0)
            return
        if unknown:
            self.service.meters.events.add("retry-refused", self.backend or "none")
        self.responded = True
        self.status = error.status
        client.closing = client.closing or not self.request_done or self.service.draining
        answer = problem(
            error,
            name=self.service.name,
            date=self.service.clock.date,
            request_id=self.request_id,
            backend=self.backend,
            origin=self.request.passage.origin,
            body=has_body(self.method, error.status),
            close=client.closing,
            minor=self.request.minor,
            outcome=outcome or ("unknown" if unknown else None),
            key=None if self.route.flag is None else idempotency_key(self),
        )
        client.transport.write(answer)
        self._finish()
        client.exchange_over(self.request_done)

    def _may_have_begun(self) -> bool:
        """Whether a backend may be working on this request although it will never be answered."""
        return self._sent_up and self.request_done and self.method not in _SAFE

    def abandon(self) -> None:
        """The client is gone."""
        if not self.finished:
            if not self.responded:
                self.status = ClientGone.status
            record_error(self, ClientGone("", Where.RESPONSE_BODY if self.responded else Where.REQUEST_SENT))
            self._drop_upstream()
            self._finish()

    def overdue(self) -> bool:
        """Whether the route's limit for the whole exchange has passed."""
        return 0 < self.route.total < perf_counter() - self.started and self.tunnel is None

    def expire(self, *, reading: bool) -> None:
        """The deadline has passed; `reading` says that it is the client who should have sent something."""
        if self.tunnel:
            self._drop_upstream()
            self._finish()
            self.client.tunnel_over()
        elif reading and not self.responded:
            self.fail(RequestTimeout("The body came too slowly.", Where.REQUEST_BODY))
        else:
            where = Where.RESPONSE_BODY if self.responded else Where.RESPONSE_HEAD
            self.fail(ResponseTimeout(f"{self.backend} did not answer in time.", where))

    def _drop_upstream(self) -> None:
        connection, self.upstream = self.upstream, None
        if connection is not None:
            connection.abandon()
        elif self.backend is not None:
            self.service.pools[self.backend].forget(self)

    def _finish(self) -> None:
        record(self, self._decision)
