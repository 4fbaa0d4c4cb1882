"""The door to the language model: slots in order, pauses obeyed, nothing held while the SDK waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anthropic
import httpx2
import pytest

from tests.v2_service.adapters.test_models_anthropic import REQUEST, message
from v2_service.adapters.limiter import CALM_SECONDS, Limiter, PacedHttp, behind_imports, retry_after
from v2_service.adapters.models_anthropic import AnthropicModels
from v2_service.contract import Outcome
from v2_service.observe import Metrics
from v2_service.pace import MIB, MemoryRule, Pace


def limiter(ceiling: int, **given: object) -> Limiter:
    return Limiter(Pace(ceiling), Metrics("b", "v"), **given)  # type: ignore[arg-type]  # one of three keyword arguments


def asking(door: Limiter, handler: Callable[[httpx2.Request], object], retries: int = 0) -> AnthropicModels:
    client = anthropic.AsyncAnthropic(
        api_key="k",
        base_url="http://model.test",
        max_retries=retries,
        http_client=PacedHttp(door, httpx2.MockTransport(handler)),  # type: ignore[arg-type]  # plain and async alike
    )
    return AnthropicModels(client, "m")


async def test_no_more_calls_run_at_once_than_there_are_places() -> None:
    door = limiter(2)
    running, most = 0, 0

    async def answer(_: httpx2.Request) -> httpx2.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return message('{"a": "x"}')

    replies = await asyncio.gather(*(asking(door, answer).complete(REQUEST) for _ in range(8)))
    assert {reply.outcome for reply in replies} == {Outcome.OK}
    assert most == 2


@pytest.mark.parametrize("status", [429, 529])
async def test_a_throttled_call_narrows_the_door_and_the_sdk_waits_without_a_slot(status: int) -> None:
    door = limiter(4)
    answers = iter([httpx2.Response(status, headers={"retry-after-ms": "20"}, json={}), message('{"a": "x"}')])
    free: list[bool] = []

    async def answer(_: httpx2.Request) -> httpx2.Response:
        return next(answers)

    asked = asyncio.create_task(asking(door, answer, retries=1).complete(REQUEST))
    while not asked.done():
        free.append(door._running == 0)
        await asyncio.sleep(0.001)
    assert (await asked).outcome is Outcome.OK
    assert sum(free) > 2
    assert door.pace.places(None) == 2
    assert door._metrics.registry.get_sample_value("v2_model_throttled_total", {"status": str(status)}) == 1


async def test_nobody_enters_during_a_pause_and_the_first_to_come_enters_first() -> None:
    now = 100.0
    door = limiter(1, clock=lambda: now)
    door.pace.throttled(99.0, now, retry_after=0.01)
    order: list[int] = []

    async def enter(number: int) -> None:
        async with door.slot():
            order.append(number)

    waiting = [asyncio.create_task(enter(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert order == []
    now = 101.0
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2]


async def test_a_waiting_call_that_is_cancelled_leaves_its_place_to_the_next() -> None:
    door = limiter(1)
    entered = asyncio.Event()

    async def enter() -> None:
        async with door.slot():
            entered.set()

    async with door.slot():
        first, second = asyncio.create_task(enter()), asyncio.create_task(enter())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    await second
    assert (entered.is_set(), door._running, len(door._waiting)) == (True, 0, 0)


async def test_short_memory_leaves_one_call_at_a_time() -> None:
    door = limiter(10, memory=MemoryRule(256 * MIB, 20 * MIB), free=lambda: 100 * MIB)
    async with door.slot():
        other = asyncio.create_task(door._enter())
        await asyncio.sleep(0)
        assert not other.done()
    await other


def test_the_time_to_come_back_is_read_in_both_forms() -> None:
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert retry_after({"retry-after": "9"}) == 9
    assert retry_after({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}) is None
    assert retry_after({}) is None


async def test_a_call_of_a_dry_run_takes_a_place_only_when_no_import_waits_for_one() -> None:
    door = limiter(1)
    entered: list[str] = []

    async def call(name: str) -> None:
        async with door.slot():
            entered.append(name)
            await asyncio.sleep(0)

    async def dry(name: str) -> None:
        with behind_imports():
            await call(name)

    await asyncio.gather(dry("dry 1"), dry("dry 2"), call("import 1"), dry("dry 3"), call("import 2"))
    # The first dry call had its place before anybody came: an import waits for one call, and for no other.
    assert entered == ["dry 1", "import 1", "import 2", "dry 2", "dry 3"]


async def test_a_cancelled_call_of_a_dry_run_leaves_the_line() -> None:
    door = limiter(1)

    async def dry() -> None:
        with behind_imports():
            async with door.slot():
                raise AssertionError("it must not get in")

    async with door.slot():
        waiting = asyncio.create_task(dry())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with door.slot():
        assert door._running == 1


async def test_the_door_tells_what_presses_on_it() -> None:
    now = [1000.0]
    door = limiter(1, clock=lambda: now[0])
    assert door.pressure() is None
    async with door.slot():
        waiting = asyncio.create_task(door._enter())
        await asyncio.sleep(0)
        assert door.pressure() == "model_busy"
    await waiting
    door.pace.throttled(999.0, 1000.0, 1.0)
    assert door.pressure() == "model_throttled"
    now[0] += CALM_SECONDS
    assert door.pressure() is None
    full = limiter(2, memory=MemoryRule(100 * MIB, 10 * MIB), free=lambda: 105 * MIB)
    assert full.pressure() == "memory"
