"""The evidence of one gateway: fetches finished exchanges from the workers and writes them, and answers who reads it.

Runs in the supervisor, beside the ops port. Whatever goes wrong here is counted and shown, and touches no request.
Counterparts: gateway.observe.decided in the workers, gateway.observe.pipelines for the jobs.
"""

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from gateway.observe.database import Database
from gateway.observe.decided import Decided
from gateway.observe.errors import EvidenceUnusable
from gateway.observe.evidence_records import request_record
from gateway.observe.evidence_store import EvidenceStore, Page, Record
from gateway.observe.pseudonyms import Pseudonyms, open_pseudonyms
from gateway.observe.store_thread import StoreThread

COLLECT_SECONDS: Final = 0.5
PRUNE_SECONDS: Final = 60.0
MAX_ROUNDS: Final = 8
"""Fetches in a row from workers that have more, so that a flood cannot hold a collection up for ever."""


class Workers(Protocol):
    """What the evidence asks of the fleet."""

    async def fetch_decided(self) -> list[dict[str, object]]:
        """What gateway.observe.decided hands over, of each worker that has answered, ended ones included."""
        ...


class Evidence:
    """The evidence in one folder. Methods raise EvidenceUnusable unless they say otherwise."""

    def __init__(self, workers: Workers, folder: Path) -> None:
        self._workers = workers
        self._folder = folder
        self._collecting = asyncio.Lock()
        self._pruned_at = 0.0
        self.thread = StoreThread()
        self.database: Database
        self.store: EvidenceStore
        self.pseudonyms: Pseudonyms
        self.written = 0
        self.dropped = 0
        self.problem: str | None = None

    async def open(self) -> None:
        """Open the file and the key."""
        await self.thread.run(self._open)

    def _open(self) -> None:
        self.database = Database(self._folder)
        self.store = EvidenceStore(self.database)
        self.pseudonyms = open_pseudonyms(self._folder)

    async def run(self) -> None:
        """Collect for ever. Never raises."""
        while True:
            await self.collect()
            await self._prune(time.time())
            await asyncio.sleep(COLLECT_SECONDS)

    async def collect(self) -> None:
        """Bring what the workers have finished into the store. Never raises: what cannot be written is dropped."""
        async with self._collecting:
            for _ in range(MAX_ROUNDS):
                handed = await self._workers.fetch_decided()
                await self._write([record for answer in handed for record in self._records(answer)])
                if not any(answer.get("more") for answer in handed):
                    break

    def _records(self, answer: Mapping[str, object]) -> list[Record]:
        dropped, decided = answer.get("dropped"), answer.get("decided")
        self.dropped += dropped if isinstance(dropped, int) else 0
        rows = decided if isinstance(decided, list) else []
        exchanges = (Decided(*row) for row in rows)
        return [request_record(one, None if one.key is None else self.pseudonyms.of(one.key)) for one in exchanges]

    async def _write(self, records: list[Record]) -> None:
        if not records:
            return
        try:
            self.written += await self.thread.run(lambda: self.store.append(records))
        except EvidenceUnusable as error:
            self.dropped += len(records)
            self._say(str(error))
        else:
            self.problem = None

    async def _prune(self, now: float) -> None:
        if now - self._pruned_at < PRUNE_SECONDS:
            return
        self._pruned_at = now
        try:
            await self.thread.run(lambda: self.store.prune(now))
        except EvidenceUnusable as error:
            self._say(str(error))

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            sys.stderr.write(f"evidence: {problem}\n")
        self.problem = problem

    async def page(self, after: int, limit: int) -> Page:
        """Records with a number above `after`, at most `limit`."""
        return await self.thread.run(lambda: self.store.page(after, limit))

    async def close(self) -> None:
        """Write what the workers handed over at their end, and close the file."""
        await self.collect()
        await self.thread.run(self.database.close)
        self.thread.close()
