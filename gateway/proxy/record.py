"""Step 8 of the drawing: what is counted and logged of a finished exchange."""

import re
from time import perf_counter, time
from typing import TYPE_CHECKING

from gateway.core.decide import Backend, Decision
from gateway.core.errors import Fault, GatewayError
from gateway.observe.decided import Decided
from gateway.observe.endings import MAX_WAITING, Ending
from gateway.observe.meters import EXEMPLARS_FROM

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

_TRACEPARENT = re.compile(rb"(?i)\r\ntraceparent: *[0-9a-f]{2}-([0-9a-f]{32})-")


def record(exchange: "Exchange", decision: Decision) -> None:
    """Mark an exchange as finished, to be counted and logged together with others."""
    exchange.finished = True
    service, route = exchange.service, exchange.route
    seconds = perf_counter() - exchange.started
    service.meters.in_flight -= 1
    ending = service.endings[exchange.method, route.name, exchange.backend, decision.reason, exchange.status]
    waiting = ending.waiting
    waiting.append((exchange.request_id, seconds, exchange.received, exchange.sent))
    if len(waiting) >= MAX_WAITING:
        ending.settle()
    if seconds >= EXEMPLARS_FROM:
        _exemplify(exchange, ending, seconds)
    if route.flag is not None and service.decided.enabled:
        _hand_over(exchange, decision, seconds)


def _exemplify(exchange: "Exchange", ending: Ending, seconds: float) -> None:
    """A slow exchange stands for those of its bucket, if its trace can be found."""
    if ending.counted and (trace := _trace_id(exchange)):
        ending.series.exemplify(seconds, trace, time())


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
