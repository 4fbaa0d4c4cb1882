"""Request bodies: bounded, and read off the event loop when they are large. Counterpart: FastAPI validates them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any  # what FastAPI's own signatures say

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from v2_service.errors import BodyTooLarge
from v2_service.json_pieces import decode
from v2_service.processors.errors import ExportTooLarge


class PatientRequest(Request):
    """A request whose large JSON body keeps nobody waiting."""

    async def json(self) -> Any:  # JSON
        try:
            return await decode(await self.body())
        except ExportTooLarge as error:
            # Only this kind passes the framework as it is; all others become "an error parsing the body".
            raise HTTPException(BodyTooLarge.status, f"The request body cannot be read: {error}.") from error


class PatientRoute(APIRoute):
    """A route that is given such requests."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def patient(request: Request) -> Response:
            return await handle(PatientRequest(request.scope, request.receive))

        return patient


class BodyLimit:
    """Refuses bodies beyond the limit: at once when announced, otherwise as soon as they pass it."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        seen = 0
        refused = False

        async def counted() -> Message:
            nonlocal seen, refused
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                refused = True
                # The framework takes this for a broken body and answers 400, which `guarded` replaces.
                raise BodyTooLarge(self._sentence)
            return message

        async def guarded(message: Message) -> None:
            if not refused:
                await send(message)

        await self._app(scope, counted, guarded)
        if refused:
            await self._refuse(scope, receive, send)

    @property
    def _sentence(self) -> str:
        return f"The request body is larger than {self._max_bytes} bytes."

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = JSONResponse({"detail": self._sentence}, status_code=BodyTooLarge.status)
        await answer(scope, receive, send)
