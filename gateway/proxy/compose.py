"""The per-request lines of the heads that an exchange sends, around the blocks of gateway.core.headers."""

from hashlib import blake2b
from typing import TYPE_CHECKING

from gateway.core.decide import Backend, Decision
from gateway.core.framing import Framing, ResponseFacts
from gateway.core.routes import Route
from gateway.proxy.admission import explanation

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

_BY_LENGTH, _BY_CHUNKS = Framing.LENGTH, Framing.CHUNKED
_LEGACY, _V2 = Backend.LEGACY, Backend.V2
_ID = b"X-Request-Id: "
_TRACE = b"\r\ntraceparent: 00-"


def forwarded_head(exchange: "Exchange") -> bytes:
    """The head for legacy of a request that asks for no more than to be forwarded."""
    id_ = exchange.request_id
    return b"".join((exchange.request.lines, _ID, id_, _TRACE, id_, b"-", id_[16:], b"-00\r\n\r\n"))


def request_head(exchange: "Exchange") -> tuple[bytes, ...]:
    """The head for the backend, in pieces: request line, the client's lines, and the ids that it did not give."""
    id_, lines, passage = exchange.request_id, exchange.request.lines, exchange.request.passage
    more = exchange.service.v2_lines if exchange.backend is _V2 else b""
    keyed = exchange.route.flag is not None and passage.key is None
    if passage.request_id is not None or passage.traced:
        key = b"Idempotency-Key: %b\r\n" % idempotency_key(exchange) if keyed else b""
        return lines, _missing_ids(exchange), key, more, b"\r\n"
    ids = _ID, id_, _TRACE, id_, b"-", id_[16:]
    if keyed:
        return lines, *ids, b"-00\r\nIdempotency-Key: ", id_, b"\r\n", more, b"\r\n"
    return lines, *ids, b"-00\r\n", more, b"\r\n"


def idempotency_key(exchange: "Exchange") -> bytes:
    """The key of a flagged request: the client's, or one of this exchange alone.

    An X-Request-Id of the client's is none: it may stand on all requests of a session, and then the second import would
    be taken for the first.
    """
    passage = exchange.request.passage
    if passage.key is not None:
        return passage.key
    if passage.request_id is None:
        return exchange.request_id
    seed = b"%b %r" % (exchange.request_id, exchange.started)
    return blake2b(seed, digest_size=16).hexdigest().encode()


def _missing_ids(exchange: "Exchange") -> bytes:
    passage, request_id = exchange.request.passage, exchange.request_id
    own = b"" if passage.request_id else b"X-Request-Id: %b\r\n" % request_id
    if not passage.traced:
        trace = request_id if passage.request_id is None else exchange.service.next_id()
        own += b"traceparent: 00-%b-%b-00\r\n" % (trace, trace[16:])
    return own


def frames_by_chunks(exchange: "Exchange", facts: ResponseFacts, *, body: bool) -> bool:
    """Whether the head has to say that the body comes in chunks; a client of HTTP/1.0 gets it until the close."""
    if facts.framing is _BY_LENGTH or facts.status in (204, 304) or not exchange.request.minor:
        return False
    return body or facts.framing is _BY_CHUNKS


def response_head(
    exchange: "Exchange", facts: ResponseFacts, lines: bytes, decision: Decision, chunked: bool, first: bytes
) -> bytes:
    """The head for the client: the response's own `lines` and what the gateway adds; behind it the body's `first`."""
    own = b"" if facts.has_date else b"Date: %b\r\n" % exchange.service.clock.date
    if chunked:
        own += b"Transfer-Encoding: chunked\r\n"
    if exchange.client.closing:
        own += b"Connection: close\r\n"
    elif not exchange.request.minor:
        own += b"Connection: keep-alive\r\n"
    if exchange.route.notices and exchange.backend is _LEGACY:
        own += _notices(exchange.route, lines)
    if exchange.request.passage.wants_decision:
        own += b"X-Gateway-Decision: %b\r\n" % explanation(exchange.backend, decision)
    if facts.has_request_id:
        return b"".join((lines, own, b"\r\n", first))
    return b"".join((lines, b"X-Request-Id: ", exchange.request_id, b"\r\n", own, b"\r\n", first))


def _notices(route: Route, lines: bytes) -> bytes:
    """That this answer comes from what is going away. What the backend itself says of it stands; links add up."""
    said = {line.partition(b":")[0].lower() for line in lines.split(b"\r\n")} - {b"link"}
    return b"".join(line for name, line in route.notices if name not in said)
