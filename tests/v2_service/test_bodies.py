"""Request bodies: a limit that holds whether the length is announced or not, and nobody who waits for a large one."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from v2_service import json_pieces
from v2_service.bodies import BodyLimit, PatientRoute

LIMIT = 1000


def app() -> FastAPI:
    """Answers how much it was sent."""
    made = FastAPI()

    @made.post("/")
    async def measure(body: dict[str, str]) -> int:
        return len(body["text"])

    made.add_middleware(BodyLimit, max_bytes=LIMIT)
    return made


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    """A body without an announced length."""
    for start in range(0, len(content), 300):
        yield content[start : start + 300]


async def answers(size: int) -> list[httpx.Response]:
    """To a body of `size` bytes, announced and not."""
    content = b'{"text": "' + b"x" * (size - 12) + b'"}'
    headers = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app()), base_url="http://v2.test") as client:
        announced = await client.post("/", content=content, headers=headers)
        streamed = await client.post("/", content=pieces(content), headers=headers)
    return [announced, streamed]


async def test_a_body_up_to_the_limit_is_taken() -> None:
    assert [(answer.status_code, answer.json()) for answer in await answers(LIMIT)] == [(200, LIMIT - 12)] * 2


async def test_a_body_beyond_the_limit_is_refused_whether_announced_or_not() -> None:
    refused = {"detail": "The request body is larger than 1000 bytes."}
    assert [(answer.status_code, answer.json()) for answer in await answers(LIMIT + 1)] == [(413, refused)] * 2


async def test_a_large_body_is_read_in_another_thread_and_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    real = json_pieces.decoded

    def watched(content: bytes) -> object:
        threads.append(threading.current_thread().name)
        return real(content)

    monkeypatch.setattr(json_pieces, "decoded", watched)
    made = FastAPI()
    router = APIRouter(route_class=PatientRoute)

    @router.post("/")
    async def measure(body: dict[str, str]) -> int:
        return len(body["text"])

    made.include_router(router)
    size = 2 * json_pieces.SMALL_BYTES
    async with httpx.AsyncClient(transport=httpx.ASGITransport(made), base_url="http://v2.test") as client:

        async def post(content: bytes) -> httpx.Response:
            return await client.post("/", content=content, headers={"Content-Type": "application/json"})

        taken = await post(b'{"text": "' + b"x" * size + b'"}')
        broken = await post(b'{"text": "' + b"x" * size + b'"')
        nested = await post(b"[" * 300_000)
    assert (taken.status_code, taken.json()) == (200, size)
    assert threading.current_thread().name not in threads
    assert (broken.status_code, broken.json()["detail"][0]["type"]) == (422, "json_invalid")
    assert (nested.status_code, "nested" in nested.json()["detail"]) == (413, True)
