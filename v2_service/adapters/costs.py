"""What was paid: by run, step and day. Counterpart: `migrations/0005_costs.sql`, where every paid answer is charged."""

from __future__ import annotations

from dataclasses import dataclass

from v2_service.adapters.supabase import Rest
from v2_service.contract import JsonObject, JsonValue
from v2_service.errors import StoreRefused


@dataclass(frozen=True, slots=True)
class Spent:
    """US dollars of one run over all its executions, and of all runs of all workers today (UTC)."""

    run: float
    day: float


class Costs:
    """Reads of pipeline_costs. Every method raises StoreUnavailable or StoreRefused."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def spent(self, run_id: str) -> Spent:
        """What has been paid so far."""
        answer = await self._rest.call("v2_spent", {"p_run": run_id})
        if not isinstance(answer, dict):
            raise StoreRefused("The database told no costs.")
        return Spent(dollars(answer.get("run")), dollars(answer.get("day")))

    async def bill(self, run_id: str) -> JsonObject:
        """A run's steps: step -> calls, input_tokens, output_tokens, dollars. Embeddings are the step "embed"."""
        answer = await self._rest.call("v2_bill", {"p_run": run_id})
        return answer if isinstance(answer, dict) else {}

    async def report(self, newest: int) -> JsonObject:
        """`runs` (the newest), `days` (the last 31) and `summary` (of all)."""
        answer = await self._rest.call("v2_costs", {"p_limit": newest})
        if not isinstance(answer, dict):
            raise StoreRefused("The database told no costs.")
        return answer


def dollars(value: JsonValue) -> float:
    """An amount that is one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise StoreRefused("The database told no amount.")
    return float(value)
