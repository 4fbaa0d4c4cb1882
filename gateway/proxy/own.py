"""The few requests that the gateway answers itself: its health, and OPTIONS and TRACE at their last hop."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.core.errors import MalformedRequest
from gateway.core.framing import Framing
from gateway.core.problems import own_answer
from gateway.proxy.reception import Received

if TYPE_CHECKING:
    from gateway.proxy.server import ClientConnection

_MAX_FORWARDS = re.compile(rb"(?im)^(max-forwards): *[0-9]+\r$")
_SECRET_NAME = re.compile(rb"(?i)auth|cookie|key|token|secret|password|x[-_]gateway[-_]")


def answer_health(client: "ClientConnection", received: Received) -> None:
    """200 while the worker takes requests, 503 while it drains."""
    draining = client.service.draining
    if received.method not in (b"GET", b"HEAD"):
        _answer(client, received, 405, extra=(b"Allow: GET, HEAD",))
    else:
        content = b'{"status":"draining"}' if draining else b'{"status":"ok"}'
        _answer(client, received, 503 if draining else 200, content)


def answer_last_hop(client: "ClientConnection", received: Received) -> None:
    """RFC 9110 section 7.6.2: Max-Forwards 0 ends here. TRACE answers with the request, less what is secret."""
    if received.method == b"TRACE":
        _answer(client, received, 200, _without_secrets(received.head), media_type=b"message/http")
    else:
        _answer(client, received, 200, extra=(b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",))


def _without_secrets(head: bytes) -> bytes:
    """Line by line, because a pattern for all of the head can be made to look at it many times."""
    start, *lines = head.split(b"\r\n")
    return b"\r\n".join([start, *(line for line in lines if not _SECRET_NAME.search(line.partition(b":")[0]))])


def one_hop_less(received: Received) -> Received:
    """The request with Max-Forwards counted down."""
    left = (received.passage.max_forwards or 1) - 1
    return replace(received, lines=_MAX_FORWARDS.sub(rb"\g<1>: %d\r" % left, received.lines))


def _answer(
    client: "ClientConnection",
    received: Received,
    status: int,
    content: bytes = b"",
    *,
    extra: tuple[bytes, ...] = (),
    media_type: bytes = b"application/json",
) -> None:
    if received.facts.framing is not Framing.NONE:
        raise MalformedRequest("This request takes no body.")
    service = client.service
    client.closing = not received.facts.keep_alive or service.draining
    client.transport.write(
        own_answer(
            status,
            content,
            media_type,
            date=service.clock.date,
            body=received.method != b"HEAD",
            close=client.closing,
            minor=received.minor,
            extra=extra,
        )
    )
    service.meters.of("own", "none").record(status, 0.0)
    client.exchange_over()
