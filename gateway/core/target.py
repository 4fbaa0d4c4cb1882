"""The request target in its four forms (RFC 9112 section 3.2), reduced to what a reverse proxy may forward."""

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from gateway.core.errors import MalformedRequest
from gateway.core.framing import valid_host

# Every byte that is neither space nor control travels unchanged, so that the backend sees what the client sent; a
# fragment is never sent (RFC 9110 section 7.1), and a backslash is a slash to some readers and not to others.
_ORIGIN = re.compile(rb"/[^\x00-\x20\x7f#\\]*\Z")
# Slashes, also as some readers have them; what some take for the end of a path; and a segment's parameters.
_SLASHES = re.compile(rb"[/\\]+")
_PATH_END = re.compile(rb"[?#\x00]")
_PARAMETERS = re.compile(rb";[^/\\]*")
_ABSOLUTE = re.compile(rb"[hH][tT][tT][pP][sS]?://([^/?#\\]*)([^#\\]*)\Z")


class Target(NamedTuple):
    """What is sent to the backend (`raw`), the decoded path for routing, and the authority of an absolute form."""

    raw: bytes
    path: bytes
    authority: bytes | None = None


def parse_target(method: bytes, target: bytes) -> Target:
    """The target as origin or asterisk form. Raises MalformedRequest for every other form and for forbidden bytes."""
    if target[0] == 47:
        if _ORIGIN.match(target) is None:
            raise MalformedRequest("The request target holds a fragment, a backslash or a control character.")
        return Target(target, decoded_path(target))
    if target == b"*":
        if method != b"OPTIONS":
            raise MalformedRequest("The target '*' belongs to OPTIONS only.")
        return Target(target, b"*")
    found = _ABSOLUTE.match(target)
    if found is None:
        raise MalformedRequest("The request target is neither a path nor an http URI.")
    authority, rest = found[1], found[2]
    if not valid_host(authority):
        raise MalformedRequest("The authority of the request target is not a host with an optional port.")
    if not rest.startswith(b"/"):
        if method == b"OPTIONS" and not rest:
            return Target(b"*", b"*", authority)
        rest = b"/" + rest
    return Target(rest, decoded_path(rest), authority)


def decoded_path(target: bytes) -> bytes:
    """The path as the backends route it: without the query, percent-decoded once."""
    mark = target.find(b"?")
    path = target if mark < 0 else target[:mark]
    return unquote_to_bytes(path) if b"%" in path else path


def plain_path(path: bytes) -> bytes:
    """The decoded `path` as a backend might have it that tidies up paths before it routes them.

    Decoded once more, without dot segments (RFC 3986 section 6.2.2.3), empty segments and parameters, cut where a C
    string or a URI would end, and with no slash at its end.
    """
    decoded = _PATH_END.split(unquote_to_bytes(path), maxsplit=1)[0]
    kept: list[bytes] = []
    for segment in _SLASHES.split(_PARAMETERS.sub(b"", decoded)):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    return b"/" + b"/".join(kept)
