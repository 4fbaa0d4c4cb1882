"""Puts the stand-ins together into one application over one database."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from sandbox import auth, control, rest, webapp
from sandbox.callbacks import Callbacks
from sandbox.calls import CallLog
from sandbox.database import Database
from sandbox.faults import FaultDesk
from sandbox.keys import Keys
from sandbox.models.app import router as models_router
from sandbox.postgrest.edge import Front
from sandbox.postgrest.plan import Options
from sandbox.settings import SandboxSettings
from sandbox.storage import buckets, listing, objects
from sandbox.storage.errors import StorageError
from sandbox.storage.files import Files
from sandbox.trouble import Trouble

REFUSED = 400


def create_app(settings: SandboxSettings, uri: str) -> ASGIApp:
    """The whole sandbox over the database at `uri`; connections are opened when the server starts."""
    front = Front(uri, Options(settings.max_rows, settings.rest_end_by_preference))
    database = Database(uri)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await front.open()
        await database.open()
        try:
            yield
        finally:
            await front.close()
            await database.close()

    app = FastAPI(title="Sandbox", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.front = front
    app.state.database = database
    app.state.keys = Keys.of(settings.jwt_secret)
    app.state.files = Files(settings.data / "objects")
    app.state.faults = FaultDesk()
    app.state.calls = CallLog()
    app.state.callbacks = Callbacks()
    # Lists before objects: their paths look alike.
    for module in (control, auth, rest, buckets, listing, objects, webapp):
        app.include_router(module.router)
    app.include_router(models_router)
    app.add_exception_handler(StorageError, _storage_error)
    app.add_exception_handler(HTTPException, _http_error)
    return Trouble(app, app.state.faults, app.state.calls)


async def _storage_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, StorageError)
    return JSONResponse(error.body(), status_code=REFUSED)


async def _http_error(_: Request, error: Exception) -> Response:
    """Details that are objects already are whole bodies (the accounts service's form)."""
    assert isinstance(error, HTTPException)
    return JSONResponse(_body(error.detail), status_code=error.status_code, headers=error.headers)


def _body(detail: object) -> object:
    return detail if isinstance(detail, dict) else {"detail": detail}
