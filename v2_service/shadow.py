"""Accepting a dry run: it is let in only when it can hurt nobody, and is dropped otherwise. Counterpart: `api.py`.

What it does then is in `jobs/shadow.py`; the bounds that all workers share are counted in the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from v2_service.accept import DRY_RUN_KEY, Wanted, request_of
from v2_service.adapters.costs import Costs
from v2_service.adapters.runs import Claim
from v2_service.adapters.shadow import ShadowRuns
from v2_service.errors import KeyInvalid, KeyReused, ShadowInvalid, ShadowRefused
from v2_service.jobs.services import Services
from v2_service.leaving import Leaving
from v2_service.paths import storage_path, user_id

ON = "1"
# Bound -> what is told of it.
BOUNDS: Mapping[str, str] = {
    "no_export": "Only exports in Storage are tried in a dry run: the former service keeps no job of anything else.",
    "stopping": "The service is stopping.",
    "memory": "Memory is short.",
    "model_throttled": "The language model was throttling a moment ago.",
    "model_busy": "Imports are waiting for the language model.",
    "imports_waiting": "Imports are waiting for a place.",
    "user": "A dry run of this user is not over.",
    "at_once": "As many dry runs as may (V2_SHADOW_AT_ONCE) are running.",
    "runs_per_day": "Today's dry runs (V2_SHADOW_RUNS_PER_DAY) are used up.",
    "dollars_per_day": "Today's budget for dry runs (V2_SHADOW_BUDGET_PER_DAY) is spent.",
}


class ShadowQueue(Protocol):
    """What the jobs offer to whoever accepts dry runs."""

    leaving: Leaving

    async def submit_shadow(self, run_id: str) -> None:
        """Make sure that a dry run is worked on; again for the same run changes nothing."""
        ...


class ShadowDesk:
    """Turns wishes for dry runs into runs of the shadow area."""

    def __init__(self, runs: ShadowRuns, costs: Costs, services: Services, queue: ShadowQueue) -> None:
        self.runs = runs
        self.costs = costs
        self._services = services
        self._queue = queue
        for bound in BOUNDS:
            services.process.shadow_refused.labels(bound)

    async def accept(self, wanted: Wanted, header: str) -> Claim:
        """Commit a dry run and start it, or answer the one of the same key.

        Raises ShadowInvalid, ShadowRefused, UserIdInvalid, StoragePathRefused, KeyInvalid, KeyReused, UserUnknown,
        StoreUnavailable, StoreRefused.
        """
        if header != ON:
            raise ShadowInvalid(f"X-Shadow must be {ON}, or not be there.")
        if not DRY_RUN_KEY.fullmatch(wanted.idempotency_key or ""):
            raise KeyInvalid("A dry run needs an Idempotency-Key of shadow- and 64 hexadecimal digits.")
        user = user_id(wanted.user_id)
        if not wanted.storage_path:
            raise self._refused("no_export")
        path = storage_path(wanted.storage_path, user, self._services.settings.buckets)
        bound = "stopping" if self._queue.leaving.begun else self._services.limiter.pressure()
        if bound is not None:
            raise self._refused(bound)
        found = await self.runs.claim_within(request_of(wanted, user, path))
        if found.bound is not None:
            raise self._refused(found.bound)
        if found.claim.user_id != user:
            raise KeyReused("This Idempotency-Key was used for another user's dry run.")
        metrics = self._services.process.shadow
        if found.claim.accepted:
            metrics.accepted.labels("import").inc()
        else:
            metrics.joined.inc()
        await self._queue.submit_shadow(found.claim.run_id)
        return found.claim

    def _refused(self, bound: str) -> ShadowRefused:
        self._services.process.shadow_refused.labels(bound).inc()
        return ShadowRefused(bound, BOUNDS[bound])
