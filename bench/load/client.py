"""A minimal blocking HTTP/1.1 client for loopback: it must cost little, and see what really comes back."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from bench.errors import Unmeasured

TIMEOUT = 30.0
READ = 262_144

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """What a client must know of an answer's head. `length` is None for a chunked body."""

    status: int
    size: int
    length: int | None


def parse_head(buffer: bytes | bytearray) -> Head | None:
    """The head at the start of `buffer`, or None if it is not complete yet. Raises Unmeasured if it has no framing."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[: end + 2])
    length = _LENGTH.search(head)
    if not length and not _CHUNKED.search(head):
        raise Unmeasured("an answer had neither a length nor chunks")
    return Head(int(head[9:12]), end + 4, int(length[1]) if length else None)


def is_complete(buffer: bytes | bytearray) -> bool:
    """Whether `buffer` holds one whole answer. Raises Unmeasured unless its status is 2xx."""
    head = parse_head(buffer)
    if head is None:
        return False
    if not 200 <= head.status < 300:
        raise Unmeasured(f"status {head.status}")
    if head.length is None:
        return buffer.endswith(b"0\r\n\r\n")
    return len(buffer) >= head.size + head.length


def connect(port: int, receive_buffer: int = 0) -> socket.socket:
    """A connection to a loopback port; `receive_buffer` bytes bound what the kernel takes for a reader that stalls."""
    one = socket.socket()
    one.settimeout(TIMEOUT)
    if receive_buffer:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        one.connect(("127.0.0.1", port))
    except OSError as error:
        one.close()
        raise Unmeasured(f"no connection: {error}") from None
    return one


def read_answer(one: socket.socket) -> bytearray:
    """One whole answer. Raises Unmeasured if it breaks off or is not 2xx."""
    buffer = bytearray()
    try:
        while not is_complete(buffer):
            data = one.recv(READ)
            if not data:
                raise Unmeasured("the connection was closed in the middle of an answer")
            buffer += data
    except OSError as error:
        raise Unmeasured(f"an answer did not come: {error}") from None
    return buffer


def ask(one: socket.socket, request: bytes) -> bytearray:
    """Send one request and read its answer. Raises Unmeasured."""
    try:
        one.sendall(request)
    except OSError as error:
        raise Unmeasured(f"a request was not taken: {error}") from None
    return read_answer(one)
