"""Step 8 of the drawing: what is counted and logged of a finished exchange."""

import re
from time import perf_counter, time
from typing import TYPE_CHECKING

from gateway.core.decide import Backend, Decision
from gateway.core.errors import Fault, GatewayError
from gateway.observe.decided import Decided
from gateway.observe.meters import EXEMPLARS_FROM

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

_TRACEPARENT = re.compile(rb"(?i)\r\ntraceparent: *[0-9a-f]{2}-([0-9a-f]{32})-")


def record(exchange: "Exchange", decision: Decision) -> None:
    """Count a finished exchange and write its line."""
    service, route, status = exchange.service, exchange.route, exchange.status
    received, sent = exchange.received, exchange.sent
    seconds = perf_counter() - exchange.started
    service.meters.in_flight -= 1
    ending = service.endings[exchange.method, route.name, exchange.backend or "none", decision.reason, status]
    series = ending.series
    series.received += received
    series.sent += sent
    if ending.counted:
        series.record(status, seconds)
        if seconds >= EXEMPLARS_FROM and (trace := _trace_id(exchange)):
            series.exemplify(seconds, trace, time())
    if service.decided.enabled and route.flag is not None:
        _hand_over(exchange, decision, seconds)
    log = service.access_log
    if log.enabled:
        log.add(ending.line % (service.clock.wall, exchange.request_id, seconds * 1e6, received, sent))


def _trace_id(exchange: "Exchange") -> str:
    """The id of the trace that the backend saw (W3C Trace Context); "" where nobody kept it."""
    request = exchange.request
    if request.passage.traced:
        found = _TRACEPARENT.search(request.lines)
        return found[1].decode() if found else ""
    return exchange.request_id.decode() if request.passage.request_id is None else ""


def _hand_over(exchange: "Exchange", decision: Decision, seconds: float) -> None:
    """Keep an exchange for the evidence, if it came as far as a decision."""
    log = exchange.service.decided
    fault = log.fault_of(exchange)
    if decision.flag is None:
        return
    log.add(
        Decided(
            time() - seconds,
            decision.flag,
            decision.key,
            decision.backend,
            exchange.backend or "",
            decision.reason,
            decision.bucket,
            decision.percentage,
            decision.generation,
            exchange.status,
            seconds,
            fault,
        )
    )


def record_error(exchange: "Exchange", error: GatewayError) -> None:
    """Count what went wrong, and tell v2's breaker if it was v2's doing."""
    service = exchange.service
    service.meters.errors.add(exchange.backend or "none", error.where, error.fault, error.slug)
    if exchange.route.flag is not None and service.decided.enabled and not exchange.finished:
        service.decided.blame(exchange, error.fault)
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
