"""Long bodies and event streams: uploads, first events, readers that stall."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from statistics import median

from bench.errors import Unmeasured
from bench.load.client import READ, connect, parse_head, read_answer

PIECE = bytes(256 * 1024)
STALLED_BYTES = 65_536
"""What a stalled reader takes before it stops, and the size of its kernel buffer."""


def upload(port: int, size: int) -> None:
    """One POST of `size` bytes. Raises Unmeasured unless the upstream received all of them."""
    head = f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/octet-stream\r\n"
    with closing(connect(port)) as one:
        try:
            one.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
            for _ in range(size // len(PIECE)):
                one.sendall(PIECE)
        except OSError as error:
            raise Unmeasured(f"the upload broke off: {error}") from None
        answer = read_answer(one)
    if str(size).encode() not in answer:
        raise Unmeasured(f"the upstream did not receive {size} bytes")


def first_event(port: int, times: int) -> float:
    """Median milliseconds from a request to the first event of its stream, over `times` streams. Raises Unmeasured."""
    request = f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode()
    found = []
    with closing(connect(port)) as one:
        for _ in range(times):
            began = time.perf_counter()
            one.sendall(request)
            buffer = bytearray()
            while b"data:" not in buffer:
                buffer += _receive(one)
            found.append((time.perf_counter() - began) * 1e3)
            while not buffer.endswith(b"0\r\n\r\n"):
                buffer += _receive(one)
    return median(found)


def _receive(one: socket.socket) -> bytes:
    try:
        data = one.recv(READ)
    except OSError as error:
        raise Unmeasured(f"a stream broke off: {error}") from None
    if not data:
        raise Unmeasured("a stream was closed in the middle")
    return data


def stall(port: int, readers: int, stack: ExitStack) -> None:
    """Start `readers` downloads of /large and stop reading each after 64 KiB. They stay open until `stack` closes."""
    for _ in range(readers):
        one = stack.enter_context(connect(port, STALLED_BYTES))
        one.sendall(f"GET /large HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        buffer = bytearray()
        while len(buffer) < STALLED_BYTES:
            buffer += _receive(one)
        head = parse_head(buffer)
        if head is None or head.status != 200:
            raise Unmeasured("a download was refused")
