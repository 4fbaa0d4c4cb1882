"""Settings -> a running ASGI application: lifespan, CORS as the monolith has it, errors in the monolith's shapes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

from v2_service.accept import Desk
from v2_service.access import ServiceKeys
from v2_service.api import App, router
from v2_service.bodies import BodyLimit
from v2_service.deep_health import look_round
from v2_service.errors import RequestRefused, ServiceFailed, SettingsInvalid, ShadowRefused
from v2_service.health import Health, import_problems
from v2_service.jobs.runtime import Jobs, running_jobs
from v2_service.jobs.services import PIPELINE_VERSION, open_services
from v2_service.leaving import Leaving
from v2_service.loop_lag import watch_lag
from v2_service.operations import router as operations
from v2_service.overview import router as overview
from v2_service.settings import Settings
from v2_service.shadow import ShadowDesk

RETRY_LATER_SECONDS = "5"


def create_app(settings: Settings, leaving: Leaving | None = None) -> FastAPI:
    """The service's application; jobs start and stop with its lifespan."""
    leaving = leaving or Leaving(settings.shutdown_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        broken = {name: state for name, state in import_problems().items() if state != "ok"}
        if broken:
            raise SettingsInvalid(f"processors that do not import: {broken}")
        async with open_services(settings) as services, running_jobs(services, leaving) as jobs:
            shadow = ShadowDesk(jobs.shadow_runs, jobs.shadow.costs, services, jobs)
            app.state.v2 = App(services, Desk(services, jobs), shadow, _health(settings, jobs), jobs)
            beside = [
                asyncio.create_task(look_round(services), name="v2-look-round"),
                asyncio.create_task(watch_lag(services.process.loop_lag.set), name="v2-loop-lag"),
            ]
            try:
                yield
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    app = FastAPI(title="SoulPrint v2", version=PIPELINE_VERSION, lifespan=lifespan)
    app.include_router(overview)
    app.include_router(router)
    app.include_router(operations)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(RequestRefused, _refused)
    app.add_exception_handler(ServiceFailed, _failed)
    app.state.leaving = leaving
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(ServiceKeys, settings=settings)
    # As the monolith: its preflight answers must hold for answers that come from here.
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_credentials=True, allow_methods=["*"], allow_headers=["*"]
    )
    return app


def _health(settings: Settings, jobs: Jobs) -> Health:
    return Health(settings.build, PIPELINE_VERSION, lambda: jobs.launched, lambda: jobs.leaving.begun)


async def _malformed(request: Request, error: Exception) -> Response:
    """v1's 422, which quotes what is wrong; what JSON or UTF-8 cannot hold (NaN, half an emoji) is not quoted."""
    assert isinstance(error, RequestValidationError)
    try:
        return await request_validation_exception_handler(request, error)
    except (ValueError, RecursionError):
        named = [{name: one[name] for name in ("type", "loc", "msg")} for one in error.errors()]
        return JSONResponse({"detail": named}, status_code=HTTPStatus.UNPROCESSABLE_ENTITY)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestRefused)
    body = {"detail": error.sentence}
    if error.status == HTTPStatus.CONFLICT:
        body["code"] = error.code
    return JSONResponse(body, status_code=error.status)


async def _failed(_: Request, error: Exception) -> JSONResponse:
    """A dependency failed before anything was accepted: never a success, and worth another try."""
    assert isinstance(error, ServiceFailed)
    body = {"detail": error.sentence}
    if isinstance(error, ShadowRefused):
        body |= {"code": error.code, "bound": error.bound}
    return JSONResponse(body, status_code=503, headers={"Retry-After": RETRY_LATER_SECONDS})
