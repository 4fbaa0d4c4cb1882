"""How much of legacy's room is in use: what a plan asks before it lets legacy get, or keep, more users. Pure.

From the workers' snapshots: requests that hold or wait for a connection, against the connections and waiting places
that the gateway grants. Healthy means that no connection to legacy failed for a while.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.core.decide import Backend
from gateway.core.errors import Where

QUIET_SECONDS: Final = 30.0
_CONNECTING: Final = (str(Backend.LEGACY), str(Where.CONNECT))

Json = Mapping[str, object]


class Headroom:
    """Remembers when a connection to legacy last failed."""

    def __init__(self, places_per_worker: int) -> None:
        self._places = places_per_worker
        self._failures: int | None = None
        self._failed_at = float("-inf")

    def look(self, snapshots: Iterable[Json], now: float) -> dict[str, object] | None:
        """`healthy`, `in_flight` and `limit`; None while no worker answers."""
        alive = [one for one in snapshots if "counters" in one]
        if not alive:
            return None
        failures = sum(_failed_connections(one) for one in alive)
        # Fewer than before: a worker was replaced, and its counters with it.
        if self._failures is not None and failures > self._failures:
            self._failed_at = now
        self._failures = failures
        return {
            "healthy": now - self._failed_at > QUIET_SECONDS,
            "in_flight": sum(_in_flight(one) for one in alive),
            "limit": self._places * len(alive),
        }


def _in_flight(snapshot: Json) -> int:
    pool = _object(_object(snapshot["pools"]).get(str(Backend.LEGACY)))
    return _whole(pool.get("open")) - _whole(pool.get("idle")) + _whole(pool.get("waiting"))


def _failed_connections(snapshot: Json) -> int:
    errors = _object(snapshot["counters"]).get("errors")
    rows = errors if isinstance(errors, list) else []
    return sum(_whole(row[-1]) for row in rows if tuple(row[:2]) == _CONNECTING)


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
