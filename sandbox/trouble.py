"""Carries out faults for the stand-ins that have no SDK quirks (rest, storage, callback) and counts calls for all.

A pure ASGI wrapper: answers stream through it. Model stand-ins carry out their own faults, in their providers' words.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.calls import Call, CallLog
from sandbox.faults import Area, FaultDesk, Outcome, Verdict

PREFIXES: tuple[tuple[str, Area], ...] = (
    ("/rest/v1", "rest"),
    ("/storage/v1", "storage"),
    ("/api/import", "callback"),
    ("/v1/", "anthropic"),
    ("/model/", "bedrock"),
)
CARRIED_OUT_HERE: frozenset[Area] = frozenset({"rest", "storage", "callback"})
# Slow answers are paced in pieces of this share of a second, so that a reader sees them trickle.
PIECES_PER_SECOND = 20


def area_of(path: str) -> Area | None:
    """Which stand-in a path belongs to; None for the control plane and accounts."""
    return next((area for prefix, area in PREFIXES if path.startswith(prefix)), None)


class Trouble:
    """Wraps the whole app."""

    def __init__(self, app: ASGIApp, faults: FaultDesk, calls: CallLog) -> None:
        self._app = app
        self._faults = faults
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        area = area_of(scope["path"]) if scope["type"] == "http" else None
        if area is None:
            await self._app(scope, receive, send)
            return
        recorded = self._recording(area, scope["method"], scope["path"], send)
        if area not in CARRIED_OUT_HERE:
            await self._app(scope, receive, recorded)
            return
        await self._carry_out(self._faults.decide(area, scope["path"]), area, scope, receive, recorded)

    def _recording(self, area: Area, method: str, path: str, send: Send) -> Send:
        async def recording(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._calls.record(area, Call(method, path, message["status"]))
            await send(message)

        return recording

    async def _carry_out(self, verdict: Verdict, area: Area, scope: Scope, receive: Receive, send: Send) -> None:
        if verdict.delay_seconds:
            await asyncio.sleep(verdict.delay_seconds)
        if verdict.outcome in (Outcome.ERROR, Outcome.THROTTLE):
            await _refuse(verdict, area, send)
            return
        if verdict.bytes_per_second:
            send = _paced(verdict.bytes_per_second, send)
        if verdict.outcome is Outcome.TRUNCATE:
            # The connection then ends in the middle of a body, as when a server dies.
            send = _cut(send)
        with contextlib.suppress(AnswerCut):
            await self._app(scope, receive, send)


async def _refuse(verdict: Verdict, area: Area, send: Send) -> None:
    message = "Too many requests" if verdict.outcome is Outcome.THROTTLE else "Something went wrong (sandbox fault)"
    body = json.dumps(
        {"statusCode": str(verdict.status), "error": "sandbox", "message": message, "area": area}
    ).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if verdict.outcome is Outcome.THROTTLE:
        headers.append((b"retry-after", str(math.ceil(verdict.retry_after)).encode()))
    await send({"type": "http.response.start", "status": verdict.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _paced(bytes_per_second: int, send: Send) -> Send:
    piece = max(1, bytes_per_second // PIECES_PER_SECOND)

    async def paced(message: Message) -> None:
        body = message.get("body", b"")
        while message["type"] == "http.response.body" and len(body) > piece:
            await send({"type": "http.response.body", "body": body[:piece], "more_body": True})
            body = body[piece:]
            await asyncio.sleep(piece / bytes_per_second)
        await send({**message, "body": body} if "body" in message else message)

    return paced


class AnswerCut(ConnectionError):
    """Ends an answer in the middle, on purpose."""


def _cut(send: Send) -> Send:
    async def cut(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] == "http.response.body" and body:
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise AnswerCut
        await send(message)

    return cut
