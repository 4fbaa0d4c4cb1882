"""Step 8 of the drawing: what is counted and logged of a finished exchange."""

from time import perf_counter
from typing import TYPE_CHECKING

from gateway.core.decide import UNCOUNTED, Backend
from gateway.core.errors import Fault, GatewayError
from gateway.observe.access_log import access_line

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange


def record(exchange: "Exchange", reason: str) -> None:
    """Count a finished exchange and write its line."""
    service = exchange.service
    seconds = perf_counter() - exchange.started
    meters = service.meters
    meters.in_flight -= 1
    meters.bytes_in += exchange.received
    meters.bytes_out += exchange.sent
    backend = exchange.backend or "none"
    route = exchange.route.name
    if reason not in UNCOUNTED:
        meters.of(route, backend).record(exchange.status, seconds)
    if service.access_log.enabled:
        service.access_log.add(
            access_line(
                service.clock.wall,
                exchange.request_id,
                exchange.method,
                (route, backend, reason),
                exchange.status,
                int(seconds * 1e6),
                f'"in":{exchange.received},"out":{exchange.sent}',
            )
        )


def record_error(exchange: "Exchange", error: GatewayError) -> None:
    """Count what went wrong, and tell v2's breaker if it was v2's doing."""
    service = exchange.service
    service.meters.errors.add(exchange.backend or "none", error.where, error.fault, error.slug)
    if exchange.backend is Backend.V2 and error.fault is Fault.UPSTREAM:
        service.breaker.failure(service.clock.now)


def record_v2_answer(exchange: "Exchange", status: int, user: str | None) -> None:
    """Tell the breaker how v2 answered; client errors are no failure of its. If it took the job, its user stays.

    `user` is None on routes without a flag, which start no jobs.
    """
    service = exchange.service
    if status >= 500:
        service.breaker.failure(service.clock.now)
        return
    service.breaker.success()
    if user is not None and status < 300:
        service.pins.accepted(user)
