"""`v2 rechunk`: users' chunks made anew from their stored exports, after the chunking has changed (S-95).

Theory of operation. Each user is claimed, chunked into a staged generation, and switched in one transaction, as by an
import: no moment is without chunks, and an import that begins meanwhile has precedence. No language model is asked;
only texts that changed are embedded. A process that dies is continued by the next one: finished users have chunks of
the new version and are no candidates any more, the unfinished one goes on with what is staged.
Counterparts: `adapters/rechunks.py` claims, `jobs/generation.py` stages and embeds.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from v2_service.adapters.rechunks import Candidate, Rechunks
from v2_service.adapters.runs import Lease
from v2_service.errors import BudgetSpent, ImportFailed, ServiceFailed, StaleRun, V2Error
from v2_service.jobs import generation
from v2_service.jobs.budget import Budget
from v2_service.jobs.services import Services
from v2_service.jobs.session import BEATS_PER_LEASE
from v2_service.jobs.sources import ExportSource
from v2_service.paths import storage_path, user_id
from v2_service.processors import ChunkingSettings, ProcessingError

PAGE = 500
ANY_VERSION = 2**31 - 1
LISTED = 20
# Why nothing was done for a user -> whether another run of the command may do it.
SKIPPED = {
    "importing": True,
    "busy": True,
    "overtaken": True,
    "stale_run": True,
    "no_export": False,
    "export_missing": False,
    "no_chunks": False,
}
EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_AGAIN = 3


@dataclass(frozen=True, slots=True)
class Options:
    """Which users: one, or all whose chunks are older than a version (None: the one that chunks are made in now)."""

    user: str | None = None
    older_than: int | None = None
    dry_run: bool = False
    limit: int | None = None
    concurrency: int = 2


@dataclass(frozen=True, slots=True)
class Rechunked:
    """What became of one user. `problem` is a code, empty when the chunks are new; `sentence` explains it."""

    user_id: str
    before: int = 0
    after: int = 0
    embedded: int = 0
    problem: str = ""
    sentence: str = ""


@dataclass(slots=True)
class Tally:
    """All users of one run of the command; single ones are listed where there is a problem, the first of them."""

    users: int = 0
    done: int = 0
    before: int = 0
    after: int = 0
    embedded: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    problems: list[Rechunked] = field(default_factory=list)

    def add(self, one: Rechunked) -> None:
        """Count one user."""
        if not one.problem:
            self.done += 1
            self.before, self.after = self.before + one.before, self.after + one.after
            self.embedded += one.embedded
            return
        counted = self.skipped if one.problem in SKIPPED else self.failed
        counted[one.problem] = counted.get(one.problem, 0) + 1
        if len(self.problems) < LISTED:
            self.problems.append(one)

    @property
    def exit_code(self) -> int:
        """0: all that can be done is done. 1: something failed. 3: somebody was in the way; run the command again."""
        if self.failed:
            return EXIT_FAILED
        return EXIT_AGAIN if any(SKIPPED[reason] for reason in self.skipped) else EXIT_DONE


async def rechunk(
    services: Services, options: Options, begun: Callable[[int], None], told: Callable[[Rechunked], None]
) -> Tally:
    """Chunk users anew, some at once. `begun` hears how many there are, `told` of each as it is done.

    Raises UserIdInvalid, StoreUnavailable, StoreRefused.
    """
    version = ChunkingSettings().version
    rechunks = Rechunks(services.rest, services.settings, version)
    tally = Tally()
    users = await _candidates(rechunks, options, version)
    tally.users = len(users)
    begun(len(users))
    waiting = iter(users)
    with tempfile.TemporaryDirectory(prefix="v2-rechunk-") as folder:
        work = Rechunker(services, rechunks, Path(folder))

        async def worker() -> None:
            for candidate in waiting:
                one = await (work.tried(candidate) if options.dry_run else work.made(candidate.user_id))
                tally.add(one)
                told(one)

        async with asyncio.TaskGroup() as group:
            for _ in range(options.concurrency):
                group.create_task(worker())
    return tally


async def _candidates(rechunks: Rechunks, options: Options, version: int) -> list[Candidate]:
    owner = user_id(options.user) if options.user else None
    older = options.older_than if options.older_than is not None else ANY_VERSION if owner else version
    found: list[Candidate] = []
    after: str | None = None
    while options.limit is None or len(found) < options.limit:
        page = await rechunks.candidates(older, owner, after, PAGE)
        found += page
        if len(page) < PAGE:
            break
        after = page[-1].user_id
    if owner and not found and options.older_than is None:
        # The claim knows why: no such user, or no chunks.
        return [Candidate(owner, 0, 0, None)]
    return found[: options.limit]


class Rechunker:
    """Makes one user's chunks at a time anew; several may be at work at once."""

    def __init__(self, services: Services, rechunks: Rechunks, folder: Path) -> None:
        self._services = services
        self._rechunks = rechunks
        self._folder = folder

    async def made(self, user: str) -> Rechunked:
        """Claim the user and do it. Never raises for what concerns this user alone."""
        try:
            claim = await self._rechunks.claim(user)
            if claim.lease is None:
                return Rechunked(user, problem=claim.verdict)
            return await self._claimed(claim.lease)
        except ServiceFailed as error:
            return Rechunked(user, problem=error.code, sentence=error.sentence)

    async def tried(self, candidate: Candidate) -> Rechunked:
        """Count what `made` would make, and write nothing."""
        user = candidate.user_id
        if candidate.storage_path is None:
            return Rechunked(user, problem="no_export")
        path = self._folder / user
        try:
            await self._download(candidate.storage_path, user, path)
            after = await self._counted(path)
        except (V2Error, ProcessingError) as error:
            return Rechunked(user, problem=error.code, sentence=str(error))
        finally:
            path.unlink(missing_ok=True)
        return Rechunked(user, candidate.chunks, after)

    async def _counted(self, path: Path) -> int:
        rows = ExportSource(path, self._services.readers).rows(self._services.now())
        return sum([batch.count async for batch in rows])

    async def _claimed(self, lease: Lease) -> Rechunked:
        path = self._folder / lease.run_id
        try:
            async with self._beating(lease):
                done = await self._anew(lease, path)
        except (V2Error, ProcessingError) as error:
            # What is staged is of use to a later run of the command only if that can do better.
            if not (isinstance(error, BudgetSpent) or (isinstance(error, ServiceFailed) and error.transient)):
                await self._end(lease)
            return Rechunked(lease.user_id, problem=error.code, sentence=str(error))
        finally:
            path.unlink(missing_ok=True)
        await self._end(lease)
        return done

    async def _end(self, lease: Lease) -> None:
        await asyncio.to_thread(self._services.forget_on_disk, lease.run_id)
        await self._rechunks.end(lease)

    async def _anew(self, lease: Lease, path: Path) -> Rechunked:
        chunks = self._services.chunks
        before = (await chunks.proof(lease.run_id))["chunks"]
        if lease.switched:
            return Rechunked(lease.user_id, before, before)
        assert lease.storage_path is not None
        await self._download(lease.storage_path, lease.user_id, path)
        await self._rechunks.export_is(lease, await asyncio.to_thread(_digest, path))
        export = ExportSource(path, self._services.readers)
        await generation.stage(self._services, lease, export, lease.accepted_at)
        await self._rechunks.carry_embeddings(lease)
        budget = Budget(self._services.costs, self._services.settings, lease.run_id)
        embedded = await generation.embed(self._services, lease, budget, _heard)
        made = (await chunks.staged(lease))["chunks"]
        after = await chunks.switch(lease, {})
        proof = await chunks.proof(lease.run_id)
        if not made == after == proof["chunks"] == proof["embedded"]:
            raise ImportFailed(
                "not_proven", f"{proof['chunks']} of {made} chunks are stored, {proof['embedded']} embedded"
            )
        return Rechunked(lease.user_id, before, after, embedded)

    async def _download(self, stored: str, owner: str, path: Path) -> None:
        await self._services.storage.download(storage_path(stored, owner, self._services.settings.buckets), path)

    @asynccontextmanager
    async def _beating(self, lease: Lease) -> AsyncIterator[None]:
        """Keep the lease while the block runs."""
        task = asyncio.create_task(self._beat(lease), name=f"heartbeat {lease.run_id}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _beat(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(self._services.settings.lease_seconds / BEATS_PER_LEASE)
            try:
                await self._services.runs.heartbeat(lease)
            except StaleRun:
                return
            except ServiceFailed:
                # The next beat may arrive; if none does, the next write finds out.
                continue


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _heard(_: int) -> None:
    """Nobody watches a single user's embeddings."""
