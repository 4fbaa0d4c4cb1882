"""Listening sockets, before any loop runs; the counterpart is gateway.fleet, whose workers accept on them."""

import os
import socket

from gateway.proxy.address import Address


def listen_on(address: Address, count: int) -> list[socket.socket]:
    """`count` listening sockets on one address (port 0: the same free port for all). Raises OSError."""
    found: list[socket.socket] = []
    port = address.port
    try:
        for _ in range(count):
            one = _bound(address.host, port)
            found.append(one)
            port = one.getsockname()[1]
            one.listen(4096)
    except OSError:
        for one in found:
            one.close()
        raise
    return found


def withdrawn(listener: socket.socket) -> socket.socket:
    """Another socket of the same address, bound but not listening: the kernel gives it nothing until it listens.

    Closes `listener`; connections that wait there are reset. If the address cannot be had twice, `listener` stays.
    """
    try:
        fresh = _bound(*listener.getsockname()[:2])
    except OSError:
        return listener
    listener.close()
    return fresh


def _bound(host: str, port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Inherited by accepted connections; small answers must not wait for an acknowledgement.
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.bind((host, port))
    except OSError:
        one.close()
        raise
    return one


def default_workers() -> int:
    """One worker per processor that this process may use."""
    return len(os.sched_getaffinity(0))
