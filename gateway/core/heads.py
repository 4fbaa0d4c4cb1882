"""One HTTP/1 head, from bytes to checked facts; the counterpart of gateway.core.headers, which writes heads.

A head is only looked at when all of it is here. The start line is read by a strict pattern, the field lines by
gateway.core.lines where they are of the usual kind, else by llhttp in its strict mode, and what llhttp lets pass is
refused in gateway.core.framing. A fresh parser reads each block, so nothing of one message can leak into the next.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from gateway.core.errors import (
    HeadTooLarge,
    MalformedRequest,
    MalformedResponse,
    NotImplementedHere,
    VersionNotSupported,
)

Field = tuple[bytes, bytes]

# RFC 9112 section 3 with exactly one space, RFC 9110 section 9.1 for the token. The target's form is checked later.
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) ([^\x00-\x20\x7f]+) HTTP/([0-9])\.([0-9])\r\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n")
# The usual case in one look: origin form, HTTP/1.1, nothing percent-encoded in the path.
_USUAL_LINE = re.compile(rb"([A-Z]{3,7}) (/[^\x00-\x20\x7f#\\?%]*)(?:\?[^\x00-\x20\x7f#\\]*)? HTTP/1\.1")
MAX_FIELDS = 128


class RequestLine(NamedTuple):
    """RFC 9112 section 3: method and target as sent, and the minor version (HTTP/1.x)."""

    method: bytes
    target: bytes
    minor: int
    end: int  # offset of the first field line


class StatusLine(NamedTuple):
    """RFC 9112 section 4; `text` is the line as it is sent on, without its CR LF."""

    minor: int
    status: int
    text: bytes


class _FieldCollector:
    """llhttp's callbacks: collects name and value pairs as they stand on the wire."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: list[Field] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def parse_request_line(head: bytes) -> RequestLine:
    """The request line at the start of `head`. Raises MalformedRequest, VersionNotSupported."""
    found = _REQUEST_LINE.match(head)
    if found is None:
        raise MalformedRequest("The request line is not 'method target HTTP/1.1'.")
    method, target, major, minor = found.groups()
    if major != b"1":
        raise VersionNotSupported("Only HTTP/1.0 and HTTP/1.1 are served here.")
    if method == b"CONNECT":
        raise NotImplementedHere("This is a reverse proxy: there is no CONNECT.")
    # Any later 1.x is read as 1.1 (RFC 9110 section 2.5).
    return RequestLine(method, target, 0 if minor == b"0" else 1, found.end())


def usual_request_line(line: bytes) -> tuple[bytes, bytes] | None:
    """Method and path of `line` (without its CR LF), if it is of the usual kind; else None, and parse_request_line and
    gateway.core.target decide what it is. A usual line can be sent on as it is."""
    found = _USUAL_LINE.fullmatch(line)
    return None if found is None or found[1] == b"CONNECT" else (found[1], found[2])


@lru_cache(maxsize=256)
def parse_status_line(line: bytes) -> StatusLine:
    """The status line `line`, with its CR LF. Raises MalformedResponse."""
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        raise MalformedResponse("The status line is not 'HTTP/1.1 nnn reason'.")
    return StatusLine(int(found[1]), int(found[2]), b"HTTP/1.1 %b %b" % (found[2], found[3] or b""))


def parse_fields(block: bytes, *, limit: int = MAX_FIELDS) -> list[Field]:
    """The field lines of `block` (which ends with the empty line), in order, names as sent, values without outer space.

    Raises ValueError with llhttp's reason on any syntax that RFC 9112 section 5 forbids, and HeadTooLarge beyond
    `limit` fields.
    """
    collector = _FieldCollector()
    try:
        HttpRequestParser(collector).feed_data(b"POST / HTTP/1.1\r\n" + block)
    except HttpParserUpgrade:
        pass  # the block ends here by construction, so no byte of a tunnel can follow
    except HttpParserError as error:
        raise ValueError(str(error)) from None
    if len(collector.fields) > limit:
        raise HeadTooLarge(f"More than {limit} header fields.")
    if b" \r\n" in block or b"\t\r\n" in block:
        # llhttp takes the space before a value away, not the one behind it (RFC 9112 section 5.1).
        return [(name, value.rstrip(b" \t")) for name, value in collector.fields]
    return collector.fields
