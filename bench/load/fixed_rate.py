"""Open-loop load: requests start at a fixed rate whether or not answers have come.

Latency counts from the moment a request was due, so that a proxy which stalls cannot hide it. Blocking sockets and
select(2), whose timeout is exact to the microsecond; event loops round theirs to milliseconds.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.errors import Unmeasured
from bench.load.client import READ, ask, connect, is_complete
from bench.results import percentile

CONNECTIONS = 64
MAX_BACKLOG = 1.0
"""Seconds a request may be late before the rate counts as not reached."""


@dataclass(frozen=True, slots=True)
class RateReport:
    """Requests answered, latency percentiles in microseconds, and the share of one core the generator itself took."""

    requests: int
    p50_us: float
    p99_us: float
    generator_load: float


@dataclass(slots=True)
class _Exchange:
    connection: socket.socket
    due: float = 0.0
    buffer: bytearray = field(default_factory=bytearray)


def run(port: int, requests: Sequence[bytes], rate: float, seconds: float) -> RateReport:
    """Send `rate` requests a second for `seconds`. Raises Unmeasured if the proxy cannot keep up or fails."""
    with ExitStack() as stack:
        idle = deque(_Exchange(stack.enter_context(connect(port))) for _ in range(CONNECTIONS))
        for exchange in idle:
            ask(exchange.connection, requests[0])
            exchange.connection.setblocking(False)
        began, busy = time.perf_counter(), time.process_time()
        latencies = _drive(idle, requests, rate, round(rate * seconds))
        load = (time.process_time() - busy) / (time.perf_counter() - began)
    return RateReport(len(latencies), percentile(latencies, 0.5) * 1e6, percentile(latencies, 0.99) * 1e6, load)


def _drive(idle: deque[_Exchange], requests: Sequence[bytes], rate: float, total: int) -> list[float]:
    """Seconds from due to done of each of `total` requests."""
    running: dict[socket.socket, _Exchange] = {}
    latencies: list[float] = []
    sent, start = 0, time.perf_counter()
    while len(latencies) < total:
        now = time.perf_counter() - start
        while sent < total and sent / rate <= now and idle:
            exchange = idle.popleft()
            exchange.due = sent / rate
            exchange.buffer.clear()
            exchange.connection.send(requests[sent % len(requests)])
            running[exchange.connection] = exchange
            sent += 1
        if sent < total and now - sent / rate > MAX_BACKLOG:
            raise Unmeasured(f"only {len(latencies) / now:.0f} requests a second")
        due = sent / rate - now if sent < total and idle else 1.0
        readable, _, _ = select.select(list(running), (), (), max(0.0, due))
        for connection in readable:
            exchange = running[connection]
            if _received(exchange):
                latencies.append(time.perf_counter() - start - exchange.due)
                idle.append(running.pop(connection))
        if not readable and time.perf_counter() - start > total / rate + 30:
            raise Unmeasured("answers did not come")
    return latencies


def _received(exchange: _Exchange) -> bool:
    """Read what is there; True when the answer is whole."""
    try:
        data = exchange.connection.recv(READ)
    except OSError as error:
        raise Unmeasured(f"a connection broke: {error}") from None
    if not data:
        raise Unmeasured("a connection was closed in the middle of an answer")
    exchange.buffer += data
    return is_complete(exchange.buffer)
