"""On a running gateway: who has a running v2 job stays on v2 in every worker, until it ends or ops end it."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import httpx
import pytest

from gateway.ops.controls import FileControls
from gateway.ops.remote import RemoteControls
from gateway.ops.rollback import Mode
from tests.gateway.ops.documents import FLAG, flag_file
from tests.gateway.ops.job_list import JobList, job_list
from tests.gateway.ops.running import Caller, RunningGateway, running_gateway

KEY = "0123456789abcdef"


@pytest.fixture
async def v2() -> AsyncIterator[JobList]:
    async with job_list("listed") as found:
        yield found


@pytest.fixture
async def gateway(tmp_path: Path, v2: JobList) -> AsyncIterator[RunningGateway]:
    """In front of a v2 that lists its jobs, at 100 %, once both workers have heard of them."""
    flags = flag_file(tmp_path, "100")
    async with running_gateway(flags, environment={"GATEWAY_V2_KEY": KEY}, v2_port=v2.port) as found:
        await pins_are(found, 1)
        yield found


@pytest.fixture
async def callers(gateway: RunningGateway) -> AsyncIterator[list[Caller]]:
    """Connections enough to reach both workers."""
    found = [Caller(gateway.public) for _ in range(8)]
    yield found
    for caller in found:
        caller.close()


async def status(gateway: RunningGateway) -> dict[str, list[dict[str, dict[str, int]]]]:
    async with httpx.AsyncClient(base_url=gateway.ops, trust_env=False, timeout=30) as ops:
        found: dict[str, list[dict[str, dict[str, int]]]] = (await ops.get("/ops/status")).json()
        return found


async def pins_are(gateway: RunningGateway, count: int) -> None:
    """Wait until every worker keeps so many users."""
    async with asyncio.timeout(20):
        while [worker["pins"]["users"] for worker in (await status(gateway))["workers"]] != [count, count]:
            pass


async def backends(callers: list[Caller], user: str) -> set[str]:
    """Who answers this user, asked over all connections."""
    return {(await caller.ask(user))[1] for caller in callers}


async def everywhere(callers: list[Caller], user: str, backend: str) -> None:
    """Wait until this backend answers the user over all connections."""
    async with asyncio.timeout(20):
        while await backends(callers, user) != {backend}:
            pass


async def set_to(gateway: RunningGateway, callers: list[Caller], percentage: int) -> None:
    """Set 0 or 100 % and wait until that holds for users whom v2 has never seen."""
    await asyncio.to_thread(FileControls(gateway.flags).set_percentage, FLAG, percentage, who="test", why="")
    wanted = "v2" if percentage else "legacy"
    async with asyncio.timeout(20):
        while {(await caller.ask(str(uuid.uuid4())))[1] for caller in callers} != {wanted}:
            pass


async def metrics(gateway: RunningGateway) -> dict[str, str]:
    async with httpx.AsyncClient(base_url=gateway.ops, trust_env=False, timeout=30) as ops:
        return dict(re.findall(r"^(gateway_\S+) (\S+)$", (await ops.get("/metrics")).text, re.MULTILINE))


async def test_a_user_stays_on_v2_until_the_job_ends(
    gateway: RunningGateway, callers: list[Caller], v2: JobList
) -> None:
    assert await callers[0].ask("ann") == (200, "v2")
    assert await backends(callers, "ann") == {"v2"}
    await set_to(gateway, callers, 0)
    assert await backends(callers, "ann") == {"v2"}
    assert await backends(callers, "listed") == {"v2"}
    await callers[0].ask("ann", "X-Gateway-Explain: 1")
    assert "reason=pinned" in callers[0].last["x-gateway-decision"]
    v2.jobs = {job: user for job, user in v2.jobs.items() if user == "listed"}
    await pins_are(gateway, 1)
    assert await backends(callers, "ann") == {"legacy"}
    assert await backends(callers, "listed") == {"v2"}
    assert v2.keys == {KEY}


async def test_a_kill_beats_pins_and_so_does_a_hard_rollback_which_cancels_their_jobs(
    gateway: RunningGateway, callers: list[Caller], v2: JobList
) -> None:
    await backends(callers, "listed")
    found = await metrics(gateway)
    assert found['gateway_decisions_total{backend="v2",flag="process-full-v2",reason="pinned"}'] == "8.0"
    assert not [name for name in found if name.startswith("gateway_requests_total") and 'backend="v2"' in name]
    assert [found[f'gateway_pins{{worker="{worker}"}}'] for worker in (0, 1)] == ["1.0", "1.0"]
    assert found["gateway_v2_jobs_running"] == "1.0"
    controls = FileControls(gateway.flags)
    await asyncio.to_thread(controls.kill, who="test", why="")
    await everywhere(callers, "listed", "legacy")
    await asyncio.to_thread(controls.revive, who="test", why="")
    await everywhere(callers, "listed", "v2")
    v2.start("ann", "bob")
    with RemoteControls(gateway.ops) as remote:
        report = await asyncio.to_thread(remote.rollback, FLAG, Mode.HARD, hand_back=False, who="ann", why="errors")
        assert (report.running, report.cancelled, report.failed, report.stranded) == (3, 3, 0, 3)
        assert v2.jobs == {}
        await everywhere(callers, "listed", "legacy")
        v2.start("cid")
        await pins_are(gateway, 1)
        assert await backends(callers, "cid") == {"legacy"}
        shown = await asyncio.to_thread(remote.status)
    assert shown.jobs is not None
    assert (shown.jobs.v2, shown.jobs.legacy, shown.jobs.pinned) == (1, None, 1)
    assert shown.flags[0].pins_suspended


async def test_explain_agrees_with_what_the_gateway_did_for_1000_users_some_of_them_pinned(
    gateway: RunningGateway, v2: JobList
) -> None:
    random = Random(16)
    users = [f"{random.getrandbits(48):x}" + random.choice(("", "é", "ю", "🚀")) for _ in range(1000)]
    v2.start(*random.sample(users, 200))
    await asyncio.to_thread(FileControls(gateway.flags).set_percentage, FLAG, 37, who="test", why="")
    await pins_are(gateway, 201)
    caller = Caller(gateway.public)
    did: list[tuple[str, str]] = []
    for user in users:
        _, backend = await caller.ask(user, "X-Gateway-Explain: 1")
        did.append((backend, re.findall(r"reason=([a-z-]+)", caller.last["x-gateway-decision"])[0]))
    caller.close()
    assert sum(reason == "pinned" for _, reason in did) == 200
    async with httpx.AsyncClient(base_url=gateway.ops, trust_env=False, timeout=30) as ops:
        said = [(await ops.post("/ops/explain", json={"user_id": user})).json() for user in users]
    # Whoever went to v2 by the percentage has a job there now, so the next request would find the user pinned.
    now = {"percentage-in": "pinned"}
    assert [(one["backend"], one["reason"]) for one in said] == [
        (backend, now.get(reason, reason)) for backend, reason in did
    ]
