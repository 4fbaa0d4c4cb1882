"""A job's progress as server-sent events (HTML Living Standard, section 9.2): never backwards, ended by the outcome.

    progress    {"job_id", "status", "step", "progress"}                       whenever one of them has changed
    end         the same, with "coverage", "error_code", "error_message"       once, and the stream closes

A comment is sent when nothing changed for a while. A stream that closes without `end` was cut by a restart or by its
time limit: clients of the standard reconnect by themselves, and the first event then shows where the job stands.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from v2_service.adapters.runs import ACTIVE, Run
from v2_service.contract import JsonObject
from v2_service.errors import ServiceFailed

RECONNECT_MILLISECONDS = 2000
ALIVE = b": alive\n\n"
SHOWN = ("status", "step", "progress")
OUTCOME = ("coverage", "error_code", "error_message")


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds between two looks at the run, until a comment shows that the stream lives, and until it is closed.

    `failures`: looks in a row that the database may leave unanswered.
    """

    look: float = 1.0
    alive: float = 15.0
    most: float = 3600.0
    failures: int = 30


def event(kind: str, data: JsonObject) -> bytes:
    """One event on the wire."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


async def follow(
    look: Callable[[], Awaitable[Run | None]], leaving: Callable[[], bool], rhythm: Rhythm
) -> AsyncIterator[bytes]:
    """Events of a run until it ends, disappears, the process leaves or the time is up."""
    yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
    told: JsonObject = {}
    quiet, failures, waited = 0.0, 0, 0.0
    while waited < rhythm.most and failures <= rhythm.failures and not leaving():
        try:
            run = await look()
        except ServiceFailed:
            failures += 1
        else:
            failures = 0
            if run is None:
                return
            shown = _shown(run, told)
            if run["status"] not in ACTIVE:
                yield event("end", {**shown, **{name: run[name] for name in OUTCOME}})
                return
            if shown != told:
                told, quiet = shown, 0.0
                yield event("progress", shown)
        if quiet >= rhythm.alive:
            quiet = 0.0
            yield ALIVE
        await asyncio.sleep(rhythm.look)
        quiet += rhythm.look
        waited += rhythm.look


def _shown(run: Run, told: JsonObject) -> JsonObject:
    shown: JsonObject = {"job_id": run["id"], **{name: run[name] for name in SHOWN}}
    before, now = told.get("progress"), shown["progress"]
    # Reads may come from a replica that lags behind.
    if isinstance(before, int) and isinstance(now, int) and before > now:
        shown["progress"] = before
    return shown


class Audience:
    """Counts the open streams; there is a most."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.open = 0

    @property
    def full(self) -> bool:
        return self.open >= self._most

    async def counted(self, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same events, counted as a stream for as long as they are read."""
        self.open += 1
        try:
            async for one in events:
                yield one
        finally:
            self.open -= 1
