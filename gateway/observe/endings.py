"""What exchanges that end alike have in common, worked out once: who counts them, and what the access log says."""

from gateway.core.decide import UNCOUNTED, Reason
from gateway.observe.access_log import line_format
from gateway.observe.meters import Meters, Series

MAX_ENDINGS = 1024
"""Methods come from clients, so the table is bounded. It starts anew when it is full."""

Key = tuple[bytes, str, str, Reason, int]
"""Method, route, backend, reason and status."""


class Ending:
    """`series` counts bytes, and requests if `counted`; `line` is the format of the access log's lines."""

    __slots__ = ("counted", "line", "series")

    def __init__(self, series: Series, counted: bool, line: bytes) -> None:
        self.series = series
        self.counted = counted
        self.line = line


class Endings(dict[Key, Ending]):
    """Made on first use. A dictionary, because one is asked for on each request."""

    def __init__(self, meters: Meters) -> None:
        super().__init__()
        self._meters = meters

    def __missing__(self, key: Key) -> Ending:
        method, route, backend, reason, status = key
        if len(self) >= MAX_ENDINGS:
            self.clear()
        line = line_format(method, route, backend, reason, status)
        self[key] = found = Ending(self._meters.of(route, backend), reason not in UNCOUNTED, line)
        return found
