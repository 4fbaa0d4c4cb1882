"""Server-sent events for the ops page: the whole state once a second, as long as somebody looks (WHATWG HTML 9.2).

Counterpart: `page/ops.js`. Streams end by themselves when the process stops, which would otherwise wait for them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from gateway.ops.errors import TooManyStreamsError

PERIOD = 1.0
MAX_STREAMS = 16
"""Pages that may be open at once; each costs one look at all workers a second."""

Look = Callable[[], Awaitable[str]]


class Streams:
    """All open streams of one ops API. `look` gives the state as one line of JSON."""

    def __init__(self, look: Look, *, period: float = PERIOD, limit: int = MAX_STREAMS) -> None:
        self._look = look
        self._period = period
        self._limit = limit
        self._open = 0
        self._closing = asyncio.Event()

    def open(self) -> AsyncIterator[str]:
        """One more stream. Raises TooManyStreamsError."""
        if self._open >= self._limit:
            raise TooManyStreamsError(f"{self._limit} pages are open already")
        return self._events()

    def close(self) -> None:
        """End all streams, and those to come after their first event."""
        self._closing.set()

    async def _events(self) -> AsyncIterator[str]:
        self._open += 1
        try:
            while True:
                yield f"data: {await self._look()}\n\n"
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), self._period)
                    return
        finally:
            self._open -= 1
