"""Raw payloads and what must become of them, as data: each row names its rule. Run by test_cases.py."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A payload from a client, what the client gets, what the backend saw.

    `saw` is how many requests reach the backend. `line`, `has`, `lacks` and `body` are about the last of them: its
    request line, field lines that must (not) be there (a name ending in ':' means the whole field), its body.
    `got` and `got_not` are pieces that the client's bytes must (not) hold. `reply` is what the backend answers.
    """

    id: str
    rule: str
    send: bytes
    get: tuple[int, ...] = (200,)
    saw: int = 1
    line: bytes | None = None
    has: tuple[bytes, ...] = ()
    lacks: tuple[bytes, ...] = ()
    body: bytes | None = None
    got: tuple[bytes, ...] = ()
    got_not: tuple[bytes, ...] = ()
    answer_body: bytes | None = None
    whole: bool = True
    head_only: bool = False
    reply: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def refused(rule: str, status: int, rows: dict[str, bytes], **more: object) -> list[Case]:
    """Payloads that get one and the same refusal, and of which the backend sees nothing."""
    return [Case(name, rule, payload, (status,), saw=0, **more) for name, payload in rows.items()]  # type: ignore[arg-type]  # fields of Case


def get(fields: bytes = b"", *, target: bytes = b"/", host: bytes = b"Host: a\r\n") -> bytes:
    """A GET with more field lines."""
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (target, host, fields)


def post(fields: bytes, body: bytes = b"") -> bytes:
    """A POST with field lines that frame its body."""
    return b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n%b" % (fields, body)
