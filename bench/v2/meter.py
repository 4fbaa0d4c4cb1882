"""Stands between the service and the paid models, and writes down every answer: to what, when, and if it arrived.

The sandbox counts answers; only who stands on the line knows whether the asker was still there to take one.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import httpx

NONCE = re.compile(rb"material-[0-9a-f]+")
LIFE = re.compile(r"/life-(\d+)(?=/)")
HEAD_BYTES = 65_536
START_SECONDS = 10.0
CALL_SECONDS = 120.0
# What concerns one connection, or what is made anew on the way.
HOP = {"connection", "content-length", "transfer-encoding", "host", "accept-encoding", "content-encoding"}


Tap = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a model, times by the monotonic clock. `taken` is False when the asker died before it had read it.

    `life` is the start of the service that asked the language model; 0 if it did not say so.
    """

    area: str
    question: str
    asked: float
    answered: float
    status: int
    taken: bool
    life: int = 0


class Meter:
    """`with Meter(url) as meter:` forwards meter.url to `url`; `answers` grows meanwhile.

    `models` is another address for the language model; `tap` is shown every question's area and body.
    """

    def __init__(self, target: str, models: str | None = None, tap: Tap | None = None) -> None:
        self._targets = {"model": models or target}
        self._target = target
        self._tap = tap
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="meter", daemon=True)
        self.answers: list[Answer] = []
        # The place of the last answer on each connection.
        self._last: dict[asyncio.StreamWriter, int] = {}
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send a service's paid calls through here."""
        return {"ANTHROPIC_BASE_URL": f"{self.url}/life-{{life}}", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.url}

    @property
    def open(self) -> int:
        """How many connections of askers there are."""
        return len(self._serving)

    async def _open(self) -> str:
        self._client = httpx.AsyncClient(timeout=CALL_SECONDS)
        self._serving: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._client.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one exchange after the other, until the asker leaves."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with suppress(asyncio.IncompleteReadError):
                while True:
                    await self._exchange(reader, writer)
        except ConnectionError:
            # A socket that is closed with something unread in it is reset: the last answer here was not taken.
            self._not_taken(writer)
        finally:
            self._last.pop(writer, None)
            self._serving.discard(task)
            writer.close()

    def _not_taken(self, writer: asyncio.StreamWriter) -> None:
        if (place := self._last.get(writer)) is not None:
            self.answers[place] = replace(self.answers[place], taken=False)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path, headers = parse_head(await reader.readuntil(b"\r\n\r\n"))
        self._last.pop(writer, None)
        life, path = life_of(path)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked, area = time.monotonic(), area_of(path)
        if area and self._tap is not None:
            self._tap(area, body)
        address = f"{self._targets.get(area, self._target).rstrip('/')}{path}"
        kept = {name: value for name, value in headers.items() if name not in HOP}
        reply = await self._client.request(method, address, headers=kept, content=body)
        # What the asker sends next has not come yet, so an end of its stream means that it has died.
        taken = not reader.at_eof()
        lines = [f"HTTP/1.1 {reply.status_code} {reply.reason_phrase}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items() if name.lower() not in HOP]
        head = "\r\n".join([*lines, f"content-length: {len(reply.content)}", "\r\n"])
        writer.write(head.encode("latin-1") + reply.content)
        if area:
            answer = Answer(area, question_of(body), asked, time.monotonic(), reply.status_code, taken, life)
            self._last[writer] = len(self.answers)
            self.answers.append(answer)
        await writer.drain()


def parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, target and fields (names in lower case) of a request's head."""
    first, *fields = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (field.partition(":") for field in fields if field)
    return method, target, {name.lower(): value.strip() for name, _, value in pairs}


def life_of(path: str) -> tuple[int, str]:
    """The number of the start in a path, 0 without one, and the path that is meant."""
    found = LIFE.match(path)
    return (int(found[1]), path[found.end() :]) if found else (0, path)


def area_of(path: str) -> str:
    """Which paid service a path asks: "model", "embedding" or nothing."""
    if path.startswith("/v1/messages"):
        return "model"
    return "embedding" if path.startswith("/model/") else ""


def question_of(body: bytes) -> str:
    """A question's name: equal for equal questions, whatever tag they were sent in."""
    return hashlib.sha256(NONCE.sub(b"material", body)).hexdigest()[:24]


def paid(answers: Iterable[Answer], area: str) -> Counter[str]:
    """How often each question of an area was answered, and so was paid for."""
    return Counter(answer.question for answer in answers if answer.area == area and answer.status == 200)
