"""Breaks messages a little, where readers tend to disagree. Counterpart: bench.fuzz.grammar."""

import random
from collections.abc import Callable

_TOKENS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\x00",
    b"\x0b",
    b"\x0c",
    b"\x85",
    b"\xa0",
    b"\xff",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"#",
    b"\\",
    b"%0d%0a",
    b"\r\n ",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"-1",
    b"0x",
    b"+",
    b"\r\nTransfer-Encoding: chunked",
    b"\r\nTransfer-Encoding: identity",
    b"\r\nTransfer-Encoding : chunked",
    b"\r\nTransfer-Encoding:\x0bchunked",
    b"\r\ntransfer-encoding: CHUNKED",
    b"\r\nContent-Length: 5",
    b"\r\nContent-Length: 0",
    b"\r\nContent-Length: +5",
    b"\r\ncontent-length: 5, 5",
    b"\r\nConnection: close",
    b"\r\nConnection: content-length, host",
    b"\r\nHost: b",
    b"\r\nExpect: 100-continue",
    b"\r\nUpgrade: websocket\r\nConnection: upgrade",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b" HTTP/1.0",
    b"ffffffffffffffff",
)
Mutation = Callable[[bytes, random.Random], bytes]


def mutate(data: bytes, dice: random.Random) -> bytes:
    """`data` with one to four changes."""
    for _ in range(dice.choice((1, 1, 2, 4))):
        data = dice.choice(_MUTATIONS)(data, dice)
    return data


def _somewhere(data: bytes, dice: random.Random) -> int:
    """An offset, more often where the structure is: in the first kilobyte, at a line's end, or at a colon."""
    place = dice.randrange(4)
    if place == 0:
        return dice.randrange(len(data) + 1)
    if place == 1:
        return dice.randrange(min(len(data), 1000) + 1)
    mark = b"\r\n" if place == 2 else b":"
    marks = [at for at in range(min(len(data), 4000)) if data.startswith(mark, at)]
    return dice.choice(marks) if marks else 0


def _insert(data: bytes, dice: random.Random) -> bytes:
    at = _somewhere(data, dice)
    return data[:at] + dice.choice(_TOKENS) + data[at:]


def _replace(data: bytes, dice: random.Random) -> bytes:
    at = _somewhere(data, dice)
    return data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]


def _delete(data: bytes, dice: random.Random) -> bytes:
    at = _somewhere(data, dice)
    return data[:at] + data[at + dice.choice((1, 1, 2, 10)) :]


def _flip_case(data: bytes, dice: random.Random) -> bytes:
    at = _somewhere(data, dice)
    return data[:at] + data[at : at + 10].swapcase() + data[at + 10 :]


def _repeat(data: bytes, dice: random.Random) -> bytes:
    at, size = _somewhere(data, dice), dice.choice((1, 2, 20, 100))
    return data[: at + size] + data[at : at + size] + data[at + size :]


def _bare_line_end(data: bytes, dice: random.Random) -> bytes:
    at = data.find(b"\r\n", _somewhere(data, dice))
    return data if at < 0 else data[:at] + dice.choice((b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\n")) + data[at + 2 :]


def _swap_lines(data: bytes, dice: random.Random) -> bytes:
    lines = data.split(b"\r\n")
    one, two = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\r\n".join(lines)


def _cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def _number(data: bytes, dice: random.Random) -> bytes:
    """Change a digit: lengths, chunk sizes, versions, statuses."""
    digits = [at for at in range(min(len(data), 4000)) if 48 <= data[at] <= 57]
    if not digits:
        return data
    at = dice.choice(digits)
    return data[:at] + dice.choice((b"0", b"1", b"9", b"", b"00", b"5")) + data[at + 1 :]


_MUTATIONS: tuple[Mutation, ...] = (
    _insert,
    _insert,
    _insert,
    _replace,
    _delete,
    _flip_case,
    _repeat,
    _bare_line_end,
    _swap_lines,
    _cut,
    _number,
)
