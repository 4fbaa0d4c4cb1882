"""The running things that the stand-ins share, reached through `request.app.state`."""

from __future__ import annotations

from fastapi import Request

from sandbox.callbacks import Callbacks
from sandbox.calls import CallLog
from sandbox.database import Database
from sandbox.faults import FaultDesk


def faults_of(request: Request) -> FaultDesk:
    """The fault desk of the running sandbox (`app.state.faults`)."""
    desk = request.app.state.faults
    assert isinstance(desk, FaultDesk)
    return desk


def calls_of(request: Request) -> CallLog:
    """The call log of the running sandbox (`app.state.calls`)."""
    log = request.app.state.calls
    assert isinstance(log, CallLog)
    return log


def database_of(request: Request) -> Database:
    """The superuser's database of the running sandbox (`app.state.database`)."""
    database = request.app.state.database
    assert isinstance(database, Database)
    return database


def callbacks_of(request: Request) -> Callbacks:
    """The callbacks received by the running sandbox (`app.state.callbacks`)."""
    callbacks = request.app.state.callbacks
    assert isinstance(callbacks, Callbacks)
    return callbacks
