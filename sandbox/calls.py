"""What the stand-ins were asked: counters and the latest calls per area, bounded, for tests and the control plane."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from sandbox.faults import AREAS, Area

LATEST_CALLS = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """One answered request: never a body, a query or a header, for these hold people's text and keys."""

    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class AreaReport:
    """One area as the control plane shows it."""

    requests: int
    by_status: dict[str, int]
    latest: list[Call]


class CallLog:
    """Counts every call and keeps the latest ones."""

    def __init__(self, keep: int = LATEST_CALLS) -> None:
        self._keep = keep
        self.clear()

    def clear(self) -> None:
        """Forget everything counted so far."""
        self._statuses: dict[Area, Counter[int]] = {area: Counter() for area in AREAS}
        self._latest: dict[Area, deque[Call]] = {area: deque(maxlen=self._keep) for area in AREAS}

    def record(self, area: Area, call: Call) -> None:
        """Count one call."""
        self._statuses[area][call.status] += 1
        self._latest[area].append(call)

    def report(self) -> dict[Area, AreaReport]:
        """All counters, and the latest calls oldest first."""
        return {
            area: AreaReport(
                requests=self._statuses[area].total(),
                by_status={str(status): count for status, count in sorted(self._statuses[area].items())},
                latest=list(self._latest[area]),
            )
            for area in AREAS
        }
