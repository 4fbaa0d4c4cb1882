"""Vectors into the database, one PATCH each and in bulk, in turns: `python -m bench.v2.vectors`."""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.procfs import run_time, thread_times
from bench.v2.bill_page import PAGE, write_page
from bench.v2.results import keep
from sandbox.running import RunningSandbox
from v2_service.adapters.chunk_rows import rows_of
from v2_service.adapters.embeddings import DIMENSIONS
from v2_service.adapters.runs import Lease, Request
from v2_service.adapters.supabase import new_client
from v2_service.contract import Chunk, Tier
from v2_service.jobs.generation import EMBEDDED_AT_ONCE
from v2_service.jobs.services import Services, open_services
from v2_service.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Spent:
    """One way to write, once: seconds on the clock, and of processors."""

    seconds: float
    cpu_seconds: float


class Processors:
    """Time of this process, the sandbox below it, and the database, which may be nobody's child."""

    def __init__(self, data: Path) -> None:
        lines = [path.read_text().splitlines() for path in data.rglob("postmaster.pid")]
        self._roots = [os.getpid(), *(int(found[0]) for found in lines)]

    def read(self) -> dict[tuple[int, int], int]:
        """Nanoseconds by process and thread."""
        return {thread: spent for root in self._roots for thread, spent in thread_times(root).items()}


async def prepared(services: Services, user: str, rows: int) -> tuple[Lease, list[str]]:
    """A running run with so many staged chunks; their ids."""
    claim = await services.runs.claim(Request(user, f"user-imports/{user}/none.json"))
    lease = await services.runs.take(claim.run_id)
    assert lease is not None
    chunks = [
        Chunk(f"c{number}", "t", f"text {number}", Tier.MEDIUM, number, 0, 1, 10, 1, NOW) for number in range(rows)
    ]
    for at in range(0, rows, 200):
        await services.chunks.stage(lease, rows_of(chunks[at : at + 200], NOW))
    return lease, [row.id for row in await services.chunks.unembedded(lease, None, rows)]


async def timed(processors: Processors, work: Callable[[], Awaitable[None]]) -> Spent:
    """Do it once."""
    before, began = processors.read(), time.monotonic()
    await work()
    return Spent(time.monotonic() - began, run_time(before, processors.read()) / NANOSECONDS)


async def measured(
    settings: Settings, user: str, processors: Processors, rows: int, rounds: int
) -> dict[str, list[Spent]]:
    """Both ways, in turns, over the same rows."""
    dice = random.Random(1)
    found: dict[str, list[Spent]] = {"one_by_one": [], "in_bulk": []}
    async with open_services(settings) as services, new_client(settings) as http:
        lease, ids = await prepared(services, user, rows)
        vectors = {row: [round(dice.uniform(-0.1, 0.1), 8) for _ in range(DIMENSIONS)] for row in ids}

        async def one_by_one() -> None:
            for row, vector in vectors.items():
                answer = await http.patch(
                    "/rest/v1/pipeline_staged_chunks", params={"id": f"eq.{row}"}, json={"embedding": str(vector)}
                )
                answer.raise_for_status()

        async def in_bulk() -> None:
            for at in range(0, rows, EMBEDDED_AT_ONCE):
                page = {row: vectors[row] for row in ids[at : at + EMBEDDED_AT_ONCE]}
                await services.chunks.write_embeddings(lease, page, 0, 0.0)

        for _ in range(rounds):
            found["one_by_one"].append(await timed(processors, one_by_one))
            found["in_bulk"].append(await timed(processors, in_bulk))
    return found


def main(
    rows: Annotated[int, typer.Option(min=50, max=1000, help="Vectors to write.")] = 500,
    rounds: Annotated[int, typer.Option(min=1, help="How often, each way in turn.")] = 5,
) -> None:
    """Measure how vectors are written, and write the page."""
    with RunningSandbox() as sandbox, tempfile.TemporaryDirectory(prefix="vectors-") as folder:
        environment = {name: value for name, value in sandbox.env.items() if name.startswith(("SUPABASE", "ANTHROPIC"))}
        settings = Settings.model_validate({**environment, "state_dir": folder})
        found = asyncio.run(measured(settings, sandbox.create_user(), Processors(sandbox.data), rows, rounds))
    report: dict[str, object] = {
        name: {
            "seconds": statistics.median(spent.seconds for spent in each),
            "cpu_seconds": statistics.median(spent.cpu_seconds for spent in each),
        }
        for name, each in found.items()
    }
    keep("vectors", {"rows": rows, "rounds": rounds, "page": EMBEDDED_AT_ONCE, **report})
    write_page()
    Console().print_json(json.dumps(report))
    Console(stderr=True).print(f"written: {PAGE.name}")


if __name__ == "__main__":
    typer.run(main)
