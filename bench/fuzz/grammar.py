"""Streams of requests and answers made by a grammar: most of it ordinary, some of it on the edge of the rules.

Counterpart: bench.fuzz.mutation, which breaks them. What comes from here unbroken must pass.
"""

import random
from dataclasses import dataclass

_METHODS = (b"GET", b"GET", b"POST", b"POST", b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"PROPFIND", b"x-odd")
_SEGMENTS = (b"a", b"", b"..", b".", b"%2F", b"%2e%2e", b"a;b=c", b"%00", b"+", b"\xc3\xa4", b"~u", b"x" * 300, b"%zz")
_QUERIES = (b"", b"", b"?", b"?a=b", b"?a=&&=b", b"?q=%2f+%20", b"??", b"?\xff", b"?" + b"q" * 500)
_VALUES = (b"", b"x", b"a, b", b'"q;\\""', b"a\tb", b"\xc3\xa4\xff", b"0", b"chunked", b"close", b"x" * 700)
_FIELDS = (
    b"X-A",
    b"x-b",
    b"X_C",
    b"Accept",
    b"Cookie",
    b"Authorization",
    b"Referer",
    b"Content-Type",
    b"If-None-Match",
    b"Range",
    b"X-Content-Length",
    b"Content_Length",
    b"Transfer_Encoding",
    b"X-Transfer-Encoding",
    b"X-Forwarded-For",
    b"X-Gateway-Backend",
    b"Forwarded",
    b"Keep-Alive",
    b"Proxy-Authorization",
)
_HOSTS = (b"a", b"a.example:80", b"[::1]:8080", b"127.0.0.1", b"A-b_c.d.")
_STATUSES = (200, 200, 200, 201, 204, 206, 301, 304, 400, 404, 418, 500, 503, 599)


@dataclass(frozen=True)
class Stream:
    """Bytes of one connection; `count` requests if `intact`, else whatever the referee finds in it."""

    data: bytes
    count: int
    intact: bool = True


def request_stream(dice: random.Random) -> Stream:
    """One to four requests, pipelined."""
    count = dice.choice((1, 1, 2, 3, 4))
    last = dice.random() < 0.1
    parts = [_request(dice, final=last and number == count - 1) for number in range(count)]
    return Stream(b"".join(parts), count)


def _request(dice: random.Random, *, final: bool) -> bytes:
    method = dice.choice(_METHODS)
    target = b"/" + b"/".join(dice.choices(_SEGMENTS, k=dice.randrange(4))) + dice.choice(_QUERIES)
    host = dice.choice(_HOSTS)
    if dice.random() < 0.05:
        target = b"http://%b%b" % (dice.choice(_HOSTS), target)
    version = b"1.0" if final and dice.random() < 0.3 else b"1.1"
    lines = [b"Host: " + host, *_plain_lines(dice)]
    if final and version == b"1.1":
        lines.append(b"Connection: close")
    elif dice.random() < 0.1:
        lines.append(
            dice.choice((b"Connection: X-A", b"Connection: keep-alive, x-b", b"Connection: TE\r\nTE: trailers"))
        )
    body = b""
    choice = dice.random()
    if choice < 0.3:
        body = _content(dice)
        lines.append(b"Content-Length: %d" % len(body))
    elif choice < 0.55 and version == b"1.1":
        body = chunks(_content(dice), dice)
        lines.append(b"Transfer-Encoding: chunked")
    dice.shuffle(lines)
    start = dice.choice((b"", b"", b"", b"\r\n"))
    return start + b"%b %b HTTP/%b\r\n" % (method, target, version) + b"\r\n".join(lines) + b"\r\n\r\n" + body


def _plain_lines(dice: random.Random) -> list[bytes]:
    spaces = (b" ", b" ", b"", b"\t", b"  ")
    return [
        dice.choice(_FIELDS) + b":" + dice.choice(spaces) + dice.choice(_VALUES) + dice.choice((b"", b"", b" "))
        for _ in range(dice.choice((0, 1, 3, 8)))
    ]


def _content(dice: random.Random) -> bytes:
    kind = dice.randrange(4)
    if kind == 0:
        return b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"
    if kind == 1:
        return b"0\r\n\r\n"
    return dice.randbytes(dice.choice((0, 1, 10, 200, 3000)))


def chunks(body: bytes, dice: random.Random) -> bytes:
    """`body` in the chunked coding, with legal oddities and now and then a trailer."""
    parts: list[bytes] = []
    while body:
        size = dice.randrange(1, len(body) + 1)
        parts.append(
            dice.choice((b"%x", b"%X", b"00%x", b"%x;e", b'%x ;e="f"')) % size + b"\r\n" + body[:size] + b"\r\n"
        )
        body = body[size:]
    trailer = dice.choice((b"", b"", b"", b"X-Sum: 1\r\n"))
    return b"".join(parts) + dice.choice((b"0", b"0", b"000", b"0;e")) + b"\r\n" + trailer + b"\r\n"


def answer(dice: random.Random, method: bytes) -> tuple[bytes, bool]:
    """An answer to a `method` request, and whether the connection has to be closed behind it."""
    status = dice.choice(_STATUSES)
    lines = [line for line in _plain_lines(dice) if not line.lower().startswith((b"x_", b"content_", b"transfer_"))]
    body, framed, closes = _content(dice), dice.random(), dice.random() < 0.2
    if status in (204, 304) or method == b"HEAD":
        body = b""
    elif framed < 0.45:
        lines.append(b"Content-Length: %d" % len(body))
    elif framed < 0.85:
        body = chunks(body, dice)
        lines.append(b"Transfer-Encoding: chunked")
    else:
        closes = True
    if closes:
        lines.append(b"Connection: close")
    dice.shuffle(lines)
    interim = dice.choice((b"", b"", b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"))
    head = b"HTTP/1.1 %d %b\r\n" % (status, dice.choice((b"OK", b"", b"All Right \xe4")))
    return interim + head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body, closes
