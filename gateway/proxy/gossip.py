"""A worker's share in what all workers know of each other; the counterpart is gateway.gossip, in the supervisor."""

from functools import partial
from typing import cast

from gateway.core.allowance import Taken
from gateway.core.guards import Spent
from gateway.proxy.control import Operation
from gateway.proxy.service import Service
from gateway.proxy.shadows import today


def operations(service: Service) -> dict[str, Operation]:
    """For the control channel."""
    return {"gossip": lambda _: _tell(service), "heard": partial(_hear, service)}


def _tell(service: Service) -> dict[str, object]:
    """How long v2 stays ejected here, in seconds, which rate limits were used since the last time, and copies taken."""
    return {
        "ejected": service.breaker.left(service.clock.now),
        "spent": service.guards.tell(),
        "copied": service.shadows.allowance.tell(),
    }


def _hear(service: Service, news: dict[str, object]) -> dict[str, object]:
    """Take over what others found out."""
    now = service.clock.now
    if ejected := cast(float, news.get("ejected", 0.0)):  # our supervisor wrote it: see gateway.gossip
        service.breaker.follow(now, ejected)
    service.guards.hear(cast(list[Spent], news.get("spent", [])), now)
    service.shadows.allowance.hear(cast(list[Taken], news.get("copied", [])), today())
    return {}
