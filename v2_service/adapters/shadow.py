"""The door of a dry run: the adapters of an import work behind it unchanged and reach the shadow area alone.

Counterpart: `migrations/0020_shadow.sql` and `0021_shadow_writes.sql`. What is not named here, a dry run cannot do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from v2_service.adapters.answers import only_row
from v2_service.adapters.runs import Claim, Lease, Request, Runs
from v2_service.adapters.supabase import Rest
from v2_service.contract import JsonObject, JsonValue
from v2_service.errors import StoreRefused
from v2_service.settings import Settings

# An import's function v2_x has the counterpart v2_shadow_x.
FUNCTIONS: Final = frozenset(
    {"v2_claim_run", "v2_take_run", "v2_report_run", "v2_heartbeat", "v2_stop_run", "v2_finish_run", "v2_clear_ended"}
    | {"v2_stage_chunks", "v2_staged", "v2_write_embeddings", "v2_write_profile", "v2_switch_chunks", "v2_proof"}
    | {"v2_keep_reply", "v2_spent", "v2_bill", "v2_costs"}
)
# And its table pipeline_x has pipeline_shadow_x.
TABLES: Final = frozenset({"pipeline_runs", "pipeline_profiles", "pipeline_replies", "pipeline_staged_chunks"})
CLAIMED: Final = frozenset({"accepted", "joined"})


class ShadowRest(Rest):
    """`Rest` for dry runs. Whatever has no counterpart in the shadow area raises StoreRefused before it is sent."""

    async def call(self, function: str, arguments: Mapping[str, object]) -> JsonValue:
        if function not in FUNCTIONS:
            raise StoreRefused(f"A dry run may not call {function}.")
        return await super().call(function.replace("v2_", "v2_shadow_", 1), arguments)

    async def select(self, table: str, query: Mapping[str, str]) -> list[dict[str, JsonValue]]:
        if table not in TABLES:
            raise StoreRefused(f"A dry run may not read {table}.")
        return await super().select(table.replace("pipeline_", "pipeline_shadow_", 1), query)

    async def insert(self, table: str, row: Mapping[str, object], on_conflict: str) -> None:
        raise StoreRefused(f"A dry run may not write to {table}.")


@dataclass(frozen=True, slots=True)
class ShadowClaim:
    """What became of a request for a dry run: a claim, or the `bound` that is reached."""

    claim: Claim
    bound: str | None


class ShadowRuns(Runs):
    """Rows of pipeline_shadow_runs. `imports` are the real ones, whose facts a dry run reads as an import would."""

    def __init__(self, rest: ShadowRest, settings: Settings, version: str, imports: Runs) -> None:
        super().__init__(rest, settings, version)
        self._imports = imports

    async def claim_within(self, request: Request) -> ShadowClaim:
        """Accept a dry run if every bound of the settings has room for it. Raises UserUnknown."""
        settings = self._settings
        answer = await self._rest.call(
            "v2_claim_run",
            {
                "p_user": request.user_id,
                "p_storage_path": request.storage_path,
                "p_idempotency_key": request.idempotency_key,
                "p_version": self._version,
                "p_build": settings.build,
                "p_cohort": request.cohort,
                "p_conversation_count": request.conversation_count,
                "p_message_count": request.message_count,
                "p_runs_per_day": settings.shadow_runs_per_day,
                "p_dollars_per_day": settings.shadow_budget_per_day,
                "p_at_once": settings.shadow_at_once,
            },
        )
        row = only_row(answer)
        verdict = str(row["verdict"])
        claim = Claim(verdict, str(row["run_id"] or ""), str(row["run_user"]))
        return ShadowClaim(claim, None if verdict in CLAIMED else verdict)

    async def written(self, lease: Lease, columns: str) -> JsonObject:
        """Of the profile in the shadow area: the user's own is not looked at."""
        query = {"run_id": f"eq.{lease.run_id}", "select": "profile"}
        rows = await self._rest.select("pipeline_profiles", query)
        written = rows[0]["profile"] if rows else None
        return {name: written.get(name) for name in columns.split(",")} if isinstance(written, dict) else {}

    async def latest_facts(self, user_id: str) -> JsonObject | None:
        return await self._imports.latest_facts(user_id)
