"""Many connections: idle ones that stay, and clients that vanish at every stage of an exchange."""

from __future__ import annotations

import resource
import socket
import struct
import time
from contextlib import ExitStack, closing

from bench.errors import Unmeasured
from bench.load.client import READ, ask, connect

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close at once, with a reset."""


def allow_many_files() -> None:
    """Raise the limit of open files as far as it goes; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def hold(port: int, count: int, stack: ExitStack) -> list[socket.socket]:
    """`count` keep-alive connections, each after one request. They stay open until `stack` closes."""
    request = f"GET /small HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    found = []
    for _ in range(count):
        one = stack.enter_context(connect(port))
        ask(one, request)
        found.append(one)
    return found


def check_open(connections: list[socket.socket]) -> None:
    """Raises Unmeasured if any of the connections has been closed."""
    for one in connections:
        one.setblocking(False)
        try:
            data = one.recv(1)
        except BlockingIOError:
            continue
        raise Unmeasured("idle connections were closed" if not data else "an idle connection said something")


def vanish(port: int, count: int) -> None:
    """`count` clients that reset their connection: before the answer, in the middle of it, in the middle of a body."""
    host = f"Host: 127.0.0.1:{port}\r\n"
    stages = (
        f"GET /never HTTP/1.1\r\n{host}\r\n".encode(),
        f"GET /events HTTP/1.1\r\n{host}\r\n".encode(),
        f"POST /upload HTTP/1.1\r\n{host}Content-Length: 100000\r\n\r\n".encode() + bytes(10_000),
    )
    for number in range(count):
        stage = number % len(stages)
        one = connect(port)
        one.sendall(stages[stage])
        if stage == 1:
            one.recv(READ)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        one.close()


def upstream_connections(upstream_port: int, wanted: int, seconds: float) -> int:
    """Connections open at the streaming upstream (this one not counted), once they are `wanted` or time is up."""
    request = f"GET /connections HTTP/1.1\r\nHost: 127.0.0.1:{upstream_port}\r\n\r\n".encode()
    deadline = time.monotonic() + seconds
    with closing(connect(upstream_port)) as one:
        while True:
            count = int(ask(one, request).rpartition(b"\r\n")[2]) - 1
            if count <= wanted or time.monotonic() > deadline:
                return count
            time.sleep(0.1)
