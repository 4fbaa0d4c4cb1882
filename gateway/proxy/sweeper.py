"""One timer for all timeouts of a worker: a call_later per request would cost more than forwarding a small one.

It also finds out whether a client that ended its side still listens, and hands over the access log.
"""

import asyncio
import fcntl
import socket
import sys
import termios
from bisect import bisect_left
from typing import TYPE_CHECKING

from gateway.observe.meters import LAG_BOUNDS
from gateway.proxy.server import ClientConnection
from gateway.proxy.stage import CONTINUE, HALF_CLOSED_GRACE, Stage

if TYPE_CHECKING:
    from gateway.proxy.service import Service

INTERVAL = 0.2
"""Seconds between sweeps, and so the precision of every timeout."""
PROBE_AGAIN = 30.0
_CLOSED_STATES = frozenset((7, 9))  # CLOSE, LAST_ACK of Linux' tcp_states.h
_CLOSE_WAIT = 8


class Sweeper:
    """Runs `sweep` for ever, and measures by how much the event loop is late."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._handle: asyncio.TimerHandle | None = None
        self._expected = 0.0
        self.lag = 0.0
        self.max_lag = 0.0
        self.lags = [0] * (len(LAG_BOUNDS) + 1)
        self.lag_seconds = 0.0

    def start(self) -> None:
        """Begin."""
        loop = self._service.loop
        self._expected = loop.time() + INTERVAL
        self._handle = loop.call_later(INTERVAL, self._tick)

    def stop(self) -> None:
        """End."""
        if self._handle is not None:
            self._handle.cancel()

    def _tick(self) -> None:
        loop = self._service.loop
        self.lag = max(0.0, loop.time() - self._expected)
        self.max_lag = max(self.lag, self.max_lag)
        self.lags[bisect_left(LAG_BOUNDS, self.lag)] += 1
        self.lag_seconds += self.lag
        self.sweep()
        self.start()

    def sweep(self) -> None:
        """Expire what is due."""
        service = self._service
        service.clock.tick()
        now = service.clock.now
        for client in tuple(service.clients):
            if client.deadline <= now or (client.exchange is not None and client.exchange.overdue()):
                client.expire()
            elif client.eof_at:
                _probe_half_closed(client, now)
            elif client.held and client.stage is Stage.BODY:
                _notice_gone(client)
        for pool in service.pools.values():
            pool.sweep(now)
        service.shadows.sweep(self.lag)
        service.endings.settle()
        service.access_log.flush()


def _probe_half_closed(client: ClientConnection, now: float) -> None:
    """A client that ended its side may be half-closed and waiting, or gone: both look the same until it is written to.

    Before the answer a 100 (Continue) is written, which every HTTP/1.1 client must expect and skip (RFC 9110 section
    15.2); a peer that is gone resets the connection, and the next write fails. HTTP/1.0 and answers that have begun
    and stand still leave nothing harmless to write: there the client counts as gone.
    """
    exchange = client.exchange
    if exchange is None or exchange.tunnel or now < client.probe_at:
        return
    if exchange.responded or not exchange.request.minor:
        if now - max(client.eof_at, client.moved_at) > 2 * HALF_CLOSED_GRACE:
            client.transport.abort()
    else:
        # Two writes find out. A client that is still there then is asked rarely: some count the 1xx that they get.
        again = HALF_CLOSED_GRACE if client.probe_at < client.eof_at + 2 * HALF_CLOSED_GRACE else PROBE_AGAIN
        client.probe_at = now + again
        client.transport.write(CONTINUE)


def _notice_gone(client: ClientConnection) -> None:
    """While reading is paused nobody hears that the client is gone, so the socket's state is asked."""
    found = client.transport.get_extra_info("socket")
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return
    state = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    if state == _CLOSE_WAIT:
        count = bytearray(4)
        fcntl.ioctl(found.fileno(), termios.FIONREAD, count)
        if not client.cannot_complete(int.from_bytes(count, sys.byteorder)):
            return
    elif state not in _CLOSED_STATES:
        return
    client.transport.abort()
