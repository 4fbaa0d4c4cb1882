"""The run rows and everything a run writes: thin calls of the functions in `migrations/`, each fenced by the database.

Counterpart: `jobs/` holds a `Lease` and never touches a table itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from v2_service.adapters.answers import only_row, whole_number
from v2_service.adapters.supabase import Rest
from v2_service.contract import JsonObject, JsonValue
from v2_service.settings import Settings

PIPELINE = "v2"
ACTIVE = ("accepted", "running", "handing_back")
MAX_RETRIES = 8
RUN_COLUMNS = (
    "id,user_id,pipeline,version,build,cohort,kind,status,step,progress,storage_path,idempotency_key,"
    "conversation_count,message_count,counts,coverage,drops,usage,cost,error_code,error_message,callback_outcome,"
    "retries,legacy_job_id,created_at,started_at,updated_at,completed_at"
)
Run = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of a request for an import; `verdict` as `v2_claim_run` gives it.

    `run_id` is the run, or for the verdict "legacy" the monolith's job; empty for "closed".
    """

    verdict: str
    run_id: str
    user_id: str

    @property
    def accepted(self) -> bool:
        """Whether this request made the run."""
        return self.verdict == "accepted"


@dataclass(frozen=True, slots=True)
class Retry:
    """`verdict` as `v2_retry_run` gives it, and how many chunks the failed run had staged and kept."""

    verdict: str
    staged: int


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """Ids of the runs that were deleted, and how many chunks."""

    runs: tuple[str, ...]
    chunks: int


@dataclass(frozen=True, slots=True)
class Request:
    """An import (with `storage_path`) or a refresh (without) that a caller asks for."""

    user_id: str
    storage_path: str | None = None
    idempotency_key: str | None = None
    cohort: str | None = None
    conversation_count: int | None = None
    message_count: int | None = None

    @property
    def kind(self) -> str:
        return "import" if self.storage_path else "refresh"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write for a run: only the newest fence is accepted."""

    run_id: str
    user_id: str
    fence: int
    storage_path: str | None
    previous: JsonObject
    counts: JsonObject
    switched: bool
    accepted_at: datetime

    @property
    def arguments(self) -> dict[str, object]:
        return {"p_run": self.run_id, "p_fence": self.fence}


class Runs:
    """Rows of pipeline_runs and the fenced writes. Every method raises StoreUnavailable or StoreRefused."""

    def __init__(self, rest: Rest, settings: Settings, version: str) -> None:
        self._rest = rest
        self._settings = settings
        self._version = version

    async def claim(self, request: Request) -> Claim:
        """Accept a run for the user, or say which one there is already. Raises UserUnknown."""
        answer = await self._rest.call(
            "v2_claim_run",
            {
                "p_user": request.user_id,
                "p_kind": request.kind,
                "p_storage_path": request.storage_path,
                "p_idempotency_key": request.idempotency_key,
                "p_version": self._version,
                "p_build": self._settings.build,
                "p_cohort": request.cohort,
                "p_conversation_count": request.conversation_count,
                "p_message_count": request.message_count,
                "p_legacy_seconds": self._settings.legacy_import_seconds,
            },
        )
        row = only_row(answer)
        return Claim(str(row["verdict"]), str(row["run_id"] or row["legacy_job_id"] or ""), str(row["run_user"]))

    async def take(self, run_id: str) -> Lease | None:
        """Become the run's only writer; None when it is over."""
        answer = await self._rest.call(
            "v2_take_run",
            {
                "p_run": run_id,
                "p_owner": self._settings.executor_id,
                "p_lease_seconds": self._settings.lease_seconds,
            },
        )
        if not answer:
            return None
        row = only_row(answer)
        path, previous, counts = row["storage_path"], row["previous"], row["counts"]
        return Lease(
            run_id=str(row["id"]),
            user_id=str(row["user_id"]),
            fence=whole_number(row["fence"]),
            storage_path=path if isinstance(path, str) else None,
            previous=previous if isinstance(previous, dict) else {},
            counts=counts if isinstance(counts, dict) else {},
            switched=row["switched_at"] is not None,
            accepted_at=datetime.fromisoformat(str(row["created_at"])),
        )

    async def get(self, run_id: str) -> Run | None:
        """One run, or None."""
        rows = await self._rest.select("pipeline_runs", {"id": f"eq.{run_id}", "select": RUN_COLUMNS})
        return rows[0] if rows else None

    async def silent(self, now: datetime) -> list[tuple[str, str]]:
        """Active runs whose worker let the lease run out, with their status, oldest first, at most 100."""
        moment = now.isoformat()
        rows = await self._rest.select(
            "pipeline_runs",
            {
                "status": f"in.({','.join(ACTIVE)})",
                "or": f"(lease_expires_at.is.null,lease_expires_at.lt.{moment})",
                "select": "id,status",
                "order": "created_at",
                "limit": "100",
            },
        )
        return [(str(row["id"]), str(row["status"])) for row in rows]

    async def report(self, lease: Lease, step: str, stage: str, progress: int, counts: Mapping[str, object]) -> int:
        """Step, progress (0-100, never backwards) and counts; returns the progress that stands."""
        reached = await self._rest.call(
            "v2_report_run",
            {
                **lease.arguments,
                "p_step": step,
                "p_stage": stage,
                "p_progress": progress,
                "p_lease_seconds": self._settings.lease_seconds,
                "p_counts": dict(counts),
            },
        )
        return whole_number(reached)

    async def heartbeat(self, lease: Lease) -> None:
        """Renew the lease. Raises StaleRun when there is none any more."""
        await self._rest.call("v2_heartbeat", {**lease.arguments, "p_lease_seconds": self._settings.lease_seconds})

    async def write_profile(self, lease: Lease, patch: Mapping[str, object]) -> None:
        """Patch the user's profile."""
        await self._rest.call("v2_write_profile", {**lease.arguments, "p_patch": dict(patch)})

    async def finish(self, lease: Lease, outcome: Mapping[str, object], profile: Mapping[str, object]) -> None:
        """End the run and patch the profile in one transaction."""
        await self._rest.call(
            "v2_finish_run", {**lease.arguments, "p_outcome": dict(outcome), "p_profile": dict(profile)}
        )

    async def stop(self, run_id: str, status: str, message: str) -> str | None:
        """End an active run from outside; returns the status that stands afterwards, None for an unknown run."""
        answer = await self._rest.call("v2_stop_run", {"p_run": run_id, "p_status": status, "p_message": message})
        return answer if isinstance(answer, str) else None

    async def retry(self, run_id: str) -> Retry:
        """Make a failed run an accepted one again."""
        wanted = {
            "p_run": run_id,
            "p_retries": MAX_RETRIES,
            "p_lease_seconds": self._settings.lease_seconds,
            "p_legacy_seconds": self._settings.legacy_import_seconds,
        }
        row = only_row(await self._rest.call("v2_retry_run", wanted))
        return Retry(str(row["verdict"]), whole_number(row["staged"]))

    async def legacy_import(self, user_id: str) -> str | None:
        """The monolith's running import of the user, by the rule of the claim."""
        since = datetime.now(UTC) - timedelta(seconds=self._settings.legacy_import_seconds)
        job = await self._rest.call("v2_legacy_import", {"p_user": user_id, "p_since": since.isoformat()})
        return job if isinstance(job, str) else None

    async def erase(self, user_id: str) -> ErasedRows:
        """Delete the user's runs, chunks and job rows, and empty the profile."""
        row = only_row(await self._rest.call("v2_erase_user", {"p_user": user_id}))
        runs = row["runs"]
        return ErasedRows(tuple(map(str, runs)) if isinstance(runs, list) else (), whole_number(row["chunks"]))

    async def clear_ended(self, before: datetime) -> int:
        """Delete what runs that ended before then kept for a retry; returns how many runs that were."""
        return whole_number(await self._rest.call("v2_clear_ended", {"p_before": before.isoformat()}))

    async def forget(self, run_id: str) -> None:
        """Take an acceptance back, as if it had never been; a run that a worker has taken stays."""
        await self._rest.call("v2_forget_run", {"p_run": run_id})

    async def mark_callback(self, run_id: str, before: str | None, after: str) -> bool:
        """Move the callback's outcome; False when it was not at `before`."""
        moved = await self._rest.call("v2_mark_callback", {"p_run": run_id, "p_from": before, "p_to": after})
        return moved is True

    async def written(self, lease: Lease, columns: str) -> JsonObject:
        """Some columns of the profile that the run writes, as they stand."""
        return await self.profile(lease.user_id, columns)

    async def profile(self, user_id: str, columns: str) -> JsonObject:
        """Some columns of the user's profile as they stand."""
        rows = await self._rest.select("user_profiles", {"user_id": f"eq.{user_id}", "select": columns})
        return dict(rows[0]) if rows else {}

    async def latest_facts(self, user_id: str) -> JsonObject | None:
        """The consolidated facts of the user's last finished run (S-31)."""
        rows = await self._rest.select(
            "pipeline_runs",
            {
                "user_id": f"eq.{user_id}",
                "facts": "not.is.null",
                "status": "in.(complete,degraded)",
                "select": "facts",
                "order": "completed_at.desc",
                "limit": "1",
            },
        )
        facts = rows[0]["facts"] if rows else None
        return facts if isinstance(facts, dict) else None
