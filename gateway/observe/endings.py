"""Finished exchanges, counted and logged some at a time, together with those that ended alike.

What those have in common, who counts them and what the access log says, is worked out once. The rest is summed up and
written in loops inside the interpreter, which cost less than a call for each. In the log, exchanges that ended alike
keep their order; others of the same fifth of a second may change places.
"""

from bisect import bisect_left
from itertools import chain, repeat
from operator import mul

from gateway.core.decide import UNCOUNTED, Backend, Reason
from gateway.observe.access_log import AccessLog, line_format
from gateway.observe.meters import BOUNDS, Meters, Series

MAX_ENDINGS = 1024
"""Methods come from clients, so the table is bounded. It starts anew when it is full."""
MAX_WAITING = 256
"""Exchanges of one ending that may wait to be counted. More at a time are no cheaper."""

Key = tuple[bytes, str, Backend | None, Reason, int]
"""Method, route, the backend that was asked, reason and status."""

Finished = tuple[bytes, float, int, int]
"""An exchange's id, its seconds, and the bytes of the bodies received and sent."""


class Ending:
    """How exchanges ended. `series` counts their bytes, and requests if `counted`; `waiting` are not counted yet."""

    __slots__ = ("_line", "_log", "_status_class", "counted", "series", "waiting")

    def __init__(self, key: Key, meters: Meters, log: AccessLog) -> None:
        method, route, asked, reason, status = key
        backend = asked or "none"
        self.series: Series = meters.of(route, backend)
        self.counted = reason not in UNCOUNTED
        self.waiting: list[Finished] = []
        self._status_class = status // 100
        self._log = log
        self._line = line_format(method, route, backend, reason, status)

    def settle(self) -> None:
        """Count and log those that wait."""
        count = len(self.waiting)
        ids, seconds, received, sent = zip(*self.waiting, strict=True)
        self.waiting.clear()
        series = self.series
        series.received += sum(received)
        series.sent += sum(sent)
        if self.counted:
            series.statuses[self._status_class] += count
            series.seconds += sum(seconds)
            for bucket in map(bisect_left, repeat(BOUNDS), seconds):
                series.buckets[bucket] += 1
        if self._log.enabled:
            values = zip(repeat(self._log.now), ids, map(mul, seconds, repeat(1e6)), received, sent, strict=False)
            self._log.add(self._line * count % tuple(chain.from_iterable(values)), count)


class Endings(dict[Key, Ending]):
    """The endings so far, each made on first use."""

    def __init__(self, meters: Meters, log: AccessLog) -> None:
        super().__init__()
        self._meters = meters
        self._log = log

    def __missing__(self, key: Key) -> Ending:
        if len(self) >= MAX_ENDINGS:
            self.settle()
            self.clear()
        self[key] = found = Ending(key, self._meters, self._log)
        return found

    def settle(self) -> None:
        """Count and log all that wait. Called by the sweeper, and before anybody reads the counters."""
        for ending in self.values():
            if ending.waiting:
                ending.settle()
