"""Attacks as data: what is sent, what the client may get, what the origin may see. Run by test_attacks.py."""

from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass(frozen=True)
class Attack:
    """`saw` are the request lines at the origin, without version, in order; `body` and `fields` are the last one's.

    `lacks` are pieces that must stand nowhere in what the origin saw, `got` and `got_not` pieces of what the client
    got. `pieces` are sent one after the other, each after the gateway has read the one before.
    """

    id: str
    rule: str
    send: bytes | tuple[bytes, ...]
    get: tuple[int, ...] = (200,)
    saw: tuple[bytes, ...] = (b"GET /",)
    body: bytes | None = None
    fields: tuple[tuple[bytes, bytes], ...] = ()
    lacks: tuple[bytes, ...] = ()
    got: tuple[bytes, ...] = ()
    got_not: tuple[bytes, ...] = ()
    reply: bytes = OK
    whole: bool = True
    closes: bool = False


def get(fields: bytes = b"", target: bytes = b"/", host: bytes = b"Host: a\r\n") -> bytes:
    """A GET."""
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (target, host, fields)


def post(fields: bytes, body: bytes = b"", target: bytes = b"/") -> bytes:
    """A POST whose fields frame its body."""
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%b\r\n%b" % (target, fields, body)


def flagged(body: bytes, fields: bytes = b"") -> bytes:
    """A POST to the route whose body decides."""
    return post(b"Content-Length: %d\r\n%b" % (len(body), fields), body, b"/flagged")


def nothing(rule: str, status: int, rows: dict[str, bytes]) -> list[Attack]:
    """Payloads with one refusal, of which the origin sees nothing; behind each waits a request that nobody may run."""
    return [Attack(name, rule, payload + SMUGGLED, (status,), saw=()) for name, payload in rows.items()]
