"""The models' part of the control plane: counters, and settings that can be replaced while running."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from sandbox.models.desk import desk_of
from sandbox.models.settings import ModelSettings

router = APIRouter(prefix="/_sandbox/models")


@router.get("")
async def report(request: Request) -> JSONResponse:
    """Requests and tokens per model so far."""
    return JSONResponse(desk_of(request.app).report())


@router.get("/settings")
async def settings(request: Request) -> ModelSettings:
    """The settings in force."""
    return desk_of(request.app).settings


@router.put("/settings")
async def replace_settings(request: Request, settings: ModelSettings) -> ModelSettings:
    """Replace all settings; a field left out takes its default."""
    desk_of(request.app).settings = settings
    return settings


@router.post("/reset")
async def reset(request: Request) -> JSONResponse:
    """Forget counters and batches."""
    desk = desk_of(request.app)
    desk.clear()
    return JSONResponse(desk.report())
