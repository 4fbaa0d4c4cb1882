"""A strict reader of HTTP/1.1 messages, written apart from the gateway's: it says what a stream of bytes means.

The counterpart is whatever the gateway made of the same bytes. Where RFC 9112 leaves a choice, the referee refuses.
"""

import re
from dataclasses import dataclass, field
from enum import Enum, auto

Pair = tuple[bytes, bytes]

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(%b) ([\x21-\x7e\x80-\xff]+) HTTP/1\.([0-9])" % _TOKEN)
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_FIELD = re.compile(rb"(%b):[ \t]*([\t\x20-\x7e\x80-\xff]*)" % _TOKEN)
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+(?::[0-9]*)?|\[[0-9A-Fa-f:.v]+\](?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#\\@]+)(/[^#\\]*|\?[^#\\]*|)")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")


class Invalid(ValueError):
    """The bytes are no message. The text says which rule they break."""


class Incomplete(Exception):
    """The bytes end before the message does."""


class End(Enum):
    """How an answer ended."""

    WHOLE = auto()
    CUT = auto()


@dataclass(frozen=True)
class Request:
    """One request; `target` is the origin or asterisk form, `host` that of the absolute form if there was one."""

    method: bytes
    target: bytes
    minor: int
    fields: tuple[Pair, ...]
    body: bytes
    chunked: bool
    trailers: tuple[Pair, ...] = ()
    authority: bytes | None = None

    def values(self, name: bytes) -> list[bytes]:
        """All values of the field `name` (lower case), in order."""
        return [value for key, value in self.fields if key.lower() == name]


@dataclass(frozen=True)
class Response:
    """One final answer, with the 1xx ones that came before it."""

    status: int
    fields: tuple[Pair, ...]
    body: bytes
    end: End
    reason: bytes = b""
    minor: int = 1
    trailers: tuple[Pair, ...] = ()
    interim: tuple[tuple[int, tuple[Pair, ...]], ...] = field(default=())

    def values(self, name: bytes) -> list[bytes]:
        """All values of the field `name` (lower case), in order."""
        return [value for key, value in self.fields if key.lower() == name]


def read_request(data: bytes) -> tuple[Request, bytes]:
    """The first request of `data`, and what lies behind it. Raises Invalid, Incomplete."""
    while data.startswith(b"\r\n"):
        data = data[2:]
    first, fields, rest = _head(data)
    found = _REQUEST_LINE.fullmatch(first)
    if found is None:
        raise Invalid("request line")
    method, target, minor = found[1], found[2], int(found[3])
    if method == b"CONNECT":
        raise Invalid("CONNECT")
    target, authority = _target(method, target)
    hosts = [value for name, value in fields if name.lower() == b"host"]
    if len(hosts) > 1 or (minor and not hosts) or any(_HOST.fullmatch(host) is None for host in hosts):
        raise Invalid("Host")
    chunked, length = _framing(fields, minor)
    if chunked:
        body, trailers, rest = read_chunks(rest)
        return Request(method, target, min(minor, 1), fields, body, True, trailers, authority), rest
    if len(rest) < length:
        raise Incomplete
    return Request(method, target, min(minor, 1), fields, rest[:length], False, (), authority), rest[length:]


def read_requests(data: bytes) -> list[Request]:
    """As many requests as `data` holds before it ends or stops making sense."""
    found: list[Request] = []
    while data:
        try:
            request, data = read_request(data)
        except (Invalid, Incomplete):
            break
        found.append(request)
    return found


def read_response(data: bytes, method: bytes, *, ended: bool) -> tuple[Response, bytes]:
    """The first final answer of `data` to a `method` request; `ended` says that the connection was closed behind it.

    A body that is cut short is an answer with End.CUT if `ended`. Raises Invalid, Incomplete.
    """
    interim: list[tuple[int, tuple[Pair, ...]]] = []
    while True:
        first, fields, data = _head(data)
        found = _STATUS_LINE.fullmatch(first)
        if found is None:
            raise Invalid("status line")
        minor, status = int(found[1]), int(found[2])
        chunked, length = _framing(fields, minor)
        if status >= 200 or status == 101:
            break
        interim.append((status, fields))
    body, end, rest = b"", End.WHOLE, data
    trailers: tuple[Pair, ...] = ()
    if method == b"HEAD" or status in (101, 204, 304):
        pass
    elif chunked:
        try:
            body, trailers, rest = read_chunks(data)
        except Incomplete:
            if not ended:
                raise
            body, end, rest = b"", End.CUT, b""
    elif any(name.lower() == b"content-length" for name, _ in fields):
        if len(data) < length and not ended:
            raise Incomplete
        body, rest, end = data[:length], data[length:], End.WHOLE if len(data) >= length else End.CUT
    else:
        if not ended:
            raise Incomplete
        body, rest = data, b""
    return Response(status, fields, body, end, found[3] or b"", minor, trailers, tuple(interim)), rest


def read_chunks(data: bytes) -> tuple[bytes, tuple[Pair, ...], bytes]:
    """A chunked body, its trailer fields, and what lies behind. Raises Invalid, Incomplete."""
    body = b""
    while True:
        line, data = _line(data)
        found = _SIZE.fullmatch(line)
        if found is None:
            raise Invalid("chunk size")
        size = int(found[1], 16)
        if not size:
            break
        if len(data) < size + 2:
            if data[size:] and not b"\r\n".startswith(data[size:]):
                raise Invalid("chunk end")
            raise Incomplete
        if data[size : size + 2] != b"\r\n":
            raise Invalid("chunk end")
        body, data = body + data[:size], data[size + 2 :]
    trailers: list[Pair] = []
    while True:
        line, data = _line(data)
        if not line:
            return body, tuple(trailers), data
        trailers.append(_field(line))


def _line(data: bytes) -> tuple[bytes, bytes]:
    line, found, rest = data.partition(b"\r\n")
    if b"\n" in line or b"\r" in line[:-1]:
        raise Invalid("bare CR or LF")
    if not found:
        raise Incomplete
    if line.endswith(b"\r"):
        raise Invalid("bare CR or LF")
    return line, rest


def _head(data: bytes) -> tuple[bytes, tuple[Pair, ...], bytes]:
    first, data = _line(data)
    fields: list[Pair] = []
    while True:
        line, data = _line(data)
        if not line:
            return first, tuple(fields), data
        fields.append(_field(line))


def _field(line: bytes) -> Pair:
    found = _FIELD.fullmatch(line)
    if found is None:
        raise Invalid("field line")
    return found[1], found[2].rstrip(b" \t")


def _target(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    if b"#" in target or b"\\" in target:
        raise Invalid("target")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target, None
    found = _ABSOLUTE.fullmatch(target)
    if found is None or _HOST.fullmatch(found[1]) is None:
        raise Invalid("target")
    path = found[2]
    if not path and method == b"OPTIONS":
        return b"*", found[1]
    return (path if path.startswith(b"/") else b"/" + path), found[1]


def _framing(fields: tuple[Pair, ...], minor: int) -> tuple[bool, int]:
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    if codings:
        if lengths or not minor or len(codings) > 1 or codings[0].lower() != b"chunked":
            raise Invalid("Transfer-Encoding")
        return True, 0
    if lengths and (len(lengths) > 1 or not re.fullmatch(rb"0|[1-9][0-9]{0,17}", lengths[0])):
        raise Invalid("Content-Length")
    return False, int(lengths[0]) if lengths else 0
