"""How long the event loop kept others waiting: a timer that should ring every tenth of a second, and when it does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

TICK_SECONDS = 0.1
WINDOW_SECONDS = 15.0


class Lag:
    """Delays of the last `WINDOW_SECONDS`; times are seconds of any one clock."""

    def __init__(self) -> None:
        self._delays: deque[tuple[float, float]] = deque()

    def add(self, now: float, delay: float) -> float:
        """Add a delay; returns the longest one that is still remembered."""
        self._delays.append((now, max(0.0, delay)))
        while self._delays[0][0] < now - WINDOW_SECONDS:
            self._delays.popleft()
        return max(delay for _, delay in self._delays)


async def watch_lag(tell: Callable[[float], None]) -> None:
    """Measure for as long as the process runs."""
    loop, lag = asyncio.get_running_loop(), Lag()
    while True:
        due = loop.time() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        now = loop.time()
        tell(lag.add(now, now - due))
