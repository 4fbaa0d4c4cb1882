"""Which header fields travel on, in either direction, and which the gateway adds (RFC 9110 section 7.6).

Order, case and multiplicity of all other fields stay as they are: a head's text is forwarded, less the lines that stay.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from gateway.core.errors import LoopDetected
from gateway.core.fields import Kind
from gateway.core.framing import Framing, RequestFacts, ResponseFacts, tokens, valid_host
from gateway.core.lines import FieldLine

# A Connection field must not be able to remove these (they frame, route or authenticate the message).
_NEVER_NOMINATED = frozenset(
    b"host content-length content-type authorization cookie set-cookie x-forwarded-for x-forwarded-host "
    b"x-forwarded-proto forwarded via idempotency-key date expect".split()
)
# The fields of these names go anyway, so that their lines need not be looked for.
_CUSTOMARY_OPTIONS = frozenset((b"keep-alive", b"upgrade", b"te", b"transfer-encoding"))
# A member of an Enum class takes three times as long to look up as a global.
_CONTENT_LENGTH_FIELD = Kind.CONTENT_LENGTH
_EXPECT_FIELD = Kind.EXPECT
_EXPLAIN_FIELD = Kind.EXPLAIN
_FORCE_FIELD = Kind.FORCE
_FORWARDING_FIELD = Kind.FORWARDING
_HOST_FIELD = Kind.HOST
_IDEMPOTENCY_KEY_FIELD = Kind.IDEMPOTENCY_KEY
_MAX_FORWARDS_FIELD = Kind.MAX_FORWARDS
_ORIGIN_FIELD = Kind.ORIGIN
_REQUEST_ID_FIELD = Kind.REQUEST_ID
_TRACEPARENT_FIELD = Kind.TRACEPARENT
_TRACESTATE_FIELD = Kind.TRACESTATE
_VIA_FIELD = Kind.VIA
_ASK_FOR_MORE = frozenset((_REQUEST_ID_FIELD, _TRACEPARENT_FIELD, _MAX_FORWARDS_FIELD, _EXPLAIN_FIELD))
# Kinds that never travel on as they came: the gateway writes its own, or nobody may have them.
_DROPPED = frozenset(
    (Kind.CONNECTION, Kind.UPGRADE, Kind.TE, Kind.HOP, Kind.TRANSFER_ENCODING, Kind.SPOOFED, Kind.OURS)
)
# What has a quote without its end is not taken apart: that would take ever new attempts, and it says nothing.
_WELL_QUOTED = re.compile(rb'(?:[^"]|"(?:[^"\\]|\\.)*")*')
_FORWARDED_ELEMENT = re.compile(rb'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{0,15}\Z")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~+/=:-]{1,128}\Z")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


class Hop(NamedTuple):
    """What the gateway knows about its own hop and the client's.

    `trusted_hops` counts the proxies in front of the gateway whose forwarding fields are believed; 0 believes nobody.
    """

    name: bytes  # our pseudonym in Via
    peer: bytes  # the client's address, b"unknown" for a Unix socket
    trusted_hops: int = 0
    scheme: bytes = b"http"


class Edits(NamedTuple):
    """How the text of a head's fields is changed on its way through, as far as its special lines tell.

    `lines` are texts and what comes in their place, `nominated` lower-case names of further lines that stay here,
    `front` and `own` what is added before and behind.
    """

    lines: list[tuple[bytes, bytes]]
    nominated: frozenset[bytes]
    front: bytes
    own: bytes

    def apply(self, text: bytes) -> bytes:
        """The edited `text`: CR LF, then each line with its own, as in FieldBlock."""
        for line, instead in self.lines:
            # Of lines that are alike the last one goes, because it is the first one that counts.
            before, _, behind = text.rpartition(line)
            text = before + instead + behind
        if self.nominated:
            text = _without(text, self.nominated)
        if self.front:
            text = b"\r\n" + self.front + text[2:]
        return text + self.own


def _without(text: bytes, names: frozenset[bytes]) -> bytes:
    lowered = text.lower()
    if not any(b"\r\n%b:" % name in lowered for name in names):
        return text
    kept = [line for line in text[2:-2].split(b"\r\n") if line.partition(b":")[0].lower() not in names]
    return b"\r\n".join([b"", *kept, b""])


@dataclass(slots=True)
class RequestPassage:
    """What is done to a request whose special lines are known: edits for the backend, and what they say to us."""

    edits: Edits
    request_id: bytes | None
    traced: bool
    key: bytes | None  # the client's own Idempotency-Key
    origin: bytes | None
    max_forwards: int | None
    wants_decision: bool
    force: bytes | None  # X-Gateway-Force, unchecked
    plain: bool  # no more is to be done than the edits and the gateway's own ids


def request_passage(
    facts: RequestFacts,
    special: Iterable[FieldLine],
    hop: Hop,
    minor: int,
    *,
    authority: bytes | None,
    nameless: bytes,
    flagged: bool = False,
    peeked: bool = False,
) -> RequestPassage:
    """The end-to-end fields of a request, and the gateway's own behind them.

    `authority` is that of an absolute-form target, which wins over Host (RFC 9112 section 3.2.2); `nameless` is the
    Host to send for an HTTP/1.0 client that named none; where the body is `peeked` at the gateway itself answers an
    expectation, and on a `flagged` route it sees to a proper Idempotency-Key. Raises LoopDetected when our own name
    stands in Via.
    """
    named = authority or facts.host
    edits: list[tuple[bytes, bytes]] = []
    states: list[tuple[bytes, bytes]] = []
    seen: dict[Kind, bytes] = {}
    chain = _NO_CHAIN
    nominated = facts.options - _NEVER_NOMINATED - _CUSTOMARY_OPTIONS
    for line in special:
        kind = line.kind
        if kind in _DROPPED or (nominated and line.name.lower() in nominated):
            edits.append((line.text, b"\r\n"))
        elif kind is _FORWARDING_FIELD:
            if hop.trusted_hops and chain is _NO_CHAIN:
                chain = _Chain()
            if not hop.trusted_hops or chain.add(line.name.lower(), line.value):
                edits.append((line.text, b"\r\n"))
        elif kind is _HOST_FIELD:
            if authority is not None:
                edits.append((line.text, b"\r\n%b: %b\r\n" % (line.name, authority)))
        elif kind is _TRACESTATE_FIELD:
            states.append((line.text, b"\r\n"))
        elif kind is not _VIA_FIELD and _withheld(kind, line.value, seen, facts, flagged=flagged, peeked=peeked):
            edits.append((line.text, b"\r\n"))
        else:
            if kind is _VIA_FIELD:
                _check_loop(line.value, hop.name)
            seen[kind] = line.value
    if _TRACEPARENT_FIELD not in seen:
        edits += states  # W3C Trace Context section 4.3: state without a valid parent is nobody's
    front = b"" if facts.host else b"Host: %b\r\n" % (named or nameless)
    left = seen.get(_MAX_FORWARDS_FIELD, b"")
    return RequestPassage(
        Edits(edits, nominated, front, _own_fields(facts, hop, chain, named, minor)),
        seen.get(_REQUEST_ID_FIELD),
        _TRACEPARENT_FIELD in seen,
        seen.get(_IDEMPOTENCY_KEY_FIELD),
        seen.get(_ORIGIN_FIELD),
        int(left) if left.isdigit() and len(left) < 10 else None,
        _EXPLAIN_FIELD in seen,
        seen.get(_FORCE_FIELD),
        seen.keys().isdisjoint(_ASK_FOR_MORE),
    )


def _withheld(
    kind: Kind, value: bytes, seen: dict[Kind, bytes], facts: RequestFacts, *, flagged: bool, peeked: bool
) -> bool:
    """Whether a field of a special kind stays here."""
    if kind is _REQUEST_ID_FIELD:
        return kind in seen or _REQUEST_ID.match(value) is None
    if kind is _TRACEPARENT_FIELD:
        return kind in seen or _TRACEPARENT.match(value) is None
    if kind is _EXPECT_FIELD:
        return peeked or not facts.expects_continue
    if kind is _IDEMPOTENCY_KEY_FIELD:
        return flagged and (kind in seen or not value)
    if kind is _EXPLAIN_FIELD or kind is _FORCE_FIELD:
        seen[kind] = value
        return True
    return kind is _CONTENT_LENGTH_FIELD and facts.framing is Framing.CHUNKED


class _Chain:
    """The forwarding fields that came in, kept for the case that somebody in front of us is trusted."""

    __slots__ = ("forwarded", "forwarded_for", "host", "proto")

    def __init__(self) -> None:
        self.forwarded_for: list[bytes] = []
        self.forwarded: list[bytes] = []
        self.host: bytes | None = None
        self.proto: bytes | None = None

    def add(self, key: bytes, value: bytes) -> bool:
        """Take a field that the gateway will write anew; False if it is not one of these."""
        if key == b"x-forwarded-for":
            self.forwarded_for += [part.strip(b" \t") for part in value.split(b",")]
        elif key == b"forwarded":
            # Commas inside quotes part nothing (RFC 7239 section 4).
            if _WELL_QUOTED.fullmatch(value):
                self.forwarded += [part.strip(b" \t") for part in _FORWARDED_ELEMENT.findall(value)]
        elif key == b"x-forwarded-host":
            self.host = value if valid_host(value) else None
        elif key == b"x-forwarded-proto":
            self.proto = value if _SCHEME.match(value) else None
        else:
            return False
        return True


_NO_CHAIN = _Chain()


def _check_loop(via: bytes, name: bytes) -> None:
    """RFC 9110 section 7.6.3: our own received-by in Via means that the request came round."""
    for member in tokens(via):
        parts = member.split()
        if len(parts) > 1 and parts[1] == name.lower():
            raise LoopDetected("This request has been through this gateway before.")


def _own_fields(facts: RequestFacts, hop: Hop, chain: _Chain, host: bytes | None, minor: int) -> bytes:
    if hop.trusted_hops and (chain.forwarded_for or chain.forwarded or chain.host or chain.proto):
        lines = _forwarding_behind(hop, chain, host, minor)
    else:
        lines = _forwarding(hop, host, minor)
    if facts.framing is Framing.CHUNKED:
        lines += b"Transfer-Encoding: chunked\r\n"
    if facts.upgrade:
        lines += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % facts.upgrade
    elif facts.wants_trailers:
        lines += b"Connection: TE\r\nTE: trailers\r\n"
    return lines


@lru_cache(maxsize=1024)
def _forwarding(hop: Hop, host: bytes | None, minor: int) -> bytes:
    return _forwarding_behind(hop, _Chain(), host, minor)


def _forwarding_behind(hop: Hop, chain: _Chain, host: bytes | None, minor: int) -> bytes:
    """Via, the de-facto X-Forwarded-* and RFC 7239's Forwarded, behind what trusted proxies have said."""
    trusted = hop.trusted_hops
    outer_host = chain.host or host
    proto = chain.proto or hop.scheme
    hop_host = b"host=%b;" % _quoted(outer_host) if outer_host else b""
    ours = b"for=%b;%bproto=%b" % (_node(hop.peer), hop_host, _quoted(proto))
    own = [
        (b"Via", b"1.%d %b" % (minor, hop.name)),
        (b"X-Forwarded-For", b", ".join([*chain.forwarded_for[-trusted or len(chain.forwarded_for) :], hop.peer])),
        *([(b"X-Forwarded-Host", outer_host)] if outer_host else []),
        (b"X-Forwarded-Proto", proto),
        (b"Forwarded", b", ".join([*chain.forwarded[-trusted or len(chain.forwarded) :], ours])),
    ]
    return b"".join(b"%b: %b\r\n" % pair for pair in own)


def _node(peer: bytes) -> bytes:
    """RFC 7239 section 6: an IPv6 address stands in brackets and quotes."""
    return b'"[%b]"' % peer if b":" in peer else peer


def _quoted(value: bytes) -> bytes:
    if re.match(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z", value):
        return value
    return b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def response_edits(
    facts: ResponseFacts, special: Iterable[FieldLine], backend: bytes, received_by: bytes, *, framed: bool
) -> Edits:
    """What becomes of a response's fields; `framed` keeps Content-Length (else the framing is ours), `received_by` is
    our pseudonym.

    The caller adds the status line, Transfer-Encoding, Connection, Date, X-Request-Id and the empty line.
    """
    nominated = facts.options - _NEVER_NOMINATED - _CUSTOMARY_OPTIONS
    edits = [
        (line.text, b"\r\n")
        for line in special
        if (kind := line.kind) in _DROPPED
        or (kind is _CONTENT_LENGTH_FIELD and not framed)
        or (nominated and line.name.lower() in nominated)
    ]
    return Edits(edits, nominated, b"", _passed(facts.minor, received_by, backend))


@lru_cache(maxsize=64)
def _passed(minor: int, received_by: bytes, backend: bytes) -> bytes:
    return b"Via: 1.%d %b\r\nX-Gateway-Backend: %b\r\n" % (minor, received_by, backend)
