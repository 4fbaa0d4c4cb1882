"""The door to the language model, shared by all runs of a process: a slot per HTTP attempt, first come first served.

The SDK alone retries, and it waits between two attempts outside of this door, so no slot is held while sleeping (L-62).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import anthropic
import httpx2

from v2_service.memory import free_memory
from v2_service.observe import Metrics
from v2_service.pace import MIB, MemoryRule, Pace
from v2_service.settings import Settings

if TYPE_CHECKING:
    HttpClient = httpx2.AsyncClient
else:
    HttpClient = anthropic.DefaultAsyncHttpxClient

THROTTLED = (429, 529)
# So long after the model last throttled, nothing but imports asks it.
CALM_SECONDS = 120.0
_behind: ContextVar[bool] = ContextVar("behind_imports", default=False)


@contextmanager
def behind_imports() -> Iterator[None]:
    """Calls of the block take a slot only when no other call waits for one."""
    token = _behind.set(True)
    try:
        yield
    finally:
        _behind.reset(token)


class Limiter:
    """Obeys a `Pace`."""

    def __init__(
        self,
        pace: Pace,
        metrics: Metrics,
        *,
        memory: MemoryRule | None = None,
        free: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pace = pace
        self._metrics = metrics
        self._memory = memory
        self._free = free
        self._clock = clock
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._behind: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        metrics.model_limit.set(pace.limit)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Callable[[int, Mapping[str, str]], None]]:
        """Wait for a place and hold it for the block, which tells the answer's status and headers, if one came."""
        await self._enter()
        started = self._clock()
        try:
            yield lambda status, headers: self._told(started, status, headers)
        finally:
            self._running -= 1
            self._admit()

    async def _enter(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line = self._behind if _behind.get() else self._waiting
        line.append(place)
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._running -= 1
            else:
                line.remove(place)
            self._admit()
            raise

    def _admit(self) -> None:
        """Let in as many as may; set the alarm when a pause is all that keeps the others out."""
        places = self._places()
        while (line := self._waiting or self._behind) and self._running < places and not self._paused():
            self._running += 1
            line.popleft().set_result(None)
            places = self._places()
        self._metrics.model_running.set(self._running)
        self._metrics.model_waiting.set(len(self._waiting) + len(self._behind))

    def pressure(self) -> str | None:
        """What keeps the model from being asked for more than imports: memory, throttling, a line; None if nothing."""
        room = self._memory.room(self._free(), self._running) if self._memory else None
        if room is not None and room <= self._running:
            return "memory"
        now = self._clock()
        if self.pace.resume_at > now or self.pace.cut_at > now - CALM_SECONDS:
            return "model_throttled"
        return "model_busy" if self._waiting else None

    def _places(self) -> int:
        room = self._memory.room(self._free(), self._running) if self._memory else None
        return self.pace.places(room)

    def _paused(self) -> bool:
        left = self.pace.resume_at - self._clock()
        if left <= 0:
            return False
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(left, self._rung)
        return True

    def _rung(self) -> None:
        self._alarm = None
        self._admit()

    def _told(self, started: float, status: int, headers: Mapping[str, str]) -> None:
        if status in THROTTLED:
            self.pace.throttled(started, self._clock(), retry_after(headers))
            self._metrics.model_throttled.labels(str(status)).inc()
        else:
            self.pace.answered(self._running)
        self._metrics.model_limit.set(self.pace.limit)


class PacedHttp(HttpClient):
    """The SDK's HTTP client, each attempt of which takes a slot."""

    def __init__(self, limiter: Limiter, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        if transport is None:
            super().__init__()
        else:
            super().__init__(transport=transport)
        self._limiter = limiter

    async def send(
        self,
        request: httpx2.Request,
        *,
        stream: bool = False,
        auth: httpx2._types.AuthTypes | httpx2._client.UseClientDefault | None = httpx2.USE_CLIENT_DEFAULT,
        follow_redirects: bool | httpx2._client.UseClientDefault = httpx2.USE_CLIENT_DEFAULT,
    ) -> httpx2.Response:
        """One attempt, its body included unless it is streamed."""
        async with self._limiter.slot() as told:
            response = await super().send(request, stream=stream, auth=auth, follow_redirects=follow_redirects)
            told(response.status_code, response.headers)
            return response


def new_limiter(settings: Settings, metrics: Metrics) -> Limiter:
    """The limiter that the settings ask for."""
    limit = settings.memory_limit_mb
    rule = MemoryRule(settings.memory_headroom_mb * MIB, settings.memory_per_call_mb * MIB)
    pace = Pace(settings.extraction_concurrency)
    return Limiter(pace, metrics, memory=rule, free=lambda: free_memory(limit * MIB if limit else None))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a throttled answer asks for, by `retry-after-ms` or `retry-after`; None when it names none."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    return None
