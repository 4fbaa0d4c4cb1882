"""Step 8 of the drawing: what is counted and logged of a finished exchange."""

from time import perf_counter
from typing import TYPE_CHECKING

from gateway.core.decide import Backend, Reason
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
    if reason != Reason.FORCED:  # a tester's request is no evidence about the users of a backend
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


def record_v2_answer(exchange: "Exchange", status: int) -> None:
    """Tell the breaker how v2 answered. Client errors are no failure of its."""
    breaker = exchange.service.breaker
    if status >= 500:
        breaker.failure(exchange.service.clock.now)
    else:
        breaker.success()
