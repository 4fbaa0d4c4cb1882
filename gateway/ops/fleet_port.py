"""What the ops plane asks of the proxy workers. Counterpart: the supervisor, which owns them."""

from typing import Protocol

from gateway.core.shadowing import Shadowing
from gateway.observe.totals import Totals
from gateway.proxy.pinning import Listed


class FleetPort(Protocol):
    """All proxy workers of this process's gateway."""

    async def snapshots(self) -> list[dict[str, object]]:
        """One JSON object per worker: what it has in force and what it has counted."""
        ...

    async def exposition(self, *, openly: bool = False) -> bytes:
        """All metrics, summed over the workers, in Prometheus' text format 0.0.4, or as OpenMetrics."""
        ...

    def totals(self, snapshots: list[dict[str, object]]) -> Totals:
        """The sums over these workers and those that ended."""
        ...

    def shadowings(self) -> dict[str, Shadowing]:
        """The routes of the table that are shadowed, by name."""
        ...

    async def ready(self) -> bool:
        """Whether the public port answers with at least one worker."""
        ...

    async def pin(self, listed: Listed) -> None:
        """Let all workers keep these users on v2; who has this listing already is told that it still stands."""
        ...

    async def pinned(self, user_id: str) -> bool:
        """Whether a worker keeps this user on v2."""
        ...

    def workers_ready(self) -> tuple[int, int]:
        """How many workers are ready, of how many there should be."""
        ...
