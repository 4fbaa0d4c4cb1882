"""What a head's fields say about its message: framing, Host, connection options. Refuses what llhttp lets pass.

One pass over the special fields of a request or response; every refusal names its rule. The counterpart, which decides
what travels on, is gateway.core.headers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from gateway.core.errors import (
    ClientFault,
    ExpectationFailed,
    HeadTooLarge,
    MalformedRequest,
    MalformedResponse,
    NotImplementedHere,
)
from gateway.core.fields import Kind
from gateway.core.heads import MAX_FIELDS, StatusLine
from gateway.core.lines import FieldBlock, FieldLine, parsed_block

# A member of an Enum class takes three times as long to look up as a global.
_CONNECTION_FIELD = Kind.CONNECTION
_CONTENT_LENGTH_FIELD = Kind.CONTENT_LENGTH
_DATE_FIELD = Kind.DATE
_EXPECT_FIELD = Kind.EXPECT
_HOST_FIELD = Kind.HOST
_REQUEST_ID_FIELD = Kind.REQUEST_ID
_TE_FIELD = Kind.TE
_TRANSFER_ENCODING_FIELD = Kind.TRANSFER_ENCODING
_UPGRADE_FIELD = Kind.UPGRADE
MAX_RESPONSE_FIELDS: Final = 512
_NO_OPTIONS: frozenset[bytes] = frozenset()
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}\Z")
_HOST = re.compile(
    rb"(?:(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+|\[(?:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*|v[0-9A-Fa-f]+\.[A-Za-z0-9._~:-]+)\])(?::([0-9]{0,5}))?\Z"
)
# Well formed and chunked at the end, but with something in front that nobody here can decode.
_UNKNOWN_CODINGS = re.compile(rb"(?:(?!chunked|identity)[a-z0-9.-]+[ \t]*,[ \t]*)+chunked")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")


class Framing(Enum):
    """How the end of a body is known (RFC 9112 section 6.3)."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


_NO_BODY, _BY_LENGTH = Framing.NONE, Framing.LENGTH


@dataclass(slots=True)
class RequestFacts:
    """What the fields of one request say, apart from the request line. Set once: slots are the cheapest to read."""

    framing: Framing
    length: int
    host: bytes | None
    options: frozenset[bytes]  # the Connection field's tokens, lower case
    upgrade: bytes | None  # the protocol asked for, when Connection names it and it is not h2c
    expects_continue: bool
    wants_trailers: bool
    keep_alive: bool


@dataclass(slots=True)
class ResponseFacts:
    """What the status line and fields of one response say; `framing` is before the request's method is considered."""

    minor: int
    status: int
    framing: Framing
    length: int
    options: frozenset[bytes]
    keep_alive: bool
    has_date: bool
    has_request_id: bool
    upgrade: bytes | None
    bodiless: bool  # by its status, whatever the method (RFC 9110 section 6.4.1)
    plain: bool  # dated and with content of a known length: all that it lacks is the id


def valid_host(value: bytes) -> bool:
    """Whether `value` is a host with an optional port (RFC 9110 section 7.2), without user information or lists."""
    found = _HOST.match(value)
    return found is not None and (not found[1] or int(found[1]) <= 65535)


def tokens(value: bytes) -> list[bytes]:
    """The members of a comma-separated field, lower case, empty ones left out (RFC 9110 section 5.6.1)."""
    return [member for part in value.lower().split(b",") if (member := part.strip(b" \t"))]


def receive_request(block: FieldBlock | None, text: bytes, minor: int) -> tuple[FieldBlock, RequestFacts]:
    """The fields of an HTTP/1.`minor` request and what they say; `block` is what usual_block made of their `text`.

    Nothing is refused without the parser's word. Raises MalformedRequest, HeadTooLarge, NotImplementedHere,
    ExpectationFailed.
    """
    if block is not None:
        try:
            return block, read_request(block.special, minor)
        except ClientFault:
            pass
    try:
        block = parsed_block(text, MAX_FIELDS)
    except ValueError as error:
        raise MalformedRequest(f"The header fields are malformed: {error}.") from None
    return block, read_request(block.special, minor)


def read_request(special: Iterable[FieldLine], minor: int) -> RequestFacts:
    """Facts of a request from its special lines. Raises as receive_request does."""
    found = _by_kind(special)
    options = _options(found)
    framing, length = _request_framing(
        found.get(_CONTENT_LENGTH_FIELD, []), found.get(_TRANSFER_ENCODING_FIELD, []), minor
    )
    return RequestFacts(
        framing,
        length,
        _check_host(found.get(_HOST_FIELD, []), minor),
        options,
        _upgrade(found.get(_UPGRADE_FIELD, []), options, minor) if _UPGRADE_FIELD in found else None,
        _check_expect(found[_EXPECT_FIELD], minor) if _EXPECT_FIELD in found else False,
        b"te" in options and any(b"trailers" in tokens(value) for value in found.get(_TE_FIELD, ())),
        b"close" not in options and (minor == 1 or b"keep-alive" in options),
    )


def _by_kind(special: Iterable[FieldLine]) -> dict[Kind, list[bytes]]:
    found: dict[Kind, list[bytes]] = {}
    for line in special:
        kind = line.kind
        if kind in found:
            found[kind].append(line.value)
        else:
            found[kind] = [line.value]
    return found


def _options(found: dict[Kind, list[bytes]]) -> frozenset[bytes]:
    """The members of all Connection fields. Raises MalformedRequest if one is not a token."""
    values = found.get(_CONNECTION_FIELD)
    return _parse_options(b",".join(values)) if values else _NO_OPTIONS


@lru_cache(maxsize=256)
def _parse_options(value: bytes) -> frozenset[bytes]:
    options = frozenset(tokens(value))
    if any(_TOKEN.match(option) is None for option in options):
        raise MalformedRequest("The Connection field holds something that is not a token.")
    return options


def _check_host(hosts: list[bytes], minor: int) -> bytes | None:
    """RFC 9112 section 3.2: none (in 1.1), two or an invalid one are refused with 400."""
    if len(hosts) > 1:
        raise MalformedRequest("More than one Host field.")
    if not hosts:
        if minor:
            raise MalformedRequest("HTTP/1.1 requests need a Host field.")
        return None
    if not valid_host(hosts[0]):
        raise MalformedRequest("The Host field is not a host with an optional port.")
    return hosts[0]


def _request_framing(lengths: list[bytes], codings: list[bytes], minor: int) -> tuple[Framing, int]:
    """RFC 9112 sections 6.1 to 6.3, and stricter: a request that two readers could frame differently is refused."""
    if lengths and codings:
        raise MalformedRequest("Content-Length and Transfer-Encoding together.")
    if codings:
        if not minor:
            raise MalformedRequest("Transfer-Encoding in an HTTP/1.0 request.")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            if _UNKNOWN_CODINGS.fullmatch(codings[0].lower()) and len(codings) == 1:
                raise NotImplementedHere("Only the transfer coding 'chunked' is understood here.")
            raise MalformedRequest("Transfer-Encoding is not 'chunked'.")
        return Framing.CHUNKED, 0
    if not lengths:
        return Framing.NONE, 0
    if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
        raise MalformedRequest("Content-Length is not one decimal number.")
    length = int(lengths[0])
    return (Framing.LENGTH, length) if length else (Framing.NONE, 0)


def _upgrade(values: list[bytes], options: frozenset[bytes], minor: int) -> bytes | None:
    """The Upgrade value to pass on. HTTP/2 over cleartext is not offered (RFC 9113 section 3.1), nor is any in 1.0."""
    if not minor or b"upgrade" not in options:
        return None
    protocols = (part.strip(b" \t") for value in values for part in value.split(b","))
    wanted = [protocol for protocol in protocols if protocol and not protocol.lower().startswith(b"h2")]
    return b", ".join(wanted) or None


def _check_expect(values: list[bytes], minor: int) -> bool:
    """RFC 9110 section 10.1.1: an unknown expectation is 417; one in HTTP/1.0 is ignored."""
    expectations = [member for value in values for member in tokens(value)]
    if not minor or not expectations:
        return False
    if any(expectation != b"100-continue" for expectation in expectations):
        raise ExpectationFailed("The only expectation known here is 100-continue.")
    return True


def receive_response(block: FieldBlock | None, text: bytes, line: StatusLine) -> tuple[FieldBlock, ResponseFacts]:
    """The fields of a response and what they say; `block` is what usual_block made of their `text`.

    Nothing is refused without the parser's word. Raises MalformedResponse on what two readers could frame differently.
    """
    if block is not None:
        try:
            return block, read_response(line, block.special)
        except MalformedResponse:
            pass
    try:
        block = parsed_block(text, MAX_RESPONSE_FIELDS)
    except ValueError as error:
        raise MalformedResponse(f"The header fields are malformed: {error}.") from None
    except HeadTooLarge:
        raise MalformedResponse(f"More than {MAX_RESPONSE_FIELDS} header fields.") from None
    return block, read_response(line, block.special)


def read_response(line: StatusLine, special: Iterable[FieldLine]) -> ResponseFacts:
    """Facts of a response from its status line and special lines. Raises MalformedResponse."""
    found = _by_kind(special)
    try:
        options = _options(found)
    except MalformedRequest as error:
        raise MalformedResponse(error.detail) from None
    framing, length = _response_framing(
        found.get(_CONTENT_LENGTH_FIELD, []), found.get(_TRANSFER_ENCODING_FIELD, []), line.minor
    )
    status, dated, named = line.status, _DATE_FIELD in found, _REQUEST_ID_FIELD in found
    bodiless = status < 200 or status in (204, 304)
    return ResponseFacts(
        line.minor,
        status,
        framing,
        length,
        options,
        b"close" not in options and (line.minor == 1 or b"keep-alive" in options),
        dated,
        named,
        b", ".join(found[_UPGRADE_FIELD]) if _UPGRADE_FIELD in found else None,
        bodiless,
        framing is _BY_LENGTH and dated and not named and not bodiless,
    )


def _response_framing(lengths: list[bytes], codings: list[bytes], minor: int) -> tuple[Framing, int]:
    if lengths and codings:
        raise MalformedResponse("Content-Length and Transfer-Encoding together.")
    if codings:
        if not minor or len(codings) > 1 or codings[0].lower() != b"chunked":
            raise MalformedResponse("Transfer-Encoding is not 'chunked'.")
        return Framing.CHUNKED, 0
    if not lengths:
        return Framing.CLOSE, 0
    if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
        raise MalformedResponse("Content-Length is not one decimal number.")
    return Framing.LENGTH, int(lengths[0])


def other_length(special: list[FieldLine], before: list[FieldLine]) -> int | None:
    """The Content-Length of `special`, if nothing else tells its lines from those `before`; None if something does."""
    if len(special) != len(before):
        return None
    found = None
    for line, known in zip(special, before, strict=True):
        if line is not known:
            lengths = line.kind is known.kind is _CONTENT_LENGTH_FIELD
            if not lengths or found is not None or _LENGTH.fullmatch(line.value) is None:
                return None
            found = int(line.value)
    return found


def request_of_length(facts: RequestFacts, length: int) -> RequestFacts:
    """The facts of a request that differs in its Content-Length only."""
    return RequestFacts(
        _BY_LENGTH if length else _NO_BODY,
        length,
        facts.host,
        facts.options,
        facts.upgrade,
        facts.expects_continue,
        facts.wants_trailers,
        facts.keep_alive,
    )


def response_of_length(facts: ResponseFacts, length: int) -> ResponseFacts:
    """The facts of a response that differs in its Content-Length only."""
    return ResponseFacts(
        facts.minor,
        facts.status,
        facts.framing,
        length,
        facts.options,
        facts.keep_alive,
        facts.has_date,
        facts.has_request_id,
        facts.upgrade,
        facts.bodiless,
        facts.plain,
    )


def has_body(method: bytes, status: int) -> bool:
    """RFC 9110 section 6.4.1: no content for HEAD, 1xx, 204 and 304."""
    return method != b"HEAD" and status >= 200 and status not in (204, 304)
