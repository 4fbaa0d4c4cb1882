"""Finished exchanges of flagged routes, kept in a worker until the supervisor fetches them, twice a second.

The counterpart is gateway.observe.evidence. The list is bounded: nobody's answer waits for the evidence, so what does
not fit is dropped and counted.
"""

from typing import Final, NamedTuple

MAX_KEPT: Final = 20_000
MAX_FETCHED: Final = 4_000
"""Exchanges in one answer over the control channel: half a megabyte of JSON, and never more than it takes."""


class Decided(NamedTuple):
    """One finished exchange with its decision.

    `at` is Unix time at its beginning, `key` the user id as sent (None if it was no usable one), `backend` the side
    that was decided and `went_to` the one that was asked in the end, "" if none was; `fault` says whose fault a failure
    was, "" if there was none.
    """

    at: float
    flag: str
    key: str | None
    backend: str
    went_to: str
    reason: str
    bucket: int | None
    percentage: int | None
    generation: int | None
    status: int
    seconds: float
    fault: str


class DecidedLog:
    """The exchanges of one worker that were not fetched yet, oldest first; none while it is switched off."""

    __slots__ = ("_dropped", "_faults", "_kept", "enabled")

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._kept: list[Decided] = []
        self._faults: dict[object, str] = {}
        self._dropped = 0

    def blame(self, exchange: object, fault: str) -> None:
        """Note whose fault it is that a running exchange fails; the first fault counts."""
        self._faults.setdefault(exchange, fault)

    def fault_of(self, exchange: object) -> str:
        """What was noted of an exchange that ends now."""
        return self._faults.pop(exchange, "") if self._faults else ""

    def add(self, one: Decided) -> None:
        """Keep one, or count that it was dropped."""
        if len(self._kept) < MAX_KEPT:
            self._kept.append(one)
        else:
            self._dropped += 1

    def fetch(self, limit: int = MAX_FETCHED) -> dict[str, object]:
        """The oldest ones, which are then forgotten, as JSON values; `more` says whether others wait.

        `dropped` counts those that were dropped since the last fetch.
        """
        fetched, self._kept = self._kept[:limit], self._kept[limit:]
        dropped, self._dropped = self._dropped, 0
        return {"decided": fetched, "more": bool(self._kept), "dropped": dropped}
