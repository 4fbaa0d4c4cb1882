"""A fleet of proxy workers for tests: says what it is told to."""

from gateway.core.shadowing import Shadowing
from gateway.observe.totals import Totals, total
from gateway.proxy.pinning import Listed

EXPOSITION = b"""# TYPE gateway_requests_total counter
gateway_requests_total{backend="legacy",route="process-full",status_class="2xx"} 90.0
gateway_requests_total{backend="legacy",route="process-full",status_class="5xx"} 1.0
gateway_requests_total{backend="v2",route="process-full",status_class="2xx"} 10.0
gateway_decisions_total{backend="legacy",flag="process-full-v2",reason="percentage-out"} 91.0
gateway_decisions_total{backend="v2",flag="process-full-v2",reason="percentage-in"} 10.0
gateway_decisions_total{backend="v2",flag="another",reason="percentage-in"} 7.0
"""


class StandInFleet:
    """Two workers at one generation; `is_ready` can be turned off. `told` are the listings that it was given."""

    def __init__(self) -> None:
        self.is_ready = True
        self.told: list[Listed] = []

    async def snapshots(self) -> list[dict[str, object]]:
        flags = {"generation": 1, "age": 0.04}
        return [{"worker": number, "generation": 1, "killed": False, "flags": flags} for number in (0, 1)]

    async def exposition(self, *, openly: bool = False) -> bytes:
        return (
            EXPOSITION.replace(b"gateway_requests_total counter", b"gateway_requests counter") if openly else EXPOSITION
        )

    def totals(self, snapshots: list[dict[str, object]]) -> Totals:
        return total([counters for one in snapshots if isinstance(counters := one.get("counters"), dict)])

    def shadowings(self) -> dict[str, Shadowing]:
        return {}

    def workers_ready(self) -> tuple[int, int]:
        return (2 if self.is_ready else 0), 2

    async def ready(self) -> bool:
        return self.is_ready

    async def pin(self, listed: Listed) -> None:
        self.told.append(listed)

    async def pinned(self, user_id: str) -> bool:
        return bool(self.told) and user_id in self.told[-1].users
