"""The HTTP surface: v1's import field for field, and the jobs behind it. Counterpart: the gateway and the web app."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from v2_service.accept import Desk, Wanted
from v2_service.adapters.runs import Run
from v2_service.bodies import PatientRoute
from v2_service.erasure import Workshop
from v2_service.errors import HandBackRefused, RetryRefused, RunUnknown, ServiceFailed
from v2_service.events import Audience, Rhythm, follow
from v2_service.health import Health
from v2_service.jobs.services import Services
from v2_service.observe import say
from v2_service.shadow import ShadowDesk
from v2_service.shapes import (
    STREAM,
    TEXT,
    Cohort,
    HandBackAnswer,
    IdempotencyKey,
    JobId,
    ProcessFullAnswer,
    ProcessFullRequest,
    Shadow,
    ShadowAnswer,
    problems,
)

router = APIRouter(route_class=PatientRoute)
UUID_FORM = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
READY_SECONDS = 5.0
STARTED = "Import started: profile first, then memory → facts → sections."
JOINED = "An import of this user is running already; this is its job."
REPEATED = "This request was accepted before, and is not done again; this is its job."
ELSEWHERE = "The former service has taken an import of this user; this is its job."
DRY = "This job is a dry run: {}"


class App:
    """What the routes work with; `app.state.v2`."""

    def __init__(self, services: Services, desk: Desk, shadow: ShadowDesk, health: Health, workshop: Workshop) -> None:
        self.services = services
        self.desk = desk
        self.shadow = shadow
        self.health = health
        self.workshop = workshop
        self.audience = Audience(services.settings.event_streams)


def app_of(request: Request) -> App:
    """What the routes work with."""
    app: App = request.app.state.v2
    return app


@router.post("/process-full", responses=problems(400, 404, 409, 413))
async def process_full(
    request: Request,
    body: ProcessFullRequest,
    idempotency_key: IdempotencyKey = None,
    cohort: Cohort = None,
    shadow: Shadow = None,
) -> ShadowAnswer | ProcessFullAnswer:
    """Start an import, or with neither path nor conversations a refresh. Answers once the run is committed.

    With `X-Shadow: 1`, and a key of `shadow-` and 64 hexadecimal digits, it is a dry run: the same work, which nobody
    but a comparison sees. 503 with the code `shadow_refused` when a bound keeps it out.
    """
    wanted = Wanted(
        user_id=body.user_id,
        storage_path=body.storage_path,
        conversations=body.conversations,
        conversation_count=body.conversation_count,
        message_count=body.message_count,
        idempotency_key=idempotency_key,
        cohort=cohort,
    )
    if shadow is not None:
        dry = await app_of(request).shadow.accept(wanted, shadow)
        say("dry run accepted" if dry.accepted else "dry run joined", {"run_id": dry.run_id})
        return ShadowAnswer(
            message=STARTED if dry.accepted else REPEATED,
            user_id=body.user_id,
            conversation_count=body.conversation_count,
            job_id=dry.run_id,
        )
    claim = await app_of(request).desk.accept(wanted, uuid.uuid4().hex)
    say("run accepted" if claim.accepted else "run joined", {"run_id": claim.run_id, "verdict": claim.verdict})
    elsewhere = claim.verdict == "legacy"
    told = {"accepted": STARTED, "repeated": REPEATED, "legacy": ELSEWHERE}
    return ProcessFullAnswer(
        message=told.get(claim.verdict, JOINED),
        user_id=body.user_id,
        conversation_count=body.conversation_count,
        job_id=claim.run_id,
        version="v1" if elsewhere else "v2",
        pipeline="legacy" if elsewhere else "v2",
    )


@router.post("/process-full-v2", responses=problems(400, 404, 409, 413))
async def process_full_v2(
    request: Request,
    body: ProcessFullRequest,
    idempotency_key: IdempotencyKey = None,
    cohort: Cohort = None,
    shadow: Shadow = None,
) -> ShadowAnswer | ProcessFullAnswer:
    """The same with a storage path only; inline conversations beside it are ignored."""
    if not body.storage_path:
        raise HTTPException(400, "storage_path is required")
    if body.conversations:
        say("inline conversations ignored: /process-full-v2 reads storage_path alone", {})
        body = body.model_copy(update={"conversations": None})
    return await process_full(request, body, idempotency_key, cohort, shadow)


@router.get("/jobs/{job_id}", responses=problems(404))
async def get_job(request: Request, job_id: JobId) -> dict[str, object]:
    """One run: status, step, progress (never backwards), counts, coverage, cost and, if it failed, why."""
    return await found_job(app_of(request), known_form(job_id))


@router.get("/jobs/{job_id}/events", response_class=Response, responses={**problems(404), 200: STREAM})
async def job_events(request: Request, job_id: JobId) -> Response:
    """Progress as server-sent events, never backwards, until `end` tells the outcome. 503 when too many are open."""
    app = app_of(request)
    dry = "shadow" in await found_job(app, known_form(job_id))
    runs = app.shadow.runs if dry else app.services.runs
    if app.audience.full:
        raise HTTPException(503, "Too many streams are open.", headers={"Retry-After": "5"})
    events = follow(lambda: runs.get(job_id), lambda: request.app.state.leaving.begun, Rhythm())
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(app.audience.counted(events), media_type="text/event-stream", headers=headers)


@router.post("/jobs/{job_id}/cancel", responses=problems(404))
async def cancel_job(request: Request, job_id: JobId) -> dict[str, object]:
    """Stop a run between two steps. A run that is over, or on its way to the monolith, stays as it is."""
    app = app_of(request)
    for runs, stopped in ((app.services.runs, "import"), (app.shadow.runs, "dry run")):
        stands = await runs.stop(known_form(job_id), "cancelled", f"The {stopped} was stopped on request.")
        if stands is not None:
            say("run stopped", {"run_id": job_id, "status": stands})
            return await found_job(app, job_id)
    raise RunUnknown("There is no such job.")


@router.post(
    "/jobs/{job_id}/hand-back", status_code=202, responses={**problems(404, 409), 200: {"model": HandBackAnswer}}
)
async def hand_back_job(request: Request, response: Response, job_id: JobId) -> HandBackAnswer:
    """Stop a running import between two steps and give it to the monolith, exactly once.

    202 while it is on its way, 200 once the monolith has it; sent again, it answers the first. 409 with a `code` when
    the job is over already, or when there is nobody who could take it: then nothing was stopped.
    """
    app = app_of(request)
    if await app.shadow.runs.get(known_form(job_id)) is not None:
        raise HandBackRefused("dry_run", DRY.format("the former service has done this import itself."))
    run = await app.desk.hand_back(job_id)
    status, job = str(run["status"]), run["legacy_job_id"]
    response.status_code = 202 if status == "handing_back" else 200
    say("hand-back asked for", {"run_id": job_id, "status": status})
    return HandBackAnswer(
        job_id=job_id,
        status=status,
        message=str(run["error_message"] or "The import was stopped; the former service is asked to take it."),
        legacy_job_id=str(job) if job else None,
    )


@router.post("/jobs/{job_id}/retry", responses=problems(404, 409))
async def retry_job(request: Request, job_id: JobId) -> dict[str, object]:
    """Take up a failed run at the step that failed: what was made and paid for is kept for `V2_CHECKPOINT_HOURS`.

    A run that is running already goes on. 409 when it did not fail, or when somebody has imported anew.
    """
    app = app_of(request)
    if await app.shadow.runs.get(known_form(job_id)) is not None:
        raise RetryRefused(DRY.format("it is not taken up again, whatever became of it."))
    await app.desk.retry(job_id)
    say("run retried", {"run_id": job_id})
    return job_facts(await app.services.runs.get(job_id))


@router.get("/health", responses={503: {"description": "Something is broken, and named"}})
async def health(request: Request) -> Response:
    """Whether this process can work: modules and settings, no calls to others. 503 names what is broken."""
    return app_of(request).health.answer(datetime.now(UTC))


@router.get("/ready", responses={503: {"description": "No traffic now"}})
async def ready(request: Request) -> Response:
    """Whether it should get traffic: healthy, not stopping, and the database answers within 5 s."""
    app = app_of(request)
    try:
        async with asyncio.timeout(READY_SECONDS):
            await app.services.rest.select("pipeline_runs", {"select": "id", "limit": "1"})
        database = "ok"
    except (ServiceFailed, TimeoutError):
        database = "unreachable"
    return app.health.readiness(database)


@router.get("/metrics", response_class=Response, responses={**problems(), 200: TEXT})
async def metrics(request: Request) -> Response:
    """Prometheus text."""
    return Response(generate_latest(app_of(request).services.process.registry), media_type=CONTENT_TYPE_LATEST)


def known_form(job_id: JobId) -> str:
    """A job id that may exist. Raises RunUnknown."""
    if not UUID_FORM.fullmatch(job_id):
        raise RunUnknown("There is no such job.")
    return job_id


async def found_job(app: App, job_id: str) -> dict[str, object]:
    """An import, or else a dry run, which says so. Raises RunUnknown."""
    run = await app.services.runs.get(job_id)
    if run is not None:
        return job_facts(run)
    return {**job_facts(await app.shadow.runs.get(job_id)), "shadow": True}


def job_facts(run: Run | None) -> dict[str, object]:
    """A run as the routes show it. Raises RunUnknown for None."""
    if run is None:
        raise RunUnknown("There is no such job.")
    return {"job_id": run["id"], **run}
