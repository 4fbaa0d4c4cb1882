"""Users whose chunks are to be made anew, and the claim on one of them. Counterpart: `migrations/0017_rechunk.sql`.

The staged generation itself is that of an import: `chunks.py` writes it under the lease that is got here.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from v2_service.adapters.answers import only_row, whole_number
from v2_service.adapters.runs import Lease
from v2_service.adapters.supabase import Rest
from v2_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Candidate:
    """A user with chunks of an older version; 0 is the monolith's."""

    user_id: str
    chunks: int
    version: int
    storage_path: str | None


@dataclass(frozen=True, slots=True)
class RechunkClaim:
    """`verdict` as `v2_claim_rechunk` gives it; `lease` is there when it is 'begun' or 'resumed'."""

    verdict: str
    lease: Lease | None = None


class Rechunks:
    """Every method raises StoreUnavailable or StoreRefused, and StaleRun where it takes a lease."""

    def __init__(self, rest: Rest, settings: Settings, version: int) -> None:
        self._rest = rest
        self._settings = settings
        self._version = version
        # Each process is another owner: a dead one's claim is free once its lease has run out.
        self._owner = f"rechunk-{uuid.uuid4().hex}"

    async def candidates(self, older: int, user_id: str | None, after: str | None, limit: int) -> list[Candidate]:
        """The next users by id, or the one user, if their chunks are older than a version."""
        answer = await self._rest.call(
            "v2_rechunk_candidates", {"p_older": older, "p_user": user_id, "p_after": after, "p_limit": limit}
        )
        return [
            Candidate(
                user_id=str(row["user_id"]),
                chunks=whole_number(row["chunks"]),
                version=whole_number(row["version"]),
                storage_path=str(row["storage_path"]) if row["storage_path"] is not None else None,
            )
            for row in (answer if isinstance(answer, list) else [])
            if isinstance(row, dict)
        ]

    async def claim(self, user_id: str) -> RechunkClaim:
        """Begin with a user, or go on where a dead process stopped."""
        answer = only_row(
            await self._rest.call(
                "v2_claim_rechunk",
                {
                    "p_user": user_id,
                    "p_owner": self._owner,
                    "p_version": f"chunking {self._version}",
                    "p_build": self._settings.build,
                    "p_lease_seconds": self._settings.lease_seconds,
                    "p_legacy_seconds": round(self._settings.legacy_import_minutes * 60),
                },
            )
        )
        row = answer.get("run")
        if not isinstance(row, dict):
            return RechunkClaim(str(answer["verdict"]))
        lease = Lease(
            run_id=str(row["id"]),
            user_id=str(row["user_id"]),
            fence=whole_number(row["fence"]),
            storage_path=str(row["storage_path"]),
            previous={},
            counts={},
            switched=row["switched_at"] is not None,
            accepted_at=datetime.fromisoformat(str(row["created_at"])),
        )
        return RechunkClaim(str(answer["verdict"]), lease)

    async def export_is(self, lease: Lease, digest: str) -> None:
        """Which export is being chunked; what was staged from another one goes."""
        await self._rest.call("v2_rechunk_export", {**lease.arguments, "p_digest": digest})

    async def carry_embeddings(self, lease: Lease) -> int:
        """Take over the embeddings of texts that stay as they are; returns how many staged chunks have one."""
        return whole_number(await self._rest.call("v2_carry_embeddings", lease.arguments))

    async def end(self, lease: Lease) -> None:
        """Let the claim go, with what is staged."""
        await self._rest.call("v2_end_rechunk", lease.arguments)
