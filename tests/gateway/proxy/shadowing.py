"""A gateway that shadows its one flagged route, and what its copies came to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from flags.bucketing import bucket
from tests.gateway.proxy.wire import Answer, Backend, Gateway, answers, flags_document, gateway

KEY = "0123456789abcdef"
ROUTES = """
[[route]]
name = "flagged"
methods = ["POST"]
path = "/flagged"
flag = "f"
shadow = { percent = 100 }
"""
EVERYTHING = (
    ROUTES
    + """
[[route]]
name = "everything"
methods = ["GET"]
path = "/*"
shadow = { percent = 100, flag = "f", safe = true, repeat = 0 }
[[route]]
name = "small"
path = "/small"
max_body = 10
"""
)
USER = next(f"u{n}" for n in range(999) if bucket("f", f"u{n}") == 100)


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    return head % (status, len(body), body)


DRY = answer(b'{"status":"accepted","shadow":true}')


def job(user: str = USER, fields: bytes = b"", more: bytes = b"") -> bytes:
    body = b'{"user_id":"%b"%b}' % (user.encode(), more)
    return b"POST /flagged?x=1 HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (fields, len(body), body)


async def never(_: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take connections, and say nothing."""
    await reader.read(-1)


@asynccontextmanager
async def shadowing(
    tmp_path: Path, legacy: Backend, v2: Backend, *, stage: str = "shadow", percentage: int = 0, **config: object
) -> AsyncIterator[Gateway]:
    """A gateway whose flag is in `stage`; on a busy machine it is allowed to be late."""
    told: dict[str, object] = {"routes": ROUTES, "v2_key": KEY, "shadow_lag": 60.0}
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2, **told | config) as running:
        (tmp_path / "features.json").write_text(flags_document(percentage, stage, generation=2))
        running.service.flags.poll()
        yield running


async def ask(running: Gateway, request: bytes) -> Answer:
    return answers(await running.send(request))[-1]


def outcomes(running: Gateway) -> dict[str, int]:
    return {outcome: count for (_, outcome), count in running.service.meters.shadows.counts.items()}


def counted(running: Gateway, count: int = 1) -> Callable[[], bool]:
    return lambda: sum(outcomes(running).values()) == count
