"""Faults and errors at the edge of the model stand-ins: what the fault desk decides becomes an HTTP answer here.

Counterpart: `sandbox.faults`, which rolls the dice. A route made with one of these classes asks once per request,
waits, fails or throttles as told, and writes errors in its API's own shape. `sandbox.trouble` counts the calls.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar  # Any: FastAPI types its own route handlers with it

from fastapi import Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute

from sandbox.desk import faults_of
from sandbox.faults import Area, Outcome, Verdict
from sandbox.models.errors import Broken, ModelError, Overloaded, RateLimited, TooLarge

SANDBOX_HEADER = {"x-sandbox-model": "deterministic-extractor"}
PACED_CHUNKS_PER_SECOND = 10


class StandInRoute(APIRoute):
    """The part that both APIs share."""

    area: ClassVar[Area]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, wrapped."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            verdict = faults_of(request).decide(self.area, request.url.path)
            request.state.verdict = verdict
            if verdict.delay_seconds:
                await asyncio.sleep(verdict.delay_seconds)
            try:
                obey(verdict)
                response = await answer(request)
            except ModelError as error:
                response = self.error(error)
            response.headers.update({**SANDBOX_HEADER, **self.headers(verdict)})
            return paced(response, verdict.bytes_per_second)

        return handle

    @abstractmethod
    def error(self, error: ModelError) -> Response:
        """The error in this API's shape."""

    @abstractmethod
    def headers(self, verdict: Verdict) -> Mapping[str, str]:
        """Headers of every answer, errors included."""


class AnthropicRoute(StandInRoute):
    """Errors and headers of the Anthropic API."""

    area = "anthropic"

    def error(self, error: ModelError) -> Response:
        """{"type": "error", "error": {"type", "message"}}, with retry-after where the error has one."""
        body = {"type": "error", "error": {"type": error.anthropic, "message": error.message}}
        return JSONResponse(body, error.status, _retry_after(error))

    def headers(self, verdict: Verdict) -> Mapping[str, str]:
        """A request id, and the state of the rate limit where there is one."""
        headers = {"request-id": f"req_{secrets.token_hex(12)}", "anthropic-organization-id": "sandbox"}
        if verdict.limit:
            reset = datetime.now(UTC) + timedelta(seconds=verdict.reset_seconds)
            headers["anthropic-ratelimit-requests-limit"] = str(verdict.limit)
            headers["anthropic-ratelimit-requests-remaining"] = str(verdict.remaining)
            headers["anthropic-ratelimit-requests-reset"] = reset.isoformat(timespec="seconds").replace("+00:00", "Z")
        return headers


class BedrockRoute(StandInRoute):
    """Errors and headers of the Bedrock runtime; the SDK reads the error's name from a header."""

    area = "bedrock"

    def error(self, error: ModelError) -> Response:
        """{"message"}, and the name in `x-amzn-errortype`."""
        headers = {"x-amzn-errortype": error.bedrock, **_retry_after(error)}
        return JSONResponse({"message": error.message}, error.bedrock_status, headers)

    def headers(self, verdict: Verdict) -> Mapping[str, str]:
        """A request id."""
        return {"x-amzn-requestid": secrets.token_hex(16)}


def _retry_after(error: ModelError) -> dict[str, str]:
    return {} if error.retry_after is None else {"retry-after": f"{error.retry_after:g}"}


def obey(verdict: Verdict) -> None:
    """Raise what the fault desk wants to happen instead of an answer."""
    if verdict.outcome is Outcome.THROTTLE:
        if verdict.status == Overloaded.status:
            raise Overloaded("Overloaded", verdict.retry_after)
        raise RateLimited("Too many requests, please wait before trying again.", verdict.retry_after)
    if verdict.outcome is Outcome.ERROR:
        raise Broken(verdict.status)


def truncated(request: Request) -> bool:
    """Whether this answer is to be cut short."""
    verdict = request.state.verdict
    assert isinstance(verdict, Verdict)
    return verdict.outcome is Outcome.TRUNCATE


async def body_of(request: Request, limit: int) -> bytes:
    """The request's body. Raises TooLarge as soon as it is longer than `limit` bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise TooLarge(f"Request exceeds the maximum allowed number of bytes: {limit}")
    return bytes(body)


def paced(response: Response, bytes_per_second: int) -> Response:
    """`response` with its body sent no faster than told; 0 is full speed."""
    if not bytes_per_second:
        return response
    source = response.body_iterator if isinstance(response, StreamingResponse) else _once(response.body)
    slow = StreamingResponse(_slowly(source, bytes_per_second), response.status_code)
    slow.raw_headers = list(response.raw_headers)
    return slow


async def _once(body: bytes | memoryview) -> AsyncIterator[bytes]:
    yield bytes(body)


async def _slowly(source: AsyncIterable[str | bytes | memoryview], bytes_per_second: int) -> AsyncIterator[bytes]:
    size = max(1, bytes_per_second // PACED_CHUNKS_PER_SECOND)
    async for piece in source:
        data = piece.encode() if isinstance(piece, str) else bytes(piece)
        for start in range(0, len(data), size):
            part = data[start : start + size]
            yield part
            await asyncio.sleep(len(part) / bytes_per_second)
