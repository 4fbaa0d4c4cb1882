"""How many copies a route may have a day, all workers of the gateway together. Pure; a day is a number, in UTC.

Workers hear from each other once a second, so the bound is kept to what they send in that second. A worker that is
replaced begins to count anew, but what the others heard of it stays. Counterparts: proxy.shadows, and proxy.gossip.
"""

from collections import Counter
from collections.abc import Iterable

Taken = tuple[str, int, int]
"""A route's name, the day, and how many copies a worker has taken on that day."""


class Allowance:
    """One worker's count, and what it heard of the others'."""

    __slots__ = ("_day", "_others", "_own")

    def __init__(self) -> None:
        self._day = 0
        self._own: Counter[str] = Counter()
        self._others: Counter[str] = Counter()

    def take(self, route: str, limit: int, day: int) -> bool:
        """Take one of the `limit` copies of `day`; False if they are used up."""
        self._turn(day)
        if self._own[route] + self._others[route] >= limit:
            return False
        self._own[route] += 1
        return True

    def tell(self) -> list[Taken]:
        """What this worker took on the last day on which it took any."""
        return [(route, self._day, count) for route, count in self._own.items()]

    def hear(self, taken: Iterable[Taken], day: int) -> None:
        """All that the others have taken, together; what was heard of `day` before only grows."""
        self._turn(day)
        heard: Counter[str] = Counter()
        for route, of_day, count in taken:
            if of_day == day:
                heard[route] += count
        self._others |= heard

    def _turn(self, day: int) -> None:
        if day != self._day:
            self._day = day
            self._own.clear()
            self._others.clear()
