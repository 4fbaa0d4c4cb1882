"""A rollback of the real gateway in front of the real service: running imports stay, and go back to the monolith."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from gateway.ops.controls import FileControls
from gateway.ops.remote import RemoteControls
from gateway.ops.rollback import Mode
from sandbox.running import RunningSandbox
from tests.gateway.ops.documents import FLAG, flag_file
from tests.gateway.ops.running import RunningGateway, running_gateway
from tests.v2_service.exports import export
from tests.v2_service.monolith import Monolith
from tests.v2_service.running import RUN_SECONDS, RunningService

KEY = "key-of-the-gateway"
CONVERSATIONS = 40


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def applied(users: Users, percentage: int) -> bool:
    """Whether every worker has the flags at this percentage in force."""
    status = users.ops.get("/ops/status").json()
    generations = {worker["flags"]["generation"] for worker in status["workers"]}
    return generations == {status["generation"]} and status["flags"][0]["percentage"] == percentage


class Users:
    """People who import through the gateway."""

    def __init__(self, gateway: RunningGateway, sandbox: RunningSandbox) -> None:
        self.http = httpx.Client(base_url=gateway.public, trust_env=False, timeout=30)
        self.ops = httpx.Client(base_url=gateway.ops, trust_env=False, timeout=30)
        self._sandbox = sandbox

    def upload(self, user: str) -> None:
        self._sandbox.upload(f"user-imports/{user}/raw-1.json", export(CONVERSATIONS))

    def ask(self, user: str) -> str:
        """Import, or import again; who answered."""
        body = {"user_id": user, "storage_path": f"user-imports/{user}/raw-1.json"}
        answer = self.http.post("/process-full", json=body, headers={"Authorization": "Bearer of-the-client"})
        assert answer.status_code == 200, answer.text
        return answer.headers["x-gateway-backend"]

    def pins(self) -> list[int]:
        return [worker["pins"]["users"] for worker in self.ops.get("/ops/status").json()["workers"]]

    def close(self) -> None:
        self.http.close()
        self.ops.close()


async def test_running_imports_stay_on_v2_and_are_handed_back_once(slow: RunningSandbox, tmp_path: Path) -> None:
    given = {"V2_SERVICE_KEYS": json.dumps({"gateway": KEY}), "V2_HAND_BACK_SETTLE_SECONDS": "0.5"}
    ann, bob, cid = slow.create_user(), slow.create_user(), slow.create_user()
    with (
        Monolith(slow) as monolith,
        RunningService(slow, tmp_path / "v2", V2_HAND_BACK_URL=monolith.url, **given) as service,
    ):
        ports = {"v2_port": httpx.URL(service.url).port or 0, "legacy_port": monolith.port}
        flags = flag_file(tmp_path, "100")
        async with running_gateway(flags, environment={"GATEWAY_V2_KEY": KEY}, **ports) as gateway:
            users = Users(gateway, slow)
            await until(lambda: users.ops.get("/ops/status").json()["jobs"]["v2"] is not None)
            for user in (ann, bob):
                await asyncio.to_thread(users.upload, user)
                assert await asyncio.to_thread(users.ask, user) == "v2"
            await until(lambda: users.pins() == [2, 2])
            await asyncio.to_thread(FileControls(flags).set_percentage, FLAG, 0, who="test", why="")
            await asyncio.to_thread(users.upload, cid)
            await until(lambda: applied(users, 0))
            assert await asyncio.to_thread(users.ask, cid) == "legacy"
            assert await asyncio.to_thread(users.ask, ann) == "v2"
            with RemoteControls(gateway.ops) as remote:
                report = await asyncio.to_thread(
                    remote.rollback, FLAG, Mode.DRAIN, hand_back=True, who="ann", why="errors"
                )
            assert (report.handed_back, report.failed, report.stranded, report.complete) == (2, 0, 0, True)
            await until(lambda: {ann, bob} <= set(monolith.began))
            await until(lambda: users.pins() == [0, 0])
            assert [monolith.began.count(user) for user in (ann, bob)] == [1, 1]
            assert await asyncio.to_thread(users.ask, ann) == "legacy"
            users.close()
