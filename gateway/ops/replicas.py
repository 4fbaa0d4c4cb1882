"""Several gateways with the same flags, asked over their ops APIs. Counterparts: `drill`, `gateway.ops.remote`."""

import asyncio
from collections.abc import Sequence

from gateway.ops.remote import RemoteControls


class Replicas:
    """The workers of all of them. A gateway that cannot be asked is an error: its workers may be the stale ones."""

    def __init__(self, gateways: Sequence[RemoteControls]) -> None:
        self._gateways = gateways

    async def snapshots(self) -> list[dict[str, object]]:
        """One JSON object per worker, with `gateway`, its ops API. Raises RemoteError."""
        asked = [asyncio.to_thread(gateway.workers) for gateway in self._gateways]
        found = zip(self._gateways, await asyncio.gather(*asked), strict=True)
        return [{**worker, "gateway": gateway.url} for gateway, workers in found for worker in workers]
