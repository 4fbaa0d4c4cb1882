"""People who import: each makes an account, uploads a file, and asks until an import is accepted.

Most files are real exports; some are none, so that imports fail on both sides alike. Others only send a request that
either side refuses: these are cheap, and tell the guard of requests without costing an import. Every answer is kept, so
that what became of each request and each import can be counted. Counterpart: `reckoning`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from flags.bucketing import bucket
from sandbox.stack.imports import Addresses
from sandbox.stack.seeds import BUCKET, exports, read_export
from sandbox.stack.services import FLAG

AT_ONCE = 32
OPEN = 16
"""Imports that may run at once, each until its end is in the evidence. The monolith has no queue: beyond what it can do
it answers nobody any more."""

LOOK_EVERY = 0.5
TRIES = 8
TRY_AGAIN_SECONDS = 4.0
SMALL_BYTES = 6_000
LARGE_EVERY = 40
"""Most people bring one of the small exports; each 40th brings one of the others, in turn."""

REFUSED = 0.5
"""Share of the people who send a request that is none (422)."""

NO_EXPORT = 0.25
"""Share of the importing people whose file is no export."""

NO_EXPORTS = ("not_valid_json_2023.json", "sibling_model_comparisons.json")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request to import got. `at` is Unix time when it was sent; a status of 0 is no answer at all."""

    at: float
    status: int
    backend: str
    seconds: float


@dataclass(slots=True)
class Person:
    """One user. `export` is the file's name, "" without one; `job` and `backend` are the accepted import's."""

    user: str
    bucket: int
    export: str
    answers: list[Answer] = field(default_factory=list)
    job: str | None = None
    backend: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """A file as the web app uploads it."""

    name: str
    body: bytes
    conversations: int


def load(folder: Path) -> list[Export]:
    """All importable samples below a folder."""
    found = []
    for path in exports(folder):
        conversations = read_export(path)
        found.append(Export(path.name, json.dumps(conversations).encode(), len(conversations)))
    return found


def load_none(folder: Path) -> list[Export]:
    """The samples that are no exports."""
    return [Export(path.name, path.read_bytes(), 1) for name in NO_EXPORTS for path in folder.rglob(name)]


def in_turn(samples: Sequence[Export]) -> Iterator[Export]:
    """Small ones in turn, and now and then one of the others: every sample comes."""
    small = itertools.cycle([one for one in samples if len(one.body) <= SMALL_BYTES])
    others = itertools.cycle([one for one in samples if len(one.body) > SMALL_BYTES])
    for number in itertools.count(1):
        yield next(small if number % LARGE_EVERY else others)


class Crowd:
    """Comes at a steady pace for as long as it is wanted. `people` grows by one with each arrival."""

    def __init__(self, addresses: Addresses, folder: Path, seed: int = 1) -> None:
        self._addresses = addresses
        self._exports, self._none = in_turn(load(folder)), itertools.cycle(load_none(folder))
        self._dice = random.Random(seed)
        self._open = 0
        self.people: list[Person] = []

    async def come(self, pace: Callable[[], float], compared: Callable[[], int], wanted: Callable[[], bool]) -> None:
        """Arrivals at `pace()` a second while `wanted()`, fewer where the machine cannot keep up.

        Beyond bucket `compared()` nobody imports: it would be compared with nobody's import, and costs as much as one
        that is. Returns when everybody has an answer to keep.
        """
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        async with httpx.AsyncClient(trust_env=False, timeout=90, limits=limits) as client:
            watching = asyncio.create_task(self._watch(client))
            visits: set[asyncio.Task[None]] = set()
            try:
                while wanted():
                    await asyncio.sleep(1.0 / pace())
                    if len(visits) < AT_ONCE and len(visits) + self._open < OPEN:
                        person, export = self._arrival(compared())
                        task = asyncio.create_task(self._visit(client, person, export))
                        visits.add(task)
                        task.add_done_callback(visits.discard)
                await asyncio.gather(*visits)
            finally:
                watching.cancel()

    async def _watch(self, client: httpx.AsyncClient) -> None:
        """Keep count of the imports whose end is not in the evidence yet."""
        after = ended = 0
        while True:
            page = (await client.get(f"{self._addresses.ops}/evidence", params={"after": after})).json()
            ended += sum(record["kind"] == "job" for record in page["records"])
            after = page["next"]
            self._open = sum(person.job is not None for person in self.people) - ended
            await asyncio.sleep(LOOK_EVERY)

    def _arrival(self, compared: int) -> tuple[Person, Export | None]:
        user = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        place, export = bucket(FLAG, user), None
        if place <= compared and self._dice.random() >= REFUSED:
            export = next(self._none if self._dice.random() < NO_EXPORT else self._exports)
        person = Person(user, place, export.name if export else "")
        self.people.append(person)
        return person, export

    async def _visit(self, client: httpx.AsyncClient, person: Person, export: Export | None) -> None:
        if export is None:
            await self._ask(client, person, {"user_id": person.user, "storage_path": 0})
            return
        path = f"{BUCKET}/{person.user}/{export.name.partition('.')[0]}.json"
        await self._prepare(client, person.user, path, export)
        body = {"user_id": person.user, "storage_path": path, "conversation_count": export.conversations}
        for _ in range(TRIES):
            if await self._ask(client, person, body):
                return
            await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def _prepare(self, client: httpx.AsyncClient, user: str, path: str, export: Export) -> None:
        """The account and the upload: between the web app and the platform, past the gateway."""
        address, headers = self._addresses.supabase, self._addresses.database_headers
        account = {"id": user, "email": f"{user}@example.test"}
        created = await client.post(f"{address}/auth/v1/admin/users", json=account, headers=headers)
        created.raise_for_status()
        kind = {"content-type": "application/json"}
        stored = await client.post(
            f"{address}/storage/v1/object/{path}", content=export.body, headers={**headers, **kind}
        )
        stored.raise_for_status()

    async def _ask(self, client: httpx.AsyncClient, person: Person, body: dict[str, object]) -> bool:
        """One request; whether an import was accepted."""
        sent, began = time.time(), time.perf_counter()
        try:
            answer = await client.post(f"{self._addresses.gateway}/process-full", json=body)
        except httpx.HTTPError:
            person.answers.append(Answer(sent, 0, "", time.perf_counter() - began))
            return False
        backend = answer.headers.get("x-gateway-backend", "")
        person.answers.append(Answer(sent, answer.status_code, backend, time.perf_counter() - began))
        if answer.status_code != httpx.codes.OK:
            return False
        person.job, person.backend = answer.json()["job_id"], backend
        return True
