"""Which header fields travel on, in either direction, and which the gateway adds (RFC 9110 section 7.6).

Order, case and multiplicity of all other fields stay as they are: fields are a list of pairs, never a dictionary.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from gateway.core.errors import LoopDetected
from gateway.core.framing import Framing, RequestFacts, ResponseFacts, tokens
from gateway.core.heads import Field

# Fields for one hop only. Proxy-Authorization would be for us, TE and Trailer are written anew where they apply.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade http2-settings proxy-authorization "
    b"proxy-authenticate proxy-authentication-info".split()
)
# A Connection field must not be able to remove these (they frame, route or authenticate the message).
_NEVER_NOMINATED = frozenset(
    b"host content-length content-type authorization cookie set-cookie x-forwarded-for x-forwarded-host "
    b"x-forwarded-proto forwarded via idempotency-key date expect".split()
)
# Backends may trust these, so a client may not send them past us; a CGI-style reader takes '_' for '-'.
_FORWARDING = frozenset(
    b"x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-real-ip forwarded".split()
)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~+/=:-]{1,128}\Z")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


@dataclass(slots=True, frozen=True)
class Hop:
    """What the gateway knows about its own hop and the client's.

    `trusted_hops` counts the proxies in front of the gateway whose forwarding fields are believed; 0 believes nobody.
    """

    name: bytes  # our pseudonym in Via
    peer: bytes  # the client's address, b"unknown" for a Unix socket
    trusted_hops: int = 0
    scheme: bytes = b"http"


class RequestBlock(NamedTuple):
    """The field lines that go to a backend with each request of one head block, without the per-request ones."""

    lines: bytes
    request_id: bytes | None
    traced: bool
    has_key: bool  # the client sent its own Idempotency-Key
    origin: bytes | None
    max_forwards: int | None
    wants_decision: bool


def request_block(
    facts: RequestFacts, hop: Hop, minor: int, *, authority: bytes | None, nameless: bytes, pass_expect: bool = True
) -> RequestBlock:
    """The end-to-end fields of a request, and the gateway's own behind them.

    `authority` is that of an absolute-form target, which wins over Host (RFC 9112 section 3.2.2); `nameless` is the
    Host to send for an HTTP/1.0 client that named none; without `pass_expect` the gateway itself answers the
    expectation. Raises LoopDetected when our own name stands in Via.
    """
    named = authority or facts.host
    host = named or nameless
    kept: list[Field] = []
    chain = _Chain()
    request_id: bytes | None = None
    origin: bytes | None = None
    max_forwards: int | None = None
    traced = has_key = host_sent = wants_decision = False
    nominated = facts.options - _NEVER_NOMINATED
    for name, value in facts.fields:
        key = name.lower()
        plain = key.replace(b"_", b"-") if b"_" in key else key
        if key in _HOP_BY_HOP or key in nominated:
            continue
        if plain.startswith(b"x-gateway-"):
            wants_decision = wants_decision or key == b"x-gateway-explain"
        elif plain in _FORWARDING:
            chain.add(plain if plain == key else b"", value)
        elif key == b"host":
            kept.append((name, host))
            host_sent = True
        elif key == b"content-length":
            if facts.framing is not Framing.CHUNKED:
                kept.append((name, value))
        elif key == b"x-request-id":
            if request_id is None and _REQUEST_ID.match(value):
                request_id = value
                kept.append((name, value))
        elif key == b"traceparent":
            if not traced and _TRACEPARENT.match(value):
                traced = True
                kept.append((name, value))
        else:
            if key == b"via":
                _check_loop(value, hop.name)
            elif key == b"idempotency-key":
                has_key = True
            elif key == b"origin":
                origin = value
            elif key == b"max-forwards":
                max_forwards = int(value) if value.isdigit() and len(value) < 10 else None
            elif key == b"expect" and not (pass_expect and facts.expects_continue):
                continue
            kept.append((name, value))
    if not host_sent:
        kept.insert(0, (b"Host", host))
    kept += _own_fields(facts, hop, chain, named, minor)
    lines = b"".join([b"%b: %b\r\n" % pair for pair in kept])
    return RequestBlock(lines, request_id, traced, has_key, origin, max_forwards, wants_decision)


class _Chain:
    """The forwarding fields that came in, kept for the case that somebody in front of us is trusted."""

    __slots__ = ("forwarded", "forwarded_for", "host", "proto")

    def __init__(self) -> None:
        self.forwarded_for: list[bytes] = []
        self.forwarded: list[bytes] = []
        self.host: bytes | None = None
        self.proto: bytes | None = None

    def add(self, key: bytes, value: bytes) -> None:
        if key == b"x-forwarded-for":
            self.forwarded_for += [part.strip(b" \t") for part in value.split(b",")]
        elif key == b"forwarded":
            self.forwarded += [part.strip(b" \t") for part in value.split(b",")]
        elif key == b"x-forwarded-host":
            self.host = value
        elif key == b"x-forwarded-proto":
            self.proto = value


def _check_loop(via: bytes, name: bytes) -> None:
    """RFC 9110 section 7.6.3: our own received-by in Via means that the request came round."""
    for member in tokens(via):
        parts = member.split()
        if len(parts) > 1 and parts[1] == name.lower():
            raise LoopDetected("This request has been through this gateway before.")


def _own_fields(facts: RequestFacts, hop: Hop, chain: _Chain, host: bytes | None, minor: int) -> list[Field]:
    trusted = hop.trusted_hops
    forwarded_for = chain.forwarded_for[-trusted:] if trusted else []
    forwarded = chain.forwarded[-trusted:] if trusted else []
    outer_host = (trusted and chain.host) or host
    proto = (trusted and chain.proto) or hop.scheme
    hop_host = b"host=%b;" % _quoted(outer_host) if outer_host else b""
    forwarded.append(b"for=%b;%bproto=%b" % (_node(hop.peer), hop_host, _quoted(proto)))
    own = [
        (b"Via", b"1.%d %b" % (minor, hop.name)),
        (b"X-Forwarded-For", b", ".join([*forwarded_for, hop.peer])),
        *([(b"X-Forwarded-Host", outer_host)] if outer_host else []),
        (b"X-Forwarded-Proto", proto),
        (b"Forwarded", b", ".join(forwarded)),
    ]
    if facts.framing is Framing.CHUNKED:
        own.append((b"Transfer-Encoding", b"chunked"))
    if facts.upgrade:
        own += [(b"Connection", b"Upgrade"), (b"Upgrade", facts.upgrade)]
    elif facts.wants_trailers:
        own += [(b"Connection", b"TE"), (b"TE", b"trailers")]
    return own


def _node(peer: bytes) -> bytes:
    """RFC 7239 section 6: an IPv6 address stands in brackets and quotes."""
    return b'"[%b]"' % peer if b":" in peer else peer


def _quoted(value: bytes) -> bytes:
    if re.match(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z", value):
        return value
    return b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def response_lines(facts: ResponseFacts, backend: bytes, received_by: bytes, *, framed: bool) -> bytes:
    """Status line and end-to-end fields of a response; `framed` keeps Content-Length (else the framing is ours),
    `received_by` is our pseudonym.

    The caller adds Transfer-Encoding, Connection, Date, X-Request-Id and the empty line.
    """
    line = facts.line
    nominated = facts.options - _NEVER_NOMINATED
    kept = [b"HTTP/1.1 %d %b\r\n" % (line.status, line.reason)]
    for name, value in facts.fields:
        key = name.lower()
        if key in _HOP_BY_HOP or key in nominated or key.startswith(b"x-gateway-"):
            continue
        if key == b"content-length" and not framed:
            continue
        kept.append(b"%b: %b\r\n" % (name, value))
    kept.append(b"Via: 1.%d %b\r\nX-Gateway-Backend: %b\r\n" % (line.minor, received_by, backend))
    return b"".join(kept)
