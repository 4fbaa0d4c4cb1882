"""The tasks that work on runs, and the place where they wait when the process ends. Counterpart: `session.Gate`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterator

from v2_service.jobs.session import Gate
from v2_service.leaving import Leaving
from v2_service.observe import say

# A wait notices the end of the process after so long.
PAUSE_SECONDS = 0.5


class AtWork(Gate):
    """Who works on which run in this process."""

    def __init__(self, leaving: Leaving) -> None:
        self._leaving = leaving
        self._working: set[asyncio.Task[object]] = set()
        self._parked: set[asyncio.Task[object]] = set()
        self._moved = asyncio.Event()

    @contextlib.contextmanager
    def on(self, run_id: str) -> Iterator[None]:
        """The task that this is called in works on a run as long as the block runs."""
        task = asyncio.current_task()
        assert task is not None
        task.set_name(run_id)
        self._working.add(task)
        try:
            yield
        finally:
            self._working.discard(task)
            self._parked.discard(task)
            self._moved.set()

    def tasks(self, run_ids: Collection[str]) -> list[asyncio.Task[object]]:
        """The tasks that work on these runs."""
        return [task for task in self._working if task.get_name() in run_ids]

    async def pause(self, seconds: float) -> None:
        """Wait so long; while the process is stopping, wait for its end."""
        until = time.monotonic() + seconds
        await self.between_steps()
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, PAUSE_SECONDS))
            await self.between_steps()

    async def between_steps(self) -> None:
        """While the process is stopping, a run waits here for its end: the next start resumes it at this place."""
        if self._leaving.begun:
            task = asyncio.current_task()
            assert task is not None
            self._parked.add(task)
            self._moved.set()
            await asyncio.Event().wait()

    async def drain(self) -> None:
        """Let running steps finish, as long as there is time; then leave the rest to the next start."""
        self._leaving.begin()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._leaving.left()):
                while self._working - self._parked:
                    self._moved.clear()
                    await self._moved.wait()
        left = list(self._working)
        say("drained", {"parked": len(self._parked), "interrupted": len(left) - len(self._parked)})
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
