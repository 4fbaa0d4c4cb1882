"""Everything that can go wrong between a client and a backend: where it went wrong, whose fault it is, what to answer.

Raised by gateway.core and gateway.proxy; turned into an answer by gateway.core.problems.

    GatewayError
    +-- ClientFault                 the request cannot be served as it was sent
    |   +-- MalformedRequest        400  broken syntax, ambiguous framing, bad Host
    |   +-- UnusableId              400  the route refuses what it cannot decide by an id
    |   +-- Unauthorized            401  the route asks for a key
    |   |   +-- TokenMissing        401  or for a token
    |   |   +-- InvalidToken        401  that is not this one
    |   +-- Refused                 403  a guard of the route table says no
    |   +-- RequestTimeout          408  head or body arrives too slowly
    |   +-- BodyTooLarge            413
    |   +-- TargetTooLong           414
    |   +-- ExpectationFailed       417
    |   +-- TooManyRequests         429  the per-user limit of the route
    |   +-- HeadTooLarge            431
    |   +-- NotImplementedHere      501  CONNECT, unknown transfer coding
    |   +-- VersionNotSupported     505
    |   +-- LoopDetected            508  our own name stands in Via
    |   +-- ClientGone              499  never answered: nobody is there
    +-- UpstreamFault               a backend did not do its part
    |   +-- ConnectFailed           502  no connection, so nothing was sent
    |   +-- ConnectTimeout          504  the same, by time
    |   +-- TlsFailed               502  the same, by TLS
    |   |   +-- CertificateRefused  502  by the backend's certificate
    |   +-- UpstreamGone            502  the connection ended before the answer began
    |   +-- ResponseTimeout         504  no answer, or no further bytes of it, in time
    |   +-- MalformedResponse       502  broken syntax, ambiguous framing
    |   +-- TruncatedResponse       502  the body ended early
    +-- GatewayFault
        +-- Overloaded              503  pool and waiting line are full
        +-- TokenKeysMissing        503  no key is known that could check a token
        +-- InternalError           500  a defect of the gateway
"""

from enum import StrEnum
from typing import ClassVar


class Where(StrEnum):
    """The part of an exchange (see the numbered steps in gateway/README.md) that failed."""

    REQUEST_HEAD = "request-head"
    REQUEST_BODY = "request-body"
    ROUTE = "route"
    CONNECT = "connect"
    REQUEST_SENT = "request-sent"
    RESPONSE_HEAD = "response-head"
    RESPONSE_BODY = "response-body"


class Fault(StrEnum):
    """Who has to change something for it to work."""

    CLIENT = "client"
    UPSTREAM = "upstream"
    GATEWAY = "gateway"


class GatewayError(Exception):
    """One failed exchange.

    `status` is the HTTP status of the answer, `slug` names the problem type, `proxy_error` is the RFC 9209 error
    type that fits best. The message is for the client: it must hold nothing secret.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error of the gateway"
    fault: ClassVar[Fault] = Fault.GATEWAY
    proxy_error: ClassVar[str] = "proxy_internal_error"

    def __init__(self, detail: str, where: Where = Where.REQUEST_HEAD) -> None:
        super().__init__(detail)
        self.detail = detail
        self.where = where


class ClientFault(GatewayError):
    """The request cannot be served as it was sent."""

    status = 400
    slug = "bad-request"
    title = "Bad request"
    fault = Fault.CLIENT
    proxy_error = "http_request_error"


class MalformedRequest(ClientFault):
    """Broken syntax or ambiguous framing (RFC 9112 sections 2.2, 3, 5, 6, 7)."""

    slug = "malformed-request"
    title = "Malformed request"


class UnusableId(ClientFault):
    """No id, or none that can be hashed, on a route whose id policy is to refuse."""

    slug = "unusable-id"
    title = "Id missing or unusable"
    proxy_error = "http_request_denied"


class Unauthorized(ClientFault):
    """The route asks for an API key."""

    status = 401
    slug = "unauthorized"
    title = "API key missing or wrong"
    proxy_error = "http_request_denied"


class TokenMissing(Unauthorized):
    """The route asks for a bearer token (RFC 6750 section 3: the answer names no error then)."""

    slug = "token-missing"
    title = "Token missing"


class InvalidToken(Unauthorized):
    """RFC 6750 section 3.1. The detail goes into a quoted string of a field: it must hold no quote and no backslash."""

    slug = "invalid-token"
    title = "Token refused"


class Refused(ClientFault):
    """A guard of the route table refused the request."""

    status = 403
    slug = "refused"
    title = "Refused by a guard"
    proxy_error = "http_request_denied"


class Closed(ClientFault):
    """The route table closes the route: what the backend has there is for nobody."""

    status = 404
    slug = "closed"
    title = "Not found"
    proxy_error = "http_request_denied"


class RequestTimeout(ClientFault):
    """Head or body came too slowly (RFC 9110 section 15.5.9)."""

    status = 408
    slug = "request-timeout"
    title = "Request timeout"


class BodyTooLarge(ClientFault):
    """RFC 9110 section 15.5.14."""

    status = 413
    slug = "body-too-large"
    title = "Content too large"
    proxy_error = "http_request_denied"


class TargetTooLong(ClientFault):
    """RFC 9110 section 15.5.15."""

    status = 414
    slug = "uri-too-long"
    title = "URI too long"


class ExpectationFailed(ClientFault):
    """RFC 9110 section 10.1.1."""

    status = 417
    slug = "expectation-failed"
    title = "Expectation failed"


class TooManyRequests(ClientFault):
    """The per-user limit of a route (RFC 6585 section 4)."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"
    proxy_error = "http_request_denied"


class HeadTooLarge(ClientFault):
    """RFC 6585 section 5."""

    status = 431
    slug = "head-too-large"
    title = "Request header fields too large"


class NotImplementedHere(ClientFault):
    """A method or transfer coding that a reverse proxy has no business with (RFC 9110 section 15.6.2)."""

    status = 501
    slug = "not-implemented"
    title = "Not implemented"


class VersionNotSupported(ClientFault):
    """RFC 9110 section 15.6.6."""

    status = 505
    slug = "version-not-supported"
    title = "HTTP version not supported"


class LoopDetected(ClientFault):
    """The request went through this gateway before (RFC 9110 section 7.6.3, RFC 5842 section 7.2)."""

    status = 508
    slug = "loop-detected"
    title = "Loop detected"
    fault = Fault.GATEWAY
    proxy_error = "proxy_loop_detected"


class ClientGone(ClientFault):
    """The client closed its connection; the status is for metrics and log only."""

    status = 499
    slug = "client-gone"
    title = "Client closed the connection"


class UpstreamFault(GatewayError):
    """A backend did not do its part."""

    status = 502
    slug = "bad-gateway"
    title = "Bad gateway"
    fault = Fault.UPSTREAM
    proxy_error = "destination_unavailable"


class ConnectFailed(UpstreamFault):
    """No connection to the backend: not one byte of the request was sent."""

    slug = "upstream-unreachable"
    title = "Backend unreachable"
    proxy_error = "connection_refused"


class ConnectTimeout(UpstreamFault):
    """As ConnectFailed, by time."""

    status = 504
    slug = "upstream-connect-timeout"
    title = "Backend did not accept the connection in time"
    proxy_error = "connection_timeout"


class TlsFailed(UpstreamFault):
    """As ConnectFailed: there was no TLS connection."""

    slug = "upstream-tls"
    title = "No TLS connection to the backend"
    proxy_error = "tls_protocol_error"


class CertificateRefused(TlsFailed):
    """The backend's certificate is not one that the gateway accepts for its name."""

    slug = "upstream-certificate"
    title = "Backend's certificate refused"
    proxy_error = "tls_certificate_error"


class UpstreamGone(UpstreamFault):
    """The backend ended the connection before its answer began."""

    slug = "upstream-closed"
    title = "Backend closed the connection without an answer"
    proxy_error = "connection_terminated"


class ResponseTimeout(UpstreamFault):
    """The backend's answer did not begin, or did not go on, in time."""

    status = 504
    slug = "upstream-timeout"
    title = "Backend did not answer in time"
    proxy_error = "http_response_timeout"


class MalformedResponse(UpstreamFault):
    """The backend's answer is broken or its framing is ambiguous."""

    slug = "malformed-response"
    title = "Backend sent a malformed answer"
    proxy_error = "http_protocol_error"


class TruncatedResponse(UpstreamFault):
    """The backend's answer ended before its length."""

    slug = "truncated-response"
    title = "Backend's answer ended early"
    proxy_error = "http_response_incomplete"


class GatewayFault(GatewayError):
    """The gateway itself cannot serve the request."""


class Overloaded(GatewayFault):
    """Pool and waiting line of the backend are full."""

    status = 503
    slug = "overloaded"
    title = "Too many requests in flight"
    proxy_error = "connection_limit_reached"


class TokenKeysMissing(GatewayFault):
    """The route asks for a token, and there is no key to check it with: nobody's fault who asks."""

    status = 503
    slug = "token-keys-missing"
    title = "Tokens cannot be checked"
    proxy_error = "proxy_configuration_error"


class InternalError(GatewayFault):
    """A defect of the gateway; its text never reaches the client."""
