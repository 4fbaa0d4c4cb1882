"""The ops API: status, percentage, kill, explanation, journal. FastAPI, on its own port, never public.

Its counterparts are the `rollout` command line and whoever is on call; `gateway.ops.front` stands before it. It only
writes files: the workers follow those by themselves, so a rollback also works with this process dead.
"""

import json
from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from flags.errors import FlagsError
from gateway.ops.access import OpsAccess
from gateway.ops.bodies import ExplainBody, PercentageBody, RollbackBody, StageBody, SwitchBody, claimed_by
from gateway.ops.controls import DEFAULT_FLAG, Controls
from gateway.ops.drill import drill
from gateway.ops.events import PERIOD, Streams
from gateway.ops.fleet_port import FleetPort
from gateway.ops.guard_api import guard_router
from gateway.ops.job_watch import JobsSeen
from gateway.ops.page_routes import page_router
from gateway.ops.preview import preview_move
from gateway.ops.problems import install_problem_handlers
from gateway.ops.reports import (
    ChangeReport,
    DrillReport,
    EntryReport,
    ExplainReport,
    JobsReport,
    PreviewReport,
    RollbackReport,
    ShadowReport,
    StatusReport,
    ValidationReport,
)
from gateway.ops.shadow import shadow_report
from gateway.rollout.desk import FileDesk

Jobs = Callable[[], JobsReport | None]

PAGE_ENTRIES = 50
"""Journal entries that the page shows."""


class FleetStatus(StatusReport):
    """The flags, and what each worker has in force."""

    workers: list[dict[str, object]]


def create_ops_app(
    fleet: FleetPort,
    controls: Controls,
    desk: FileDesk,
    access: OpsAccess,
    jobs: Jobs = lambda: None,
    *,
    period: float = PERIOD,
) -> FastAPI:
    """The ops application. The page is open, everything else asks `access`.

    `jobs` tells what runs, None where nobody asks; open pages hear of it each `period` seconds. Whoever serves it calls
    `app.state.streams.close()` before it stops: open pages would hold it up.
    """
    app = FastAPI(title="Banyan ops", docs_url=None, redoc_url=None, openapi_url=None)
    install_problem_handlers(app)

    def authorised(request: Request) -> None:
        headers = request.headers
        access.check(
            authorization=headers.get("authorization"),
            host=headers.get("host"),
            origin=headers.get("origin"),
            fetch_site=headers.get("sec-fetch-site"),
        )

    app.include_router(page_router())
    app.include_router(_questions(fleet, controls, jobs), dependencies=[Depends(authorised)])
    app.state.streams = _streams(fleet, controls, desk, jobs, period)
    app.include_router(_events(app.state.streams), dependencies=[Depends(authorised)])
    app.include_router(_drills(fleet, controls), dependencies=[Depends(authorised)])
    app.include_router(_changes(controls), dependencies=[Depends(authorised)])
    app.include_router(guard_router(desk), dependencies=[Depends(authorised)])
    return app


def _questions(fleet: FleetPort, controls: Controls, jobs: Jobs) -> APIRouter:
    router = APIRouter()

    @router.get("/ops/status")
    async def status() -> FleetStatus:
        return await _fleet_status(fleet, controls, jobs)

    @router.get("/ops/shadow")
    async def shadow() -> ShadowReport:
        return await shadow_report(fleet)

    @router.get("/ops/explain/{user_id:path}")
    async def explain(user_id: str, flag: str = DEFAULT_FLAG) -> ExplainReport:
        return await run_in_threadpool(controls.explain, user_id, flag, await fleet.pinned(user_id))

    @router.post("/ops/explain")
    async def explain_body(body: ExplainBody) -> ExplainReport:
        return await run_in_threadpool(controls.explain, body.user_id, body.flag, await fleet.pinned(body.user_id))

    @router.get("/ops/journal")
    def journal(limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> list[EntryReport]:
        return controls.journal(limit)

    @router.get("/ops/flags/{flag}/preview")
    def preview(
        flag: str, before: Annotated[int, Query(alias="from")], after: Annotated[int, Query(alias="to")]
    ) -> PreviewReport:
        return preview_move(controls.status().flags, flag, before, after)

    @router.get("/ops/validate")
    def validate() -> ValidationReport:
        return controls.validate()

    return router


def jobs_report(seen: JobsSeen, counted: Mapping[str, int]) -> JobsReport:
    """Running jobs of both backends: what v2 says itself comes before what somebody counted in the database."""
    return JobsReport(
        v2=counted.get("v2") if seen.running is None else seen.running,
        legacy=counted.get("legacy"),
        pinned=None if seen.running is None else seen.listed,
        age=seen.age,
        error=seen.error,
    )


async def _fleet_status(fleet: FleetPort, controls: Controls, jobs: Jobs) -> FleetStatus:
    report = await run_in_threadpool(controls.status)
    known = report.model_dump() | {"jobs": jobs()}
    return FleetStatus(**known, workers=await fleet.snapshots())


def _streams(fleet: FleetPort, controls: Controls, desk: FileDesk, jobs: Jobs, period: float) -> Streams:
    async def look() -> str:
        try:
            status = await _fleet_status(fleet, controls, jobs)
            journal = await run_in_threadpool(controls.journal, PAGE_ENTRIES)
            guard = await run_in_threadpool(desk.guard)
        except FlagsError as error:
            return json.dumps({"error": str(error)})
        metrics = (await fleet.exposition()).decode()
        entries = [entry.model_dump() for entry in journal]
        said = guard.model_dump() if guard else None
        return json.dumps({"status": status.model_dump(), "metrics": metrics, "journal": entries, "guard": said})

    return Streams(look, period=period)


def _events(streams: Streams) -> APIRouter:
    router = APIRouter()

    @router.get("/ops/events")
    async def events() -> StreamingResponse:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(streams.open(), headers=headers, media_type="text/event-stream")

    return router


def _drills(fleet: FleetPort, controls: Controls) -> APIRouter:
    router = APIRouter()

    @router.post("/ops/flags/{flag}/drill")
    async def run_drill(flag: str, body: SwitchBody, request: Request) -> DrillReport:
        return await drill(fleet, controls, flag, who=claimed_by(body.who, request), why=body.why)

    return router


def _changes(controls: Controls) -> APIRouter:
    router = APIRouter()

    @router.put("/ops/flags/{flag}/percentage")
    def set_percentage(flag: str, body: PercentageBody, request: Request) -> ChangeReport:
        return controls.set_percentage(
            flag,
            body.percentage,
            who=claimed_by(body.who, request),
            why=body.why,
            expected_generation=body.expected_generation,
        )

    @router.put("/ops/flags/{flag}/stage")
    def set_stage(flag: str, body: StageBody, request: Request) -> ChangeReport:
        return controls.set_stage(flag, body.stage, who=claimed_by(body.who, request), why=body.why)

    @router.post("/ops/flags/{flag}/rollback")
    def rollback(flag: str, body: RollbackBody, request: Request) -> RollbackReport:
        return controls.rollback(
            flag, body.mode, hand_back=body.hand_back, who=claimed_by(body.who, request), why=body.why
        )

    @router.post("/ops/kill")
    def kill(body: SwitchBody, request: Request) -> ChangeReport:
        return controls.kill(who=claimed_by(body.who, request), why=body.why)

    @router.post("/ops/revive")
    def revive(body: SwitchBody, request: Request) -> ChangeReport:
        return controls.revive(who=claimed_by(body.who, request), why=body.why)

    return router
