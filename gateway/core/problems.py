"""The gateway's own answers: problem documents (RFC 9457) with Proxy-Status (RFC 9209), and the health answer."""

import json
import re
from http import HTTPStatus

from gateway.core.errors import ClientFault, GatewayError, InternalError, InvalidToken

_SERVER_SIDE_DETAIL = "The gateway could not serve this request. Its log has the reason under this request id."
_SAFE_ORIGIN = re.compile(rb"[A-Za-z0-9.:/\[\]_-]{1,255}\Z")


def reason_phrase(status: int) -> bytes:
    """The registered phrase of a status code."""
    return b"Client Closed Request" if status == 499 else HTTPStatus(status).phrase.encode("ascii")


def problem(
    error: GatewayError,
    *,
    name: bytes,
    date: bytes,
    request_id: bytes = b"",
    backend: str | None = None,
    origin: bytes | None = None,
    body: bool = True,
    close: bool = True,
    minor: int = 1,
    outcome: str | None = None,
    key: bytes | None = None,
) -> bytes:
    """A complete HTTP/1.1 response for `error`; `body` is False for HEAD (which still gets the length).

    With `origin` the answer carries what a browser needs to let the page of that origin read it, as the backends'
    answers do. `outcome` says what became of a job: "unknown" when a backend may have begun it; v2 can be asked
    about it by the `key` of its request.
    """
    document: dict[str, object] = {
        "type": f"urn:banyan:problem:{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": _SERVER_SIDE_DETAIL if isinstance(error, InternalError) else error.detail,
        "where": str(error.where),
        "fault": str(error.fault),
    }
    if request_id:
        document["request_id"] = request_id.decode("ascii")
    if outcome:
        document["outcome"] = outcome
        if key:
            document["idempotency_key"] = key.decode("latin-1")
    content = json.dumps(document, separators=(",", ":")).encode()
    proxy_status = b"%b; error=%b" % (_item(name), error.proxy_error.encode())
    if backend and not isinstance(error, ClientFault):
        proxy_status += b"; next-hop=%b" % backend.encode()
    lines = [
        b"HTTP/1.1 %d %b" % (error.status, reason_phrase(error.status)),
        b"Date: " + date,
        b"Content-Type: application/problem+json",
        b"Content-Length: %d" % len(content),
        b"Cache-Control: no-store",
        b"Proxy-Status: " + proxy_status,
    ]
    if error.status == 401:
        lines.append(b"WWW-Authenticate: " + _challenge(error))
    elif error.status in (429, 503):
        lines.append(b"Retry-After: 1")
    if request_id:
        lines.append(b"X-Request-Id: " + request_id)
    if origin is not None and _SAFE_ORIGIN.match(origin):
        lines += [
            b"Access-Control-Allow-Origin: " + origin,
            b"Access-Control-Allow-Credentials: true",
            b"Vary: Origin",
        ]
    lines += _connection(minor, close=close)
    return b"\r\n".join([*lines, b"", content if body else b""])


def _challenge(error: GatewayError) -> bytes:
    """RFC 6750 section 3: what was wrong is said only to who sent a token."""
    realm = b'Bearer realm="gateway"'
    if not isinstance(error, InvalidToken):
        return realm
    return b'%b, error="invalid_token", error_description="%b"' % (realm, error.detail.encode("ascii"))


def _item(name: bytes) -> bytes:
    """RFC 9209 section 2: a proxy is named by a token, or by a string where the name is none (RFC 8941, 3.3.4)."""
    return name if name[:1].isalpha() else b'"%b"' % name


def _connection(minor: int, *, close: bool) -> list[bytes]:
    """HTTP/1.0 clients keep a connection only if they are told so (RFC 9112 appendix C.2.2)."""
    if close:
        return [b"Connection: close"]
    return [] if minor else [b"Connection: keep-alive"]


def own_answer(
    status: int,
    content: bytes,
    media_type: bytes,
    *,
    date: bytes,
    body: bool,
    close: bool,
    minor: int,
    extra: tuple[bytes, ...] = (),
) -> bytes:
    """A complete HTTP/1.1 response made by the gateway itself (health, OPTIONS and TRACE at their last hop)."""
    lines = [
        b"HTTP/1.1 %d %b" % (status, reason_phrase(status)),
        b"Date: " + date,
        b"Content-Type: " + media_type,
        b"Content-Length: %d" % len(content),
        b"Cache-Control: no-store",
        *extra,
    ]
    lines += _connection(minor, close=close)
    return b"\r\n".join([*lines, b"", content if body else b""])
