"""The application's frame: a body limit that holds whether the length is announced or not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from fastapi import FastAPI

from v2_service.app import BodyLimit

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
