"""The rows of hand-backs: thin calls of the functions in `migrations/0012_hand_back.sql`, fenced like a run's."""

from __future__ import annotations

from dataclasses import dataclass

from v2_service.adapters.answers import only_row, whole_number
from v2_service.adapters.supabase import Rest
from v2_service.contract import JsonValue
from v2_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Begun:
    """`verdict` as `v2_begin_hand_back` gives it, and the run's status."""

    verdict: str
    status: str


@dataclass(frozen=True, slots=True)
class Errand:
    """The right to ask the monolith for one run, and what to ask for; `attempts` is how often it was asked before."""

    run_id: str
    user_id: str
    fence: int
    storage_path: str | None
    conversations: int | None
    messages: int | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """The monolith's job since the hand-back began, and seconds since we last asked (None: it holds no request)."""

    job_id: str | None
    sent_seconds_ago: float | None


class HandBacks:
    """Every method raises StoreUnavailable or StoreRefused; those with an errand raise StaleRun."""

    def __init__(self, rest: Rest, settings: Settings) -> None:
        self._rest = rest
        self._settings = settings

    async def begin(self, run_id: str) -> Begun:
        """Fence the run's worker out and mark the run as handing_back."""
        row = only_row(await self._rest.call("v2_begin_hand_back", {"p_run": run_id}))
        return Begun(str(row["verdict"]), str(row["status"]))

    async def take(self, run_id: str) -> Errand | None:
        """Become the only one who asks; None when the hand-back is over or another worker's."""
        wanted = {"p_run": run_id, "p_owner": self._settings.executor_id, "p_lease_seconds": self._lease}
        answer = await self._rest.call("v2_take_hand_back", wanted)
        if not answer:
            return None
        row = only_row(answer)
        path = row["storage_path"]
        return Errand(
            run_id=str(row["id"]),
            user_id=str(row["user_id"]),
            fence=whole_number(row["fence"]),
            storage_path=path if isinstance(path, str) else None,
            conversations=_count(row["conversation_count"]),
            messages=_count(row["message_count"]),
            attempts=whole_number(row["hand_back_attempts"]),
        )

    async def seen(self, errand: Errand) -> Sighting:
        """What the monolith's job rows show."""
        row = only_row(await self._rest.call("v2_hand_back_seen", {"p_run": errand.run_id}))
        job, ago = row["legacy_job_id"], row["sent_seconds_ago"]
        return Sighting(job if isinstance(job, str) else None, float(ago) if isinstance(ago, int | float) else None)

    async def note(self, errand: Errand, *, sending: bool) -> None:
        """Write down that the monolith is about to be asked, or that it was certainly not reached."""
        await self._rest.call(
            "v2_hand_back_sending",
            {"p_run": errand.run_id, "p_fence": errand.fence, "p_sending": sending, "p_lease_seconds": self._lease},
        )

    async def end(self, errand: Errand, status: str, job_id: str | None, message: str) -> None:
        """End as handed_back or failed."""
        await self._rest.call(
            "v2_end_hand_back",
            {
                "p_run": errand.run_id,
                "p_fence": errand.fence,
                "p_status": status,
                "p_legacy_job": job_id,
                "p_message": message,
            },
        )

    @property
    def _lease(self) -> int:
        """Longer than one call and its settling, so that no second worker asks meanwhile."""
        settings = self._settings
        return settings.lease_seconds + round(settings.hand_back_timeout_seconds + settings.hand_back_settle_seconds)


def _count(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
