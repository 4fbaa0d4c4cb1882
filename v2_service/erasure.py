"""Erases all that imports derived from one user's conversations: rows, checkpoints, files on disk, exports in Storage.

Each part may be done again, so a request that failed half-way is simply sent again (L-47).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from v2_service.jobs.services import Services
from v2_service.paths import user_id


class Workshop(Protocol):
    """What the jobs offer to whoever erases."""

    async def forget(self, run_ids: Sequence[str]) -> int:
        """Stop work on runs and delete what this worker holds of them; returns how many checkpointed workflows."""
        ...


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was found and erased.

    `monolith_job` is an import of the user that the monolith was working on: nobody can stop it from here, and what it
    writes afterwards stays until the user is erased again.
    """

    user_id: str
    runs: int
    chunks: int
    checkpoints: int
    objects: int
    monolith_job: str | None = None


async def erase(services: Services, workshop: Workshop, user: str) -> Erased:
    """Erase a user's derived data and exports. Raises UserIdInvalid, StoreUnavailable, StoreRefused."""
    owner = user_id(user)
    monolith_job = await services.runs.legacy_import(owner)
    # Rows first: a worker that is still busy with the user then can write nothing any more.
    rows = await services.runs.erase(owner)
    checkpoints = await workshop.forget(rows.runs)
    objects = 0
    for bucket in services.settings.buckets:
        objects += await services.storage.delete_folder(bucket, owner)
    return Erased(owner, len(rows.runs), rows.chunks, checkpoints, objects, monolith_job)
