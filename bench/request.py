"""One benchmark request, and how it is written for wrk (a Lua script) and for our own clients (raw bytes)."""

from __future__ import annotations

import json
from dataclasses import dataclass

BROWSER_FIELDS = (
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.7"),
    ("Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJiZW5jaG1hcmsifQ.c2lnbmF0dXJlLW9mLWEtYmVuY2htYXJr"),
    ("Cookie", "session=5f1c9e7a2b4d4c8d9a0b1c2d3e4f5a6b; theme=dark; consent=analytics%3Dno%26ads%3Dno"),
    ("Origin", "https://app.example.com"),
    ("Referer", "https://app.example.com/imports/overview?tab=recent"),
    ("Sec-Fetch-Dest", "empty"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Site", "cross-site"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    ("X-Requested-With", "fetch"),
)
"""Twelve fields, about 900 bytes: what a web page sends with a call to an API on another origin."""

UNIQUE_VALUES = 1021
"""More than connections, and no multiple of their number: two requests in a row on a connection always differ."""

_NEXT_REQUEST = ("request = function()", "  at = at % #requests + 1", "  return requests[at]", "end")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is sent over and over; with several bodies, one after the other."""

    method: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()
    bodies: tuple[str, ...] = ()
    unique_field: str = ""
    """A field whose value differs from request to request."""


def raw(request: Request, authority: str) -> list[bytes]:
    """The request on the wire, once per body (once if it has none); without the unique field."""
    head = f"{request.method} {request.path} HTTP/1.1\r\nHost: {authority}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in request.fields)
    if not request.bodies:
        return [f"{head}\r\n".encode()]
    encoded = [body.encode() for body in request.bodies]
    return [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in encoded]


def wrk_script(request: Request) -> str:
    """A Lua script that makes wrk send the request. Requests are formatted once, at the start."""
    lines = [f"wrk.method = {_lua(request.method)}"]
    lines += [f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in request.fields]
    if len(request.bodies) == 1:
        lines.append(f"wrk.body = {_lua(request.bodies[0])}")
    elif request.unique_field:
        lines += [
            "local requests, at = {}, 0",
            "init = function(args)",
            f"  for i = 1, {UNIQUE_VALUES} do",
            f"    wrk.headers[{_lua(request.unique_field)}] = string.format('%032x', i * 2654435761)",
            "    requests[i] = wrk.format()",
            "  end",
            "end",
            *_NEXT_REQUEST,
        ]
    elif request.bodies:
        lines += [
            f"local bodies = {{{', '.join(_lua(body) for body in request.bodies)}}}",
            "local requests, at = {}, 0",
            "init = function(args)",
            "  for i, body in ipairs(bodies) do requests[i] = wrk.format(nil, nil, nil, body) end",
            "end",
            *_NEXT_REQUEST,
        ]
    return "\n".join(lines) + "\n"


def _lua(text: str) -> str:
    """A Lua string literal. Texts are ASCII without control characters, for which JSON's and Lua's escapes agree."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("only printable ASCII can be written for wrk")
    return json.dumps(text)
