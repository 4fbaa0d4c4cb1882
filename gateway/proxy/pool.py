"""Connections to one backend: idle ones to be used again, and the bounded line of those who wait for one."""

import asyncio
import ssl
from collections import deque
from typing import TYPE_CHECKING

from gateway.core.decide import Backend
from gateway.core.errors import (
    CertificateRefused,
    ConnectFailed,
    ConnectTimeout,
    GatewayError,
    Overloaded,
    TlsFailed,
    Where,
)
from gateway.proxy.address import Address, client_tls
from gateway.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.service import Service


class Pool:
    """All connections to one backend. The most recently used idle one goes out first, so that the others can age."""

    __slots__ = ("_tasks", "_waiting", "address", "backend", "idle", "open", "service", "tls")

    def __init__(self, service: "Service", backend: Backend, address: Address) -> None:
        self.service = service
        self.backend = backend
        self.address = address
        self.idle: list[UpstreamConnection] = []
        self.open = 0  # connections that exist or are being made
        self._waiting: deque[Exchange] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self.tls = client_tls(service.config.ca_file) if address.tls else None

    @property
    def waiting(self) -> int:
        """Exchanges in line for a connection."""
        return len(self._waiting)

    def take(self) -> UpstreamConnection | None:
        """An idle connection, or None."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    def connect(self, exchange: "Exchange") -> None:
        """Open a connection for `exchange`, or let it wait; it hears `attach` or `connect_failed`."""
        if self.open < self.service.config.upstream_connections:
            self._open_for(exchange)
        elif len(self._waiting) < self.service.config.upstream_waiting:
            self._waiting.append(exchange)
        else:
            exchange.connect_failed(Overloaded(f"Too many requests are in flight to {self.backend}.", Where.CONNECT))

    def forget(self, exchange: "Exchange") -> None:
        """Take an abandoned exchange out of the line."""
        if exchange in self._waiting:
            self._waiting.remove(exchange)

    def _open_for(self, exchange: "Exchange") -> None:
        self.open += 1
        task = self.service.loop.create_task(self._connect(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, exchange: "Exchange") -> None:
        error: GatewayError
        try:
            async with asyncio.timeout(exchange.route.connect):
                connection = await self._open_connection()
        except TimeoutError:
            error = ConnectTimeout(f"{self.backend} did not accept a connection in time.", Where.CONNECT)
        except ssl.SSLCertVerificationError as problem:
            error = CertificateRefused(f"{self.backend}'s certificate: {problem.verify_message}.", Where.CONNECT)
        except ssl.SSLError as problem:
            error = TlsFailed(f"No TLS with {self.backend}: {problem.reason or 'failed'}.", Where.CONNECT)
        except OSError as problem:
            error = ConnectFailed(f"No connection to {self.backend}: {problem.strerror or 'failed'}.", Where.CONNECT)
        else:
            self._hand_over(connection, exchange)
            return
        self.open -= 1
        exchange.connect_failed(error)
        self._serve_next()

    async def _open_connection(self) -> UpstreamConnection:
        loop, address = self.service.loop, self.address
        if address.path:
            _, made = await loop.create_unix_connection(lambda: UpstreamConnection(self), address.path)
        else:
            _, made = await loop.create_connection(
                lambda: UpstreamConnection(self), address.host, address.port, ssl=self.tls
            )
        return made

    def _hand_over(self, connection: UpstreamConnection, exchange: "Exchange") -> None:
        if exchange.finished:
            self.give_back(connection)
        else:
            exchange.attach(connection)

    def give_back(self, connection: UpstreamConnection) -> None:
        """A connection whose exchange is over and that may be used again, unless it is closing: then `lost` follows."""
        while self._waiting and not connection.transport.is_closing():
            exchange = self._waiting.popleft()
            if not exchange.finished:
                connection.reused = True
                exchange.attach(connection)
                return
        connection.idle_since = self.service.clock.now
        connection.reused = True
        self.idle.append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """A connection that is gone."""
        self.open -= 1
        if connection in self.idle:
            self.idle.remove(connection)
        self._serve_next()

    def _serve_next(self) -> None:
        while self._waiting and self.open < self.service.config.upstream_connections:
            exchange = self._waiting.popleft()
            if not exchange.finished:
                self._open_for(exchange)

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long: the backend must not close it first, under a request."""
        oldest = now - self.service.config.upstream_idle
        while self.idle and self.idle[0].idle_since < oldest:
            self.idle.pop(0).transport.close()

    def close(self) -> None:
        """Close idle connections and stop connecting."""
        for connection in self.idle:
            connection.transport.close()
        self.idle.clear()
        for task in tuple(self._tasks):
            task.cancel()
