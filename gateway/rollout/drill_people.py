"""People who import while a guard is drilled: half of them in the broken bucket, half in its control."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from typing import Final
from uuid import uuid4

import httpx

from flags.bucketing import bucket
from gateway.rollout.drill_sandbox import SandboxDesk
from gateway.rollout.drill_troubles import BROKEN_BUCKET, CONTROL_BUCKET

AT_ONCE: Final = 20
EXPORT: Final = json.dumps(
    [
        {
            "title": "A drill",
            "mapping": {
                "a": {
                    "id": "a",
                    "parent": None,
                    "children": ["b"],
                    "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["I drill."]}},
                },
                "b": {
                    "id": "b",
                    "parent": "a",
                    "children": [],
                    "message": {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["So."]}},
                },
            },
        }
    ]
).encode()


class DrillPeople:
    """Comes at a steady pace until cancelled. `answers` counts (backend, status); a status of 0 is no answer."""

    def __init__(self, desk: SandboxDesk, group: str, per_second: float) -> None:
        self._desk = desk
        self._group = group
        self._wait = 1.0 / per_second
        self.users: list[str] = []
        self.answers: Counter[tuple[str, int]] = Counter()

    async def come(self) -> None:
        """Arrive for ever."""
        places = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as visits:
            for wanted in cycle((BROKEN_BUCKET, CONTROL_BUCKET)):
                await places.acquire()
                visits.create_task(self._visit(self._user_in(wanted), places.release))
                await asyncio.sleep(self._wait)

    def _user_in(self, wanted: int) -> str:
        user = str(uuid4())
        while bucket(self._group, user) != wanted:
            user = str(uuid4())
        self.users.append(user)
        return user

    async def _visit(self, user: str, leave: Callable[[], None]) -> None:
        try:
            path = await self._desk.make_user(user, EXPORT)
            answer = await self._desk.public.post("/process-full", json={"user_id": user, "storage_path": path})
        except httpx.HTTPError:
            self.answers["", 0] += 1
        else:
            self.answers[answer.headers.get("x-gateway-backend", ""), answer.status_code] += 1
        finally:
            leave()
