"""What kind of field a name is: looked up once per spelling, so that a head costs one dictionary look-up per line.

Used by gateway.core.framing, which reads heads, and gateway.core.headers, which writes them.
"""

from enum import IntEnum, auto
from typing import Final


class Kind(IntEnum):
    """What has to be done about a field. Everything that is not listed here is PLAIN and travels on as it is."""

    PLAIN = auto()
    HOST = auto()
    CONTENT_LENGTH = auto()
    TRANSFER_ENCODING = auto()
    CONNECTION = auto()
    UPGRADE = auto()
    EXPECT = auto()
    TE = auto()
    HOP = auto()  # for one hop only
    FORWARDING = auto()  # says where a request came from: believed from trusted proxies alone
    SPOOFED = auto()  # looks like a forwarding field to readers that take '_' for '-'
    OURS = auto()  # X-Gateway-*, X-Service-Key, X-Shadow: only we may say so
    EXPLAIN = auto()
    FORCE = auto()  # signed; read here, never passed on
    VIA = auto()
    REQUEST_ID = auto()
    TRACEPARENT = auto()
    TRACESTATE = auto()
    IDEMPOTENCY_KEY = auto()
    ORIGIN = auto()
    MAX_FORWARDS = auto()
    DATE = auto()


# Proxy-Authorization would be for us; Trailer is written anew where it applies (RFC 9110 sections 7.6.1, 11.7, 6.6.2).
_KNOWN: Final = {
    b"host": Kind.HOST,
    b"content-length": Kind.CONTENT_LENGTH,
    b"transfer-encoding": Kind.TRANSFER_ENCODING,
    b"connection": Kind.CONNECTION,
    b"upgrade": Kind.UPGRADE,
    b"expect": Kind.EXPECT,
    b"te": Kind.TE,
    b"keep-alive": Kind.HOP,
    b"proxy-connection": Kind.HOP,
    b"trailer": Kind.HOP,
    b"http2-settings": Kind.HOP,
    b"proxy-authorization": Kind.HOP,
    b"proxy-authenticate": Kind.HOP,
    b"proxy-authentication-info": Kind.HOP,
    b"x-real-ip": Kind.FORWARDING,
    b"forwarded": Kind.FORWARDING,
    b"x-service-key": Kind.OURS,
    b"x-shadow": Kind.OURS,
    b"x-gateway-explain": Kind.EXPLAIN,
    b"x-gateway-force": Kind.FORCE,
    b"via": Kind.VIA,
    b"x-request-id": Kind.REQUEST_ID,
    b"traceparent": Kind.TRACEPARENT,
    b"tracestate": Kind.TRACESTATE,
    b"idempotency-key": Kind.IDEMPOTENCY_KEY,
    b"origin": Kind.ORIGIN,
    b"max-forwards": Kind.MAX_FORWARDS,
    b"date": Kind.DATE,
}
SPELLINGS: Final[dict[bytes, Kind]] = {}
MAX_SPELLINGS: Final = 2048
"""Names come from clients, so the table is bounded; what does not fit is worked out again each time.

Loops over fields ask `SPELLINGS.get(name) or kind_of(name)`: no Kind is 0, and the call costs more than the look-up.
"""


def kind_of(name: bytes) -> Kind:
    """The kind of the field called `name`, in whatever case."""
    found = SPELLINGS.get(name)
    if found is None:
        found = _classify(name.lower())
        if len(SPELLINGS) < MAX_SPELLINGS and len(name) <= 64:
            SPELLINGS[name] = found
    return found


def _classify(key: bytes) -> Kind:
    known = _KNOWN.get(key)
    if known is not None:
        return known
    plain = key.replace(b"_", b"-")
    if plain.startswith(b"x-gateway-") or _KNOWN.get(plain) is Kind.OURS:
        return Kind.OURS
    if plain.startswith(b"x-forwarded-") or _KNOWN.get(plain) is Kind.FORWARDING:
        return Kind.FORWARDING if plain == key else Kind.SPOOFED
    return Kind.PLAIN
