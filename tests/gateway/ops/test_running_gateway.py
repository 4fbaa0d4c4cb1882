"""What ops see and do on a running gateway: force headers, the kill by signal, times to apply, an open page."""

import asyncio
import json
import os
import re
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from flags.journal import Journal
from flags.opening import unleash_copy
from gateway.core.decide import Backend
from gateway.core.force import HEADER, force_value
from gateway.ops.controls import FileControls
from tests.flags.unleash import CLIENT_TOKEN, unleash_server
from tests.gateway.ops.documents import FLAG, flag_file
from tests.gateway.ops.running import Caller, RunningGateway, running_gateway
from tests.gateway.ops.traffic import Traffic

KEY = "0123456789abcdef"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[RunningGateway]:
    async with running_gateway(flag_file(tmp_path, "0"), environment={"GATEWAY_FORCE_KEY": KEY}) as found:
        yield found


@pytest.fixture
async def ops(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.ops, trust_env=False) as found:
        yield found


def forced(user: str, backend: Backend, seconds: int = 60) -> str:
    return f"{HEADER}: {force_value(KEY.encode(), user, backend, int(time.time()) + seconds)}"


async def figures(ops: httpx.AsyncClient, name: str) -> dict[str, float]:
    """Value by labels of one metric."""
    text = (await ops.get("/metrics")).text
    return {labels: float(value) for labels, value in re.findall(rf"^{name}(\S*) (\S+)$", text, re.MULTILINE)}


async def counted(ops: httpx.AsyncClient, name: str, least: float) -> None:
    """Wait until a counter is there."""
    while True:
        if sum((await figures(ops, name)).values()) >= least:
            return
        await asyncio.sleep(0.05)


async def test_a_force_header_is_obeyed_counted_apart_and_never_passed_on(
    gateway: RunningGateway, ops: httpx.AsyncClient
) -> None:
    caller = Caller(gateway.public)
    assert await caller.ask("user-1") == (200, "legacy")
    assert await caller.ask("user-1", forced("user-1", Backend.V2)) == (200, "v2")
    assert "idempotency-key" in caller.last["x-seen"]
    assert "x-gateway-force" not in caller.last["x-seen"]
    for refused in (
        forced("user-2", Backend.V2),
        forced("user-1", Backend.V2, -1),
        f"{HEADER}: v2",
        f"{forced('user-1', Backend.V2)}\r\n{HEADER}: nonsense",
    ):
        assert await caller.ask("user-1", refused) == (200, "legacy")
        assert "x-gateway-force" not in caller.last["x-seen"]
    caller.close()
    requests = await figures(ops, "gateway_requests_total")
    assert {labels: value for labels, value in requests.items() if 'backend="v2"' in labels} == {}
    decisions = await figures(ops, "gateway_decisions_total")
    assert [value for labels, value in decisions.items() if 'reason="forced"' in labels] == [1]
    events = await figures(ops, "gateway_events_total")
    assert [value for labels, value in events.items() if 'event="forced"' in labels] == [1]
    assert {labels.split('"')[3] for labels in events} >= {"force-forged", "force-expired", "force-malformed"}


async def test_a_signal_engages_the_kill_which_stays_until_revived(
    gateway: RunningGateway, ops: httpx.AsyncClient
) -> None:
    controls = FileControls(gateway.flags)
    callers = [Caller(gateway.public) for _ in range(4)]
    traffic = Traffic(callers)
    await asyncio.to_thread(controls.set_percentage, FLAG, 100, who="test", why="")
    await traffic.expect(100)
    os.kill(gateway.process_id, signal.SIGUSR2)
    await traffic.expect(0)
    status = (await ops.get("/ops/status")).json()
    assert (status["kill"]["engaged"], status["kill"]["who"]) == (True, "SIGUSR2")
    await asyncio.to_thread(controls.revive, who="test", why="")
    await traffic.expect(100)
    await traffic.end()
    for caller in callers:
        caller.close()
    assert traffic.failures == []
    assert [entry.action for entry in Journal(gateway.flags).tail() if entry.action != "applied"] == [
        "set",
        "kill",
        "revive",
    ]


async def test_a_signal_to_a_worker_engages_the_kill_for_all(gateway: RunningGateway, ops: httpx.AsyncClient) -> None:
    pid = (await ops.get("/ops/status")).json()["workers"][0]["pid"]
    os.kill(pid, signal.SIGUSR2)
    async with asyncio.timeout(20):
        await counted(ops, "gateway_killed", 2)
    assert sum((await figures(ops, "gateway_worker_restarts_total")).values()) == 0


async def test_a_gateway_whose_unleash_never_answers_starts_with_the_last_good_flags(tmp_path: Path) -> None:
    flags = flag_file(tmp_path, "100")
    flags.rename(unleash_copy(flags))
    flag_file(tmp_path, "0")  # the file itself is not what counts
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        variables = {"UNLEASH_URL": url, "UNLEASH_TOKEN": "default:development.token"}
        async with running_gateway(flags, environment=variables) as gateway:
            caller = Caller(gateway.public)
            assert await caller.ask("user-42") == (200, "v2")
            await asyncio.to_thread(FileControls(flags).kill, who="test", why="Unleash is dead")
            async with asyncio.timeout(20):
                while (await caller.ask("user-42"))[1] != "legacy":
                    pass
            caller.close()


async def test_a_gateway_makes_itself_known_to_unleash_and_follows_it(tmp_path: Path) -> None:
    with unleash_server("100") as server:
        variables = {"UNLEASH_URL": server.url, "UNLEASH_TOKEN": CLIENT_TOKEN}
        async with running_gateway(tmp_path / "features.json", environment=variables) as gateway:
            caller = Caller(gateway.public)
            assert await caller.ask("user-42") == (200, "v2")
            async with asyncio.timeout(20):
                while ("POST", "/api/client/register", None, 202) not in server.seen:
                    assert await caller.ask("user-42") == (200, "v2")
            caller.close()


async def test_applied_changes_are_timed_and_journalled_for_every_worker(
    gateway: RunningGateway, ops: httpx.AsyncClient
) -> None:
    await asyncio.to_thread(FileControls(gateway.flags).set_percentage, FLAG, 50, who="test", why="")
    journal = Journal(gateway.flags)
    async with asyncio.timeout(20):
        while True:
            told = " ".join(entry.why for entry in journal.tail() if (entry.action, entry.generation) == ("applied", 2))
            if "worker 0 after" in told and "worker 1 after" in told:
                break
            await asyncio.sleep(0.05)
        await counted(ops, "gateway_flag_apply_seconds_count", 2)
        await counted(ops, "gateway_flag_cross_checks_total", 1)
    assert sum((await figures(ops, "gateway_flag_disagreements_total")).values()) == 0
    assert set((await figures(ops, "gateway_flag_generation")).values()) == {2.0}
    assert all(0 <= age < 20 for age in (await figures(ops, "gateway_flag_age_seconds")).values())


async def test_an_open_page_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with running_gateway(flag_file(tmp_path)) as gateway, asyncio.timeout(30):
        async with httpx.AsyncClient(base_url=gateway.ops, trust_env=False, timeout=30) as ops:
            async with ops.stream("GET", "/ops/events") as answer:
                lines = answer.aiter_lines()
                state = json.loads((await anext(lines)).removeprefix("data: "))
                assert len(state["status"]["workers"]) == 2
                os.kill(gateway.process_id, signal.SIGTERM)
                async for _ in lines:
                    pass
