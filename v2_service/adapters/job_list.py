"""Reads pages of jobs, and what became of a key. Counterparts: `listing.py`, `migrations/0010_jobs.sql`."""

from __future__ import annotations

from dataclasses import dataclass

from v2_service.adapters.supabase import Rest
from v2_service.contract import JsonObject
from v2_service.errors import StoreRefused
from v2_service.listing import Place, Wanted, statuses


@dataclass(frozen=True, slots=True)
class Jobs:
    """A page's rows, whether more follow, and how many runs of everybody are not over."""

    rows: tuple[JsonObject, ...]
    more: bool
    running: int


class JobList:
    """Both methods raise StoreUnavailable or StoreRefused."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def page(self, wanted: Wanted, user_id: str | None, after: Place | None, limit: int) -> Jobs:
        """At most `limit` jobs that come after a place."""
        answer = await self._rest.call(
            "v2_jobs",
            {
                "p_statuses": statuses(wanted),
                "p_user": user_id,
                "p_before": after.created_at.isoformat() if after else None,
                "p_before_id": after.job_id if after else None,
                # One more than wanted shows whether there is a next page.
                "p_limit": limit + 1,
            },
        )
        rows = answer.get("jobs") if isinstance(answer, dict) else None
        running = answer.get("running") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not isinstance(running, int):
            raise StoreRefused("The database answered something that is no page of jobs.")
        found = tuple(row for row in rows if isinstance(row, dict))
        return Jobs(found[:limit], len(found) > limit, running)

    async def key(self, key: str, *, close: bool) -> JsonObject:
        """What became of a key: `settled_as` is run, legacy, never or unseen; `close` makes an unseen key `never`."""
        answer = await self._rest.call("v2_key", {"p_key": key, "p_close": close})
        if not isinstance(answer, dict):
            raise StoreRefused("The database answered something that says nothing of a key.")
        return answer
