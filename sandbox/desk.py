"""The two running things that every stand-in reaches through `request.app.state`: its faults and its call log."""

from __future__ import annotations

from fastapi import Request

from sandbox.calls import CallLog
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
