"""Leaving without losing a request: the order in which a worker stops.

1. Readiness goes, every answer says Connection: close, and copies are given up.   2. The listener turns deaf to new
connections, so that they come to another process on the address; then it closes, and its backlog is still served.
3. Exchanges end, within a bound.   4. Idle connections go last: a request may be on its way over them.
"""

import asyncio
import ctypes
import socket
import struct
import sys
from typing import TYPE_CHECKING

from gateway.proxy.server import ClientConnection
from gateway.proxy.stage import Stage

if TYPE_CHECKING:
    from gateway.proxy.service import Service

STEP = 0.05
DEAF_GRACE = 0.1
"""Seconds for handshakes under way to end once new ones are no longer answered."""
IDLE_GRACE = 1.0
"""Seconds that idle keep-alive connections stay open after the listener is closed."""


async def drain(service: "Service", server: asyncio.Server, listener: socket.socket) -> bool:
    """Stop serving; True if every exchange came to its end within the worker's bound."""
    loop = service.loop
    service.draining = True
    service.shadows.stop()
    if _turn_deaf(listener):
        await asyncio.sleep(DEAF_GRACE)
    backlog = socket.socket(fileno=socket.dup(listener.fileno()))
    server.close()
    listener.close()
    await asyncio.sleep(0)
    for connection in _take_backlog(backlog):
        await loop.connect_accepted_socket(lambda: ClientConnection(service), connection)
    deadline = loop.time() + service.config.drain_seconds
    idle_until = loop.time() + IDLE_GRACE
    while service.clients and loop.time() < deadline:
        busy = any(client.stage is not Stage.IDLE for client in service.clients)
        if not busy and loop.time() >= idle_until:
            break
        await asyncio.sleep(STEP)
    clean = all(client.exchange is None for client in service.clients)
    for client in tuple(service.clients):
        if client.stage is Stage.IDLE:
            client.close()
        else:
            client.transport.abort()
    for pool in service.pools.values():
        pool.close()
    await asyncio.sleep(0)
    return clean


SO_ATTACH_FILTER = 26
_NO_SYN = (
    # A filter for the kernel, as (code, jump if true, jump if false, constant); it sees the TCP header.
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone: the first packet of a connection
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFF_FFFF),  # anything else passes
)


def _turn_deaf(listener: socket.socket) -> bool:
    """Let the kernel drop first packets of connections to this listener; True where it can and may (Linux, TCP).

    Closing a listener resets connections whose handshake ends between our last accept and the close, although another
    process listens on the same address (SO_REUSEPORT). A dropped first packet is sent again by the client's kernel a
    second later, and then reaches that other process. Some kernels let only a privileged user (CAP_NET_ADMIN or root)
    filter; without it that moment stays.
    """
    if sys.platform != "linux" or listener.family == socket.AF_UNIX:
        return False
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
    program = struct.pack("HP", len(_NO_SYN), ctypes.addressof(code))
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    except OSError:
        return False
    return True


def _take_backlog(backlog: socket.socket) -> list[socket.socket]:
    """Connections that the kernel has accepted already are ours: closing the listener would reset them.

    Nothing is done between the last of them and the close, so that no other can come in between.
    """
    backlog.setblocking(False)
    found: list[socket.socket] = []
    with backlog:
        try:
            while True:
                connection, _ = backlog.accept()
                connection.setblocking(False)
                found.append(connection)
        except OSError:
            pass
    return found
