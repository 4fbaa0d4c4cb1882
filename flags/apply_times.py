"""How long changes of flags took to come into force in this process. Counterpart: `flags.source`, which measures.

A histogram of plain integers, so that a worker needs no metrics library; the exposition sums it over workers.
"""

from bisect import bisect_left
from typing import Final

BOUNDS: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds in seconds; one more bucket holds what is slower. 0.5 and 2.5 are the promises for file and Unleash."""


class ApplyTimes:
    """Seconds from a change to its being in force. `last` is the newest one, None before the first."""

    __slots__ = ("counts", "last", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self.last: float | None = None

    def record(self, seconds: float) -> None:
        """Count one change; less than nothing (a clock that was set back) counts as nothing."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
        self.last = seconds
