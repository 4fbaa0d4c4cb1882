"""What the gateway may change in a message, as one table with reasons: everything else must arrive as it was sent.

The counterpart of gateway/README.md, "What the gateway changes in a message"; shares no code with the gateway.
"""

import re
from typing import Final

from bench.fuzz.referee import Pair, Request, Response

# name -> why it does not travel on, in either direction
ONE_HOP: Final = {
    b"connection": "RFC 9110 7.6.1: speaks about this connection only",
    b"keep-alive": "RFC 9110 7.6.1: the same",
    b"proxy-connection": "RFC 9110 7.6.1: the same, by mistake of old clients",
    b"te": "RFC 9110 10.1.4: what this hop accepts; sent anew as 'trailers' when Connection names it",
    b"trailer": "RFC 9110 7.6.1: about the framing of this hop",
    b"transfer-encoding": "RFC 9112 6.1: bodies are framed anew; the content stays",
    b"upgrade": "RFC 9110 7.8: sent anew when Connection names it",
    b"http2-settings": "RFC 9113 3.1: HTTP/2 over cleartext is not offered",
    b"proxy-authorization": "RFC 9110 11.7.2: meant for the proxy",
    b"proxy-authenticate": "RFC 9110 11.7.1: comes from a proxy, meant for its client",
    b"proxy-authentication-info": "RFC 9110 11.7.3: the same",
}
# name -> why what a client says is replaced by what the gateway knows
REPLACED_IN_REQUESTS: Final = {
    b"x-forwarded-for": "says where a request came from; an untrusted client may not",
    b"x-forwarded-host": "the same",
    b"x-forwarded-proto": "the same",
    b"x-forwarded-port": "the same",
    b"x-real-ip": "the same",
    b"forwarded": "RFC 7239: the same",
}
ADDED_TO_REQUESTS: Final = {
    b"via": "RFC 9110 7.6.3: behind the ones that were there",
    b"x-forwarded-for": "the client's address",
    b"x-forwarded-host": "the host it asked for",
    b"x-forwarded-proto": "the scheme it used",
    b"forwarded": "RFC 7239: the three in one",
    b"x-request-id": "only if absent or unusable",
    b"traceparent": "W3C Trace Context: only if absent or invalid",
    b"idempotency-key": "only if absent, only on flagged routes",
}
ADDED_TO_RESPONSES: Final = {
    b"via": "RFC 9110 7.6.3: behind the ones that were there",
    b"x-gateway-backend": "who answered",
    b"x-request-id": "only if absent",
    b"date": "RFC 9110 6.6.1: only if absent",
}
# A Connection field that names these is not obeyed: they frame, route or authenticate.
PROTECTED: Final = frozenset(
    b"host content-length content-type authorization cookie set-cookie forwarded via idempotency-key date expect "
    b"x-forwarded-for x-forwarded-host x-forwarded-proto".split()
)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~+/=:-]{1,128}")
_SOME = re.compile(rb".+", re.DOTALL)
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def _nominated(fields: tuple[Pair, ...]) -> frozenset[bytes]:
    options = (part for name, value in fields if name.lower() == b"connection" for part in value.lower().split(b","))
    return frozenset(part.strip(b" \t") for part in options) - PROTECTED


def _travels(key: bytes, nominated: frozenset[bytes]) -> bool:
    return key not in ONE_HOP and key not in nominated and not key.replace(b"_", b"-").startswith(b"x-gateway-")


def _names_a_sender(key: bytes) -> bool:
    plain = key.replace(b"_", b"-")
    return plain in REPLACED_IN_REQUESTS or plain.startswith(b"x-forwarded-")


def sent(request: Request, *, continued: bool = False, flagged: bool = False) -> list[Pair]:
    """The fields of a client's request that must reach the origin, in order.

    `continued` says that the gateway answered the expectation itself, as it must to see the body of a flagged request:
    then the expectation is met and does not travel on (RFC 9110 10.1.1). A `flagged` request has one Idempotency-Key.
    """
    nominated = _nominated(request.fields)
    once = {b"x-request-id": _REQUEST_ID, b"traceparent": _TRACEPARENT}
    if flagged:
        once[b"idempotency-key"] = _SOME
    names = set(once)
    kept: list[Pair] = []
    for name, value in request.fields:
        key = name.lower()
        if not _travels(key, nominated) or _names_a_sender(key):
            continue
        if key in once:
            if once[key].fullmatch(value) is None:
                continue
            del once[key]
        elif key in names or (key == b"expect" and (continued or not request.minor)):
            continue
        kept.append((name, request.authority or value if key == b"host" else value))
    if b"traceparent" in once:  # W3C Trace Context 4.3: no valid parent came, and then its state is deleted
        kept = [pair for pair in kept if pair[0].lower() != b"tracestate"]
    return kept


def arrived(request: Request, client: Request, *, flagged: bool = False) -> list[Pair]:
    """The fields of the request at the origin, without those that the gateway may have added to the `client`'s."""
    wanted = [name.lower() for name, _ in sent(client, flagged=flagged)]
    kept: list[Pair] = []
    for name, value in request.fields:
        key = name.lower()
        if key in ONE_HOP or key in REPLACED_IN_REQUESTS:
            continue
        if key in ADDED_TO_REQUESTS and key not in wanted:
            continue
        if key == b"host" and key not in wanted and not client.minor:
            continue  # HTTP/1.0 may name no host; HTTP/1.1 must
        kept.append((name, value))
    if b"via" in wanted:
        kept.remove(next(pair for pair in reversed(kept) if pair[0].lower() == b"via"))
    return kept


def answered(response: Response) -> list[Pair]:
    """The fields of the origin's answer that must reach the client, in order."""
    nominated = _nominated(response.fields)
    return [
        (name, value)
        for name, value in response.fields
        if _travels(name.lower(), nominated) and not (name.lower() == b"content-length" and response.status == 204)
    ]


def received(response: Response, origin: Response) -> list[Pair]:
    """The fields of the answer at the client, without those that the gateway may have added to the `origin`'s."""
    wanted = [name.lower() for name, _ in answered(origin)]
    kept: list[Pair] = []
    for name, value in response.fields:
        key = name.lower()
        if key in ONE_HOP or key == b"x-gateway-backend" or (key in ADDED_TO_RESPONSES and key not in wanted):
            continue
        kept.append((name, value))
    if b"via" in wanted:
        kept.remove(next(pair for pair in reversed(kept) if pair[0].lower() == b"via"))
    return kept
