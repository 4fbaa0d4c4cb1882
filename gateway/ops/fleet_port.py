"""What the ops plane asks of the proxy workers. Counterpart: the supervisor, which owns them."""

from typing import Protocol


class FleetPort(Protocol):
    """All proxy workers of this process's gateway."""

    async def snapshots(self) -> list[dict[str, object]]:
        """One JSON object per worker: what it has in force and what it has counted."""
        ...

    async def exposition(self) -> bytes:
        """All metrics, summed over the workers, in Prometheus' text format 0.0.4."""
        ...

    async def ready(self) -> bool:
        """Whether the public port answers with at least one worker."""
        ...
