"""Step 3 of the drawing: a flagged request's beginning is read, checked by the guards, decided on, and counted."""

from typing import TYPE_CHECKING

from gateway.core.decide import Decision, decide
from gateway.core.peek import peek
from gateway.core.routes import Route

if TYPE_CHECKING:
    from gateway.proxy.service import Service


def admit(service: "Service", route: Route, prefix: bytes, *, complete: bool) -> Decision:
    """The decision for a request of a flagged route; `complete` says that `prefix` is the whole body.

    Raises ClientFault when a guard refuses it.
    """
    now = service.clock.now
    found = peek(prefix, complete=complete, key=route.key)
    if route.guards or route.rate_limit:
        service.guards.check_body(route, found, now)
    flag = route.flag or ""
    decision = decide(
        flag,
        found.identity,
        service.flags.snapshot,
        killed=service.kill.engaged,
        breaker_open=service.breaker.is_open(now),
    )
    service.meters.decisions.add(flag, decision.backend, decision.reason)
    return decision


def explanation(backend: str | None, decision: Decision) -> bytes:
    """The value of X-Gateway-Decision: who answered, and why. Holds no user id."""
    parts = [str(backend), f"reason={decision.reason}"]
    for name in ("flag", "bucket", "percentage", "generation"):
        value = getattr(decision, name)
        if value is not None:
            parts.append(f"{name}={value}")
    return "; ".join(parts).encode("ascii", "replace")
