"""Routes over many jobs: the list, and what became of an idempotency key. Counterpart: `api.py` has the single job."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse

from v2_service.accept import valid_key
from v2_service.adapters.job_list import JobList
from v2_service.api import app_of, job_facts
from v2_service.contract import JsonObject
from v2_service.listing import MOST, Place, Wanted, place, stage_of
from v2_service.paths import user_id as canonical
from v2_service.shapes import KEY_FORM, UUID_TEXT, AskedKey, JobLine, JobPage, problems

router = APIRouter()

# On every answer about a key, so that nobody takes a stranger's 404 for ours.
KEY_OUTCOME = "X-Key-Outcome"
ACCEPTED, NEVER_ACCEPTED = "accepted", "never-accepted"


@router.get("/jobs", response_model=JobPage, responses=problems(400, 404))
async def jobs(
    request: Request,
    status: Wanted = Wanted.ALL,
    user_id: Annotated[str | None, Query(json_schema_extra=UUID_TEXT)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    after: Annotated[str | None, Query(max_length=255)] = None,
    idempotency_key: Annotated[str | None, Query(max_length=255, json_schema_extra=KEY_FORM)] = None,
) -> JobPage | JSONResponse:
    """Jobs, newest first; `after` takes the `next` of the page before. `running` means every job that is not over.

    With `idempotency_key`: the job that was accepted under it, with `X-Key-Outcome: accepted`; or 404 with
    `X-Key-Outcome: never-accepted`, which nobody but this service answers.
    """
    if idempotency_key is not None:
        return await _outcome(request, idempotency_key, close=False)
    owner = None if user_id is None else canonical(user_id)
    found = await JobList(app_of(request).services.rest).page(
        wanted=status, user_id=owner, limit=limit, after=None if after is None else place(after)
    )
    last = found.rows[-1] if found.more else None
    return JobPage(
        jobs=[_line(row) for row in found.rows],
        next=Place(datetime.fromisoformat(str(last["created_at"])), str(last["id"])).cursor() if last else None,
        running=found.running,
    )


@router.post("/jobs/disclaim", responses=problems(400, 404))
async def disclaim(request: Request, idempotency_key: AskedKey) -> JSONResponse:
    """As `GET /jobs?idempotency_key=`, and when nothing was accepted under the key nothing ever will be.

    A request with this key that is still on its way here is then refused with 409: the caller may send it elsewhere.
    """
    return await _outcome(request, idempotency_key, close=True)


@router.get("/jobs/disclaim", include_in_schema=False)
async def only_post() -> None:
    """Without this, the route of single jobs would take the name for an id."""
    raise HTTPException(405, headers={"Allow": "POST"})


async def _outcome(request: Request, key: str, *, close: bool) -> JSONResponse:
    services = app_of(request).services
    outcome = await JobList(services.rest).key(valid_key(key), close=close)
    if outcome["settled_as"] == "run":
        facts = job_facts(await services.runs.get(str(outcome["run_id"])))
        return JSONResponse(facts, headers={KEY_OUTCOME: ACCEPTED})
    if outcome["settled_as"] == "legacy":
        joined = {"job_id": outcome["legacy_job_id"], "pipeline": "legacy"}
        return JSONResponse(joined, headers={KEY_OUTCOME: ACCEPTED})
    never = {"detail": "There is no such job.", "code": "never_accepted", "idempotency_key": key}
    return JSONResponse(never, status_code=404, headers={KEY_OUTCOME: NEVER_ACCEPTED})


def _line(row: JsonObject) -> JobLine:
    status, progress = str(row["status"]), row["progress"]
    return JobLine.model_validate(
        {
            "job_id": row["id"],
            "user_id": row["user_id"],
            "status": status,
            "stage": stage_of(status, str(row["step"])),
            "progress_percent": progress,
            "started_at": row["started_at"],
            "updated_at": row["updated_at"],
        }
    )
