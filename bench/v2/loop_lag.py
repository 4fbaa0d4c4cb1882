"""How long v2's event loop, and so `/health`, waits while large values are worked on: at once, and as v2 does it.

`python -m bench.v2.loop_lag [--rounds N]`. Both ways are measured in turn, in one process, beside an idle loop: read
the ratios, not the milliseconds, on a machine that does other things too.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from v2_service.json_pieces import decode, encode
from v2_service.processors import Facts, Reduction, ReductionSettings, cut_to_budget, plan_round
from v2_service.processors.facts import Category, Fact, FactSource
from v2_service.text import storable_json

TICK_SECONDS = 0.002
BODY_BYTES = 13_000_000
VECTORS, DIMENSIONS = 50, 1024
FACTS = 20_000
SETTLE_SECONDS = 0.2
Work = Callable[[], Awaitable[object]]


async def lags(work: Work) -> list[float]:
    """Milliseconds by which a timer of 2 ms rang late while the work went on."""
    late: list[float] = []
    loop = asyncio.get_running_loop()

    async def tick() -> None:
        while True:
            due = loop.time() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            late.append(1000 * max(0.0, loop.time() - due))

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(SETTLE_SECONDS)
    late.clear()
    await work()
    await asyncio.sleep(2 * TICK_SECONDS)
    ticking.cancel()
    return late


def inline_body() -> bytes:
    """Conversations as a caller sends them inline."""
    turn = {"role": "user", "content": "I prefer tea over coffee, and the greenhouse needs a new roof. " * 8}
    conversation = {"title": "Garden", "messages": [turn] * 20}
    one = len(json.dumps(conversation))
    return json.dumps({"user_id": "u", "conversations": [conversation] * (BODY_BYTES // one)}).encode()


def vectors() -> dict[str, object]:
    """One page of embeddings on its way to the database."""
    dice = random.Random(1)
    rows = [
        {"id": str(number), "embedding": [round(dice.random(), 8) for _ in range(DIMENSIONS)]}
        for number in range(VECTORS)
    ]
    return {"p_run": "r", "p_fence": 1, "p_rows": rows, "p_tokens": 1, "p_dollars": 0.0}


def many_facts() -> Facts:
    """What a very large import consolidates to."""
    source = (FactSource("c", datetime(2026, 1, 1, tzinfo=UTC)),)
    return Facts(
        tuple(
            Fact(Category.PREFERENCES, f"prefers blend number {number} of tea", sources=source)
            for number in range(FACTS)
        )
    )


async def compared(rounds: int) -> list[tuple[str, str, list[float]]]:
    """Work, way and lags."""
    body, page, facts = inline_body(), vectors(), many_facts()
    settings = ReductionSettings()
    parsed = json.loads(body)["conversations"]

    def planned() -> object:
        reduction = Reduction(Facts.from_json(facts.to_json()))
        return plan_round(reduction, settings), cut_to_budget(reduction.facts, settings).to_json()

    async def at_once(call: Callable[[], object]) -> object:
        return call()

    works: dict[tuple[str, str], Work] = {
        ("nothing", "idle"): lambda: asyncio.sleep(0.3),
        ("read a body of 13 MB", "at once"): lambda: at_once(lambda: json.loads(body)),
        ("read a body of 13 MB", "as v2 does"): lambda: decode(body),
        ("write its conversations", "at once"): lambda: at_once(lambda: json.dumps(storable_json(parsed)).encode()),
        ("write its conversations", "as v2 does"): lambda: encode(parsed),
        ("write 50 vectors", "at once"): lambda: at_once(lambda: json.dumps(storable_json(page)).encode()),
        ("write 50 vectors", "as v2 does"): lambda: encode(page),
        ("plan and cut 20,000 facts", "at once"): lambda: at_once(planned),
        ("plan and cut 20,000 facts", "as v2 does"): lambda: asyncio.to_thread(planned),
    }
    found: dict[tuple[str, str], list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name] += await lags(work)
    return [(work, way, late) for (work, way), late in found.items()]


def share(values: list[float], part: float) -> float:
    """A percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def main(rounds: Annotated[int, typer.Option(min=1, help="How often each way is measured, in turn.")] = 3) -> None:
    """Print the table."""
    typer.echo("| work | way | p50 ms | p99 ms | longest ms |\n|---|---|---:|---:|---:|")
    for work, way, late in asyncio.run(compared(rounds)):
        typer.echo(f"| {work} | {way} | {share(late, 0.5):.1f} | {share(late, 0.99):.1f} | {max(late):.1f} |")


if __name__ == "__main__":
    typer.run(main)
