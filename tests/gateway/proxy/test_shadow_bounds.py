"""Copies are bounded in number, size, time and a day, and dropped when there is anything better to do."""

import asyncio
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.breaker import State
from gateway.core.shadowing import MAX_COPIED
from gateway.proxy.drain import drain
from tests.gateway.proxy.shadowing import DRY, ROUTES, ask, counted, job, never, outcomes, shadowing
from tests.gateway.proxy.wire import Backend, flags_document, read_request


async def test_a_body_beyond_the_bound_is_not_copied(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    padding = b',"x":"%b"' % (b"x" * MAX_COPIED)
    async with shadowing(tmp_path, legacy, v2) as running:
        assert (await ask(running, job(more=padding))).status == 200
        assert outcomes(running) == {"too-large": 1}
    assert v2.seen == []


@pytest.mark.parametrize(
    ("config", "left"),
    [({"shadow_waiting": 2}, 2), ({"shadow_bytes": 65_536}, 0)],
    ids=["by number", "by bytes"],
)
async def test_what_has_no_room_is_dropped(tmp_path: Path, config: dict[str, int], left: int) -> None:
    legacy, v2 = Backend(), Backend(script=never)
    more = b',"x":"%b"' % (b"x" * (40_000 if "shadow_bytes" in config else 1))
    async with shadowing(tmp_path, legacy, v2, shadow_concurrency=1, shadow_seconds=300.0, **config) as running:
        for _ in range(left + 2):
            await ask(running, job(more=more))
        assert outcomes(running) == {"no-room": 1}
        assert running.service.shadows.snapshot()["waiting"] == left


async def test_no_more_run_at_once_than_may(tmp_path: Path) -> None:
    gate, most = asyncio.Event(), 0

    async def counts(self: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        await read_request(reader)
        most = max(most, self.open)
        await gate.wait()
        writer.write(DRY)

    legacy, v2 = Backend(), Backend(script=counts)
    async with shadowing(tmp_path, legacy, v2, shadow_concurrency=2) as running:
        gate.set()
        await ask(running, job())
        await running.until(counted(running))
        gate.clear()
        for _ in range(5):
            await ask(running, job())
        await running.until(lambda: v2.open == 2)
        gate.set()
        await running.until(counted(running, 6))
        assert (most, outcomes(running)) == (2, {"sent": 6})


async def test_the_first_dry_run_goes_alone(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(script=never)
    async with shadowing(tmp_path, legacy, v2, shadow_seconds=300.0) as running:
        for _ in range(3):
            await ask(running, job())
        await running.until(lambda: v2.open == 1)
        assert running.service.shadows.snapshot() | {"bytes": 0} == {
            "running": 1,
            "waiting": 2,
            "bytes": 0,
            "stopped": False,
        }


async def test_what_has_waited_too_long_is_not_sent(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(script=never)
    async with shadowing(tmp_path, legacy, v2, shadow_concurrency=1, shadow_seconds=0.3) as running:
        for _ in range(3):
            await ask(running, job())
        await running.until(counted(running, 3))
        assert outcomes(running).keys() == {"failed", "expired"}
        assert running.service.shadows.held == 0


async def test_a_day_has_so_many_copies(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    routes = ROUTES.replace("percent = 100", "percent = 100, per_day = 2")
    async with shadowing(tmp_path, legacy, v2, routes=routes) as running:
        running.service.shadows.allowance.hear([("flagged", int(time.time()) // 86_400, 1)], int(time.time()) // 86_400)
        for _ in range(3):
            await ask(running, job())
        await running.until(counted(running, 3))
        assert outcomes(running) == {"sent": 1, "day-over": 2}


async def test_a_late_worker_sends_none(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    async with shadowing(tmp_path, legacy, v2, shadow_lag=sys.float_info.min) as running:
        running.service.shadows.sweep(0.5)
        await ask(running, job())
        assert outcomes(running) == {"busy": 1}
    assert v2.seen == []


async def test_an_ejected_v2_gets_none(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    async with shadowing(tmp_path, legacy, v2) as running:
        for _ in range(5):
            running.service.breaker.failure(running.service.clock.now)
        await ask(running, job())
        assert outcomes(running) == {"ejected": 1}
        assert running.service.breaker.state is State.OPEN
    assert v2.seen == []


async def test_a_kill_ends_what_waits_and_what_is_under_way(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(script=never)
    async with shadowing(tmp_path, legacy, v2, shadow_concurrency=1, shadow_seconds=300.0) as running:
        await ask(running, job())
        await ask(running, job())
        await running.until(lambda: v2.open == 1)
        running.service.kill.engage(who="test", why="test")
        running.service.kill.poll()
        await running.until(counted(running, 2))
        assert outcomes(running) == {"stopped": 2}
        await asyncio.wait_for(v2.all_closed.wait(), 10)
        await ask(running, job())
        assert outcomes(running) == {"stopped": 2}
        assert running.service.shadows.held == 0


@pytest.mark.parametrize("stage", ["off", "complete"])
async def test_what_waits_is_not_sent_any_more_when_the_stage_says_so(tmp_path: Path, stage: str) -> None:
    gate = asyncio.Event()

    async def waits(_: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await gate.wait()
        writer.write(DRY)

    legacy, v2 = Backend(), Backend(script=waits)
    async with shadowing(tmp_path, legacy, v2, shadow_seconds=300.0) as running:
        await ask(running, job())
        await ask(running, job())
        (tmp_path / "features.json").write_text(flags_document(0, stage, generation=3))
        running.service.flags.poll()
        gate.set()
        await running.until(counted(running, 2))
        assert outcomes(running) == {"sent": 1, "stopped": 1}
        assert v2.connections == 1


async def test_the_drain_does_not_wait_for_copies(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(script=never)
    async with shadowing(tmp_path, legacy, v2, shadow_seconds=300.0, drain_seconds=60.0) as running:
        await ask(running, job())
        await running.until(lambda: v2.open == 1)
        loop, service = asyncio.get_running_loop(), running.service
        with socket.socket() as spare:
            spare.bind(("127.0.0.1", 0))
            spare.listen()
            server = await loop.create_server(asyncio.Protocol, sock=spare.dup())
            assert await asyncio.wait_for(drain(service, server, spare), 10)
        assert outcomes(running) == {"stopped": 1}


async def test_a_reload_takes_the_shadow_away_and_brings_it_back(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    async with shadowing(tmp_path, legacy, v2) as running:
        service, plain = running.service, ROUTES.replace("shadow = { percent = 100 }", "")
        service.reconfigure(replace(service.config, routes=plain))
        await ask(running, job())
        assert outcomes(running) == {}
        service.reconfigure(replace(service.config, routes=ROUTES))
        await ask(running, job())
        await running.until(counted(running))
        assert outcomes(running) == {"sent": 1}


async def test_a_defect_of_ours_does_not_reach_the_client(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend(DRY)
    async with shadowing(tmp_path, legacy, v2) as running:
        seen: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))
        running.service.shadows.allowance = None  # type: ignore[assignment]  # the defect
        assert (await ask(running, job())).body == b"ok"
        assert [context["message"] for context in seen] == ["defect in the gateway"]
