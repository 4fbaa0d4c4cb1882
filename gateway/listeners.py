"""Listening sockets, before any loop runs; the counterpart is gateway.fleet, whose workers accept on them."""

import os
import socket

from gateway.proxy.address import Address


def listen_on(address: Address, count: int) -> list[socket.socket]:
    """`count` listening sockets on one address (port 0: the same free port for all). Raises OSError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    found: list[socket.socket] = []
    port = address.port
    try:
        for _ in range(count):
            one = socket.socket(family, socket.SOCK_STREAM)
            found.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Inherited by accepted connections; small answers must not wait for an acknowledgement.
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.bind((address.host, port))
            port = one.getsockname()[1]
            one.listen(4096)
    except OSError:
        for one in found:
            one.close()
        raise
    return found


def default_workers() -> int:
    """One worker per processor that this process may use."""
    return len(os.sched_getaffinity(0))
