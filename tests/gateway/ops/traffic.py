"""Users that ask a running gateway for imports around the clock, and notice who answers."""

import asyncio
import time

from flags.bucketing import bucket
from tests.gateway.ops.documents import FLAG
from tests.gateway.ops.running import Caller

RATE = 1000.0
"""Requests a second under which flips are tried: many times what the one service that this was made for has."""

SETTLED = 40
"""Answers in a row, over several connections, after which a change counts as applied everywhere."""


class Traffic:
    """Requests of users around the clock; keeps every failure and when each user last met a stale decision.

    With a `rate` (requests a second, of all connections together) each connection keeps to its own timetable, whatever
    the answers before took; without one it asks again as soon as it is answered.
    """

    def __init__(self, callers: list[Caller], rate: float = 0.0) -> None:
        self.percentage = 0
        self.asked = 0
        self.failures: list[object] = []
        self.began = self.changed_at = self.last_stale = time.monotonic()
        self.fresh = 0
        self.applied = asyncio.Event()
        self._pause = len(callers) / rate if rate else 0.0
        self._tasks = [asyncio.create_task(self._run(number, caller)) for number, caller in enumerate(callers)]

    @property
    def rate(self) -> float:
        """Requests a second so far."""
        return self.asked / (time.monotonic() - self.began)

    async def _run(self, number: int, caller: Caller) -> None:
        turn = number
        due = self.began + self._pause * number / max(1, len(self._tasks))
        while True:
            turn += 1
            user = f"user-{turn}"
            due += self._pause
            if self._pause and (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            status, backend = await caller.ask(user)
            self.asked += 1
            if status != 200:
                self.failures.append((status, user))
            if backend == ("v2" if bucket(FLAG, user) <= self.percentage else "legacy"):
                self.fresh += 1
                if self.fresh >= SETTLED * len(self._tasks):
                    self.applied.set()
            else:
                self.fresh, self.last_stale = 0, time.monotonic()

    async def expect(self, percentage: int) -> float:
        """Wait until every connection meets this percentage; seconds from the change to the last stale decision."""
        self.percentage, self.fresh = percentage, 0
        self.changed_at = self.last_stale = time.monotonic()
        self.applied.clear()
        async with asyncio.timeout(20):
            await self.applied.wait()
        return self.last_stale - self.changed_at

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        self.failures += [error for error in ended if not isinstance(error, asyncio.CancelledError)]
