"""The budget stop: before each paid call it is asked whether the job and the day may still spend.

Calls that are on their way when a budget is reached are still paid: it can be passed by as many as run at once.
"""

from __future__ import annotations

from v2_service.adapters.costs import Costs, Spent
from v2_service.contract import ModelReply, ModelRequest, Models
from v2_service.errors import BudgetSpent
from v2_service.settings import Settings

PER_JOB = "budget_per_job_spent"
PER_DAY = "budget_per_day_spent"


def over_budget(spent: Spent, per_job: float, per_day: float) -> BudgetSpent | None:
    """The stop that is due, if any; a budget of 0 is none."""
    if per_job and spent.run >= per_job:
        return BudgetSpent(PER_JOB, f"The import has reached its budget of ${per_job:.2f}.")
    if per_day and spent.day >= per_day:
        return BudgetSpent(PER_DAY, "Today's budget for imports is spent. The import can be continued tomorrow.")
    return None


class Budget:
    """The budgets of one run."""

    def __init__(self, costs: Costs, settings: Settings, run_id: str) -> None:
        self._costs = costs
        self._per_job = settings.budget_per_job
        self._per_day = settings.budget_per_day
        self._run_id = run_id

    async def check(self) -> None:
        """Raises BudgetSpent when nothing more may be paid."""
        if not self._per_job and not self._per_day:
            return
        stop = over_budget(await self._costs.spent(self._run_id), self._per_job, self._per_day)
        if stop is not None:
            raise stop


class Budgeted:
    """`contract.Models` that asks the budget first."""

    def __init__(self, models: Models, budget: Budget) -> None:
        self._models = models
        self._budget = budget

    async def complete(self, request: ModelRequest) -> ModelReply:
        await self._budget.check()
        return await self._models.complete(request)
