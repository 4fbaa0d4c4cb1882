"""Routes for operators: erasure, costs, the deep health check. Counterpart: `api.py` has the import itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from v2_service.api import app_of
from v2_service.deep_health import examine
from v2_service.erasure import erase
from v2_service.observe import say
from v2_service.shapes import UserId, problems

router = APIRouter()


@router.delete("/users/{user_id}", responses=problems(400))
async def erase_user(request: Request, user_id: UserId) -> dict[str, object]:
    """Erase all that imports derived from the user's conversations, and the exports. A running import is stopped.

    The answer counts what was there; sent again, it counts nothing. The account and its chat stay. Where it names a
    `monolith_job`, the monolith was importing for the user: send it again when that is over.
    """
    app = app_of(request)
    erased = await erase(app.services, app.workshop, user_id)
    say("user erased", {"runs": erased.runs, "chunks": erased.chunks, "objects": erased.objects})
    return asdict(erased)


@router.get("/admin/costs", responses=problems())
async def costs(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> dict[str, object]:
    """The newest runs with their tokens and dollars, failures included; the last 31 days; a summary; the budgets.

    `shadow` has the same of dry runs, which are in none of the other sums.
    """
    app = app_of(request)
    settings = app.services.settings
    return {
        **await app.services.costs.report(limit),
        "prices_as_of": settings.prices_as_of,
        "budget_per_job_usd": settings.budget_per_job or None,
        "budget_per_day_usd": settings.budget_per_day or None,
        "shadow": {
            **await app.shadow.costs.report(limit),
            "runs_per_day": settings.shadow_runs_per_day,
            "budget_per_day_usd": settings.shadow_budget_per_day,
        },
    }


@router.get("/health-deep", responses={503: {"description": "Somebody does not answer, and is named"}})
async def health_deep(request: Request) -> JSONResponse:
    """Whether everybody that an import needs answers, and the schema fits. 503 names what does not."""
    healthy, parts = await examine(app_of(request).services)
    body = {"status": "ok" if healthy else "unhealthy", "checks": parts}
    return JSONResponse(body, status_code=200 if healthy else 503)
