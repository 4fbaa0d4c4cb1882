"""With flags on a real Unleash server: flips reach every worker under load, and its death is nobody's trouble."""

import asyncio
import signal
from collections.abc import AsyncIterator
from functools import cached_property
from pathlib import Path
from random import Random

import httpx
import pytest

from flags.journal import Journal
from flags.source import FlagSource
from gateway.ops.controls import FileControls
from gateway.ops.origin import UnleashOrigin
from gateway.ops.remote import RemoteControls
from tests.flags.real_unleash import ADMIN_TOKEN, CLIENT_TOKEN, RealUnleash, real_unleash
from tests.gateway.ops.documents import FLAG
from tests.gateway.ops.running import Caller, RunningGateway, running_gateway
from tests.gateway.ops.traffic import RATE, Traffic

pytestmark = pytest.mark.timeout(400)  # the first run fetches the server


class LookedOnce(UnleashOrigin):
    """Asks the server one time only, so that a thousand questions take no thousand connections."""

    @cached_property
    def _looked(self) -> FlagSource:
        return super().look()

    def look(self) -> FlagSource:
        return self._looked


@pytest.fixture
async def unleash(tmp_path: Path) -> AsyncIterator[RealUnleash]:
    with real_unleash(tmp_path) as server:
        yield server


@pytest.fixture
async def gateway(unleash: RealUnleash, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    tokens = {"UNLEASH_URL": unleash.url, "UNLEASH_TOKEN": CLIENT_TOKEN, "UNLEASH_ADMIN_TOKEN": ADMIN_TOKEN}
    async with running_gateway(tmp_path / "features.json", environment=tokens) as found:
        yield found


async def all_workers_say(gateway: RunningGateway, *, trouble: bool) -> None:
    """Wait until every worker tells, or does not tell, of trouble with its flags."""
    async with httpx.AsyncClient(base_url=gateway.ops, trust_env=False, timeout=30) as ops, asyncio.timeout(30):
        while True:
            workers = (await ops.get("/ops/status")).json()["workers"]
            if all((worker["flags"]["error"] is not None) is trouble for worker in workers):
                return
            await asyncio.sleep(0.1)


async def set_by_ops(gateway: RunningGateway, percentage: int) -> None:
    """What the button of the ops page does."""
    async with httpx.AsyncClient(base_url=gateway.ops, trust_env=False, timeout=30) as ops:
        answer = await ops.put(f"/ops/flags/{FLAG}/percentage", json={"percentage": percentage, "why": "flip"})
        assert answer.status_code == 200, answer.text


async def test_flips_under_load_and_a_server_that_is_paused_killed_and_started_again(
    unleash: RealUnleash, gateway: RunningGateway, tmp_path: Path
) -> None:
    callers = [Caller(gateway.public) for _ in range(16)]
    traffic = Traffic(callers, RATE)
    stale = []
    for percentage in (10, 50, 100, 0):
        await set_by_ops(gateway, percentage)
        stale.append(await traffic.expect(percentage))
    for trouble in (signal.SIGSTOP, signal.SIGKILL):
        await set_by_ops(gateway, 50)
        await traffic.expect(50)
        unleash.signal(trouble)
        await all_workers_say(gateway, trouble=True)
        assert await traffic.expect(50) == 0
        if trouble is signal.SIGKILL:
            await asyncio.to_thread(unleash.start)
        else:
            unleash.signal(signal.SIGCONT)
        await all_workers_say(gateway, trouble=False)
        await set_by_ops(gateway, 0)
        stale.append(await traffic.expect(0))
    await set_by_ops(gateway, 37)
    await traffic.expect(37)
    with RemoteControls(gateway.ops) as remote:
        drilled = await asyncio.to_thread(remote.drill, FLAG, who="test", why="")
    assert drilled.complete
    assert await traffic.expect(37) == 0
    rate = traffic.rate
    await traffic.end()
    for caller in callers:
        caller.close()
    assert traffic.failures == []
    shown = ", ".join(f"{seconds:.2f}" for seconds in stale)
    print(f"Unleash: last stale decision after 10, 50, 100, 0 % and two rollbacks after trouble: {shown} s;", end=" ")
    print(f"{rate:.0f} requests/s over 2 workers, {traffic.asked} in all, 0 failed")
    await explain_agrees(unleash, gateway, tmp_path)
    assert [entry.why for entry in Journal(gateway.flags).tail(100) if entry.action == "applied"]


async def explain_agrees(unleash: RealUnleash, gateway: RunningGateway, folder: Path) -> None:
    """`rollout explain` says what the gateway did, for 1,000 random users."""
    random, caller = Random(14), Caller(gateway.public)
    users = [f"{random.getrandbits(48):x}" + random.choice(("", "é", "ю", "🚀")) for _ in range(1000)]
    did = [(await caller.ask(user))[1] for user in users]
    caller.close()
    async with httpx.AsyncClient(base_url=gateway.ops, trust_env=False, timeout=30) as ops:
        first = (await ops.post("/ops/explain", json={"user_id": users[0]})).json()
    assert (first["backend"], first["percentage"]) == (did[0], 37)
    controls = FileControls(gateway.flags, LookedOnce(unleash.options, folder / "explain.json"))
    explained = await asyncio.to_thread(lambda: [controls.explain(user, FLAG).backend for user in users])
    assert explained == did
