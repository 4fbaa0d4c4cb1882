"""Step 3 of the drawing: the beginning of a request's body is read, checked by the guards, decided on, and counted."""

from time import time
from typing import TYPE_CHECKING, Final

from gateway.core.breaker import State
from gateway.core.decide import LEGACY_BY_ROUTE, V2_BY_ROUTE, Backend, Decision, Identity, IdProblem, Reason, decide
from gateway.core.errors import UnusableId, Where
from gateway.core.force import read_force
from gateway.core.peek import PREFIX_BYTES, peek
from gateway.core.route_options import IdPolicy
from gateway.core.routes import DEFAULT_KEY

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.service import Service


BY_ROUTE: Final = {Backend.LEGACY: LEGACY_BY_ROUTE, Backend.V2: V2_BY_ROUTE}
# A member of an Enum class takes three times as long to look up as a global.
_FORCED, _REFUSE, _CLOSED = Reason.FORCED, IdPolicy.REFUSE, State.CLOSED
_BAD_ID = frozenset((Reason.ID_MISSING, Reason.ID_INVALID, Reason.ID_BEYOND_PREFIX))


def admit(exchange: "Exchange", body: bytes, complete: bool) -> Decision:
    """The decision for a request whose body is peeked at; `complete` says that `body` is all of it, and fits.

    Raises ClientFault when a guard or the route's id policy refuses it.
    """
    service, route, asked = exchange.service, exchange.route, exchange.request.passage.force
    now = service.clock.now
    # Exactly the prefix, however the network cut the body: the same body must get the same decision.
    found = peek(body if complete else body[:PREFIX_BYTES], complete, route.key or DEFAULT_KEY)
    if route.checks_body:
        service.guards.check_body(route, found, exchange.address, now, exchange.owner)
    flag = route.flag
    if flag is None:
        return BY_ROUTE[route.backend]
    identity = found.identity
    breaker_open = service.breaker.state is not _CLOSED and service.breaker.is_open(now)
    force = None if asked is None else _forced(service, asked, identity)
    pinned = identity.value in service.pins.held.users
    # By position, because keywords take longer to pass than the id to hash.
    decision = decide(flag, identity, service.flags.snapshot, service.kill.engaged, breaker_open, force, pinned)
    backend, reason = decision.backend, decision.reason
    if reason is _FORCED:
        service.meters.events.add("forced", backend)
    # After the decision, not before: while the flag is off or killed everything goes to legacy as it always did.
    if route.id_policy is _REFUSE and reason in _BAD_ID:
        service.meters.decisions.add(flag, "none", reason)
        problem = identity.problem or IdProblem.UNREADABLE
        raise UnusableId(f"This route needs a usable '{route.key}' in its JSON body: {problem}.", Where.ROUTE)
    service.meters.decisions.count((flag, backend, reason))
    return decision


def _forced(service: "Service", value: bytes, identity: Identity) -> Backend | None:
    """The backend that a force header rightly asks for; a wrong one is counted, and has no effect."""
    found = read_force(value, service.force_key, identity.value, time())
    if isinstance(found, Backend):
        return found
    service.meters.events.add(found, "none")
    return None


def explanation(backend: str | None, decision: Decision) -> bytes:
    """The value of X-Gateway-Decision: who answered, and why. Holds no user id."""
    parts = [str(backend), f"reason={decision.reason}"]
    for name in ("flag", "bucket", "percentage", "generation"):
        value = getattr(decision, name)
        if value is not None:
            parts.append(f"{name}={value}")
    return "; ".join(parts).encode("ascii", "replace")
