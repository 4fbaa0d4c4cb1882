"""Leaving without losing a request: the order in which a worker stops.

1. Readiness goes, and every answer says Connection: close.   2. The listener closes, its backlog is still served.
3. Exchanges end, within a bound.   4. Idle connections go last: a request may be on its way over them.
"""

import asyncio
import socket
from typing import TYPE_CHECKING

from gateway.proxy.server import ClientConnection
from gateway.proxy.stage import Stage

if TYPE_CHECKING:
    from gateway.proxy.service import Service

STEP = 0.05
IDLE_GRACE = 1.0
"""Seconds that idle keep-alive connections stay open after the listener is closed."""


async def drain(service: "Service", server: asyncio.Server, listener: socket.socket) -> bool:
    """Stop serving; True if every exchange came to its end within the worker's bound."""
    loop = service.loop
    service.draining = True
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
