"""What ops change is what happens: on every worker, under load, failing nobody, also with the ops process gone."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from gateway.ops.controls import FileControls
from gateway.ops.remote import RemoteControls
from gateway.ops.rollout_cli import app
from tests.gateway.ops.documents import FLAG, flag_file, stored
from tests.gateway.ops.running import Caller, RunningGateway, running_gateway
from tests.gateway.ops.traffic import RATE, Traffic


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[RunningGateway]:
    async with running_gateway(flag_file(tmp_path, "0")) as found:
        yield found


@pytest.fixture
async def callers(gateway: RunningGateway) -> AsyncIterator[list[Caller]]:
    """Connections enough to reach both workers."""
    found = [Caller(gateway.public) for _ in range(16)]
    yield found
    for caller in found:
        caller.close()


async def all_workers_say(gateway: RunningGateway, trouble: str) -> None:
    """Wait until every worker tells of this trouble with its flags."""
    async with httpx.AsyncClient(base_url=gateway.ops, trust_env=False, timeout=30) as ops, asyncio.timeout(20):
        while True:
            workers = (await ops.get("/ops/status")).json()["workers"]
            if all(trouble in (worker["flags"]["error"] or "") for worker in workers):
                return


async def test_flips_under_load_reach_every_worker_and_fail_nobody(
    gateway: RunningGateway, callers: list[Caller]
) -> None:
    controls = FileControls(gateway.flags)
    traffic = Traffic(callers, RATE)
    stale = []
    for percentage in (10, 50, 100, 0):
        await asyncio.to_thread(controls.set_percentage, FLAG, percentage, who="test", why="flip")
        stale.append(await traffic.expect(percentage))
    await asyncio.to_thread(controls.set_percentage, FLAG, 100, who="test", why="before the kill")
    await traffic.expect(100)
    await asyncio.to_thread(controls.kill, who="test", why="drill")
    stale.append(await traffic.expect(0))
    rate = traffic.rate
    await traffic.end()
    assert traffic.failures == []
    shown = ", ".join(f"{seconds * 1000:.0f}" for seconds in stale)
    print(f"file: last stale decision after 10, 50, 100, 0 %, kill: {shown} ms;", end=" ")
    print(f"{rate:.0f} requests/s over 2 workers, {traffic.asked} in all, 0 failed")


async def test_a_rollback_works_with_the_ops_process_stopped(gateway: RunningGateway, callers: list[Caller]) -> None:
    controls = FileControls(gateway.flags)
    traffic = Traffic(callers)
    await asyncio.to_thread(controls.set_percentage, FLAG, 100, who="test", why="")
    await traffic.expect(100)
    os.kill(gateway.process_id, signal.SIGSTOP)
    try:
        await asyncio.to_thread(controls.set_percentage, FLAG, 0, who="test", why="rollback")
        await traffic.expect(0)
    finally:
        os.kill(gateway.process_id, signal.SIGCONT)
    await traffic.end()
    assert traffic.failures == []


async def test_a_broken_flag_file_moves_nobody(gateway: RunningGateway, callers: list[Caller]) -> None:
    controls = FileControls(gateway.flags)
    traffic = Traffic(callers)
    await asyncio.to_thread(controls.set_percentage, FLAG, 50, who="test", why="")
    await traffic.expect(50)
    for trouble, told in ((lambda: gateway.flags.write_text("{"), "not JSON"), (gateway.flags.unlink, "No such file")):
        await asyncio.to_thread(trouble)
        await all_workers_say(gateway, told)
        assert await traffic.expect(50) == 0
    await traffic.end()
    assert traffic.failures == []


async def test_a_drill_times_all_workers_of_the_running_gateway(gateway: RunningGateway) -> None:
    with RemoteControls(gateway.ops) as remote:
        report = await asyncio.to_thread(remote.drill, FLAG, who="test", why="")
    assert report.complete
    assert len(report.workers) == 2
    assert stored(gateway.flags) == (2, "0")


async def test_a_drill_waits_for_the_workers_of_all_replicas(gateway: RunningGateway) -> None:
    async with running_gateway(gateway.flags, workers=1) as other:
        arguments = ["--ops", gateway.ops, "drill", "--replica", other.ops, "--json"]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert result.exit_code == 0, result.output
        rows = json.loads(result.stdout)["workers"]
    assert [(row["gateway"], row["worker"]) for row in rows] == [(gateway.ops, 0), (gateway.ops, 1), (other.ops, 0)]
    assert all(row["seconds"] is not None for row in rows)
    away = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert away.exit_code == 3
