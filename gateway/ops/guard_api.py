"""The guard in the ops API: where the rollout stands, orders to the guard, its reports. Counterpart: the desk."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from gateway.ops.bodies import SwitchBody, claimed_by
from gateway.ops.guard_report import GuardReport, OrderReport
from gateway.rollout.desk import FileDesk

# A picture is opened as a page of its own by whoever follows its address: it may not act.
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class ApprovalBody(SwitchBody):
    """An approval; with `step` only if that step is still the next one."""

    step: Annotated[int | None, Field(ge=0)] = None


def guard_router(desk: FileDesk) -> APIRouter:
    """`/ops/guard` and all below it."""
    router = APIRouter(prefix="/ops/guard")

    @router.get("")
    def guard() -> GuardReport | None:
        return desk.guard()

    @router.post("/approve")
    def approve(body: ApprovalBody, request: Request) -> OrderReport:
        return desk.approve(who=claimed_by(body.who, request), why=body.why, step=body.step)

    @router.post("/hold")
    def hold(body: SwitchBody, request: Request) -> OrderReport:
        return desk.hold(who=claimed_by(body.who, request), why=body.why)

    @router.post("/resume")
    def resume(body: SwitchBody, request: Request) -> OrderReport:
        return desk.resume(who=claimed_by(body.who, request), why=body.why)

    @router.get("/reports/{name}")
    def report(name: str) -> Response:
        media_type, content = desk.report(name)
        return Response(content, headers=_HEADERS, media_type=media_type)

    return router
