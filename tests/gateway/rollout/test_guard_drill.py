"""The guard drill: it refuses whatever is no sandbox, sees a broken v2 on a real stack, and puts everything back."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.rollout.scene import Scene, stage
from gateway.rollout.drill_sandbox import SandboxDesk
from gateway.rollout.drill_troubles import BROKEN_BUCKET, CONTROL_BUCKET, TROUBLES, Trouble, drill_plan
from gateway.rollout.errors import DrillRefusedError
from sandbox.faults import Faults
from sandbox.stack.services import FLAG, rollout, script

LOCAL = "http://127.0.0.1:9"


def test_the_drill_has_one_bucket_on_v2_and_one_beside_it() -> None:
    plan = drill_plan(FLAG)
    cohorts = plan.bench(0).cohorts
    assert (cohorts.percentage, cohorts.v2, cohorts.control, cohorts.q) == (BROKEN_BUCKET, 1, 1, 0.5)
    assert CONTROL_BUCKET == BROKEN_BUCKET + 1
    assert {one.rule for one in TROUBLES} == {rule.kind for rule in plan.rules}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: one.name)
def test_every_trouble_is_one_that_the_sandbox_knows_and_only_v2_meets(trouble: Trouble) -> None:
    faults = Faults.model_validate(trouble.faults)
    assert faults.rest.paths
    assert all(path.startswith("/rest/v1/rpc/v2_") for path in faults.rest.paths)


@pytest.mark.parametrize(
    ("sandbox", "public", "ops"),
    [
        ("https://project.supabase.co", LOCAL, LOCAL),
        (LOCAL, "https://api.example.org", LOCAL),
        (LOCAL, LOCAL, "http://gateway:9090"),
    ],
)
async def test_whatever_is_not_on_this_machine_is_refused(sandbox: str, public: str, ops: str) -> None:
    async with httpx.AsyncClient(base_url=ops) as client:
        with pytest.raises(DrillRefusedError, match="not on this machine"):
            SandboxDesk(sandbox, public, client)


async def test_what_has_no_control_plane_is_no_sandbox() -> None:
    async with httpx.AsyncClient(base_url=LOCAL) as client:
        desk = SandboxDesk(LOCAL, LOCAL, client)
        with pytest.raises(DrillRefusedError, match="is no sandbox"):
            await desk.open()
        await desk.close()


class Stack:
    """A running stack at 50 %, and the drill as a command."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene, self.folder = scene, folder
        httpx.put(f"{scene.layout.sandbox_url}/_sandbox/faults", json={}, trust_env=False).raise_for_status()
        rollout(scene.layout, "set", FLAG, "50")

    def drill(self, *options: str) -> subprocess.Popen[str]:
        layout = self.scene.layout
        command = [script("rollout"), "--ops", layout.ops_url, "drill", "guard", "--public", layout.gateway_url]
        command += ["--sandbox", layout.sandbox_url, "--into", str(self.folder), *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def assert_as_before(self) -> None:
        assert self.scene.percentage() == 50
        faults = httpx.get(f"{self.scene.layout.sandbox_url}/_sandbox/faults", trust_env=False).json()
        assert Faults.model_validate(faults) == Faults()
        addresses = self.scene.addresses
        users = httpx.get(
            f"{addresses.supabase}/auth/v1/admin/users", headers=addresses.database_headers, trust_env=False
        ).json()["users"]
        assert users == []


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("drill")
    with stage(folder / "state") as scene:
        yield Stack(scene, folder / "reports")


@pytest.mark.timeout(400)
def test_a_broken_v2_is_seen_and_all_is_put_back(stack: Stack) -> None:
    with stack.drill("--trouble", "errors", "--json") as running:
        told, timeline = running.communicate()

    assert running.returncode == 0, timeline
    [outcome] = json.loads(told)
    assert (outcome["trouble"], outcome["rule"]) == ("errors", "requests-failed")
    assert outcome["seconds"] > 0
    assert "v2 was rolled back from 1 %" in Path(outcome["report"]).read_text()
    assert "errors: ROLLED BACK after" in timeline
    stack.assert_as_before()


@pytest.mark.timeout(400)
def test_ctrl_c_in_the_middle_puts_all_back(stack: Stack) -> None:
    with stack.drill("--trouble", "errors") as running:
        assert running.stderr is not None
        told = []
        for line in running.stderr:
            told.append(line)
            if "BROKEN" in line:
                running.send_signal(signal.SIGINT)
                break
        told.append(running.stderr.read())

    assert "all is as before" in told[-1], told
    assert running.returncode == 130, told
    stack.assert_as_before()


@pytest.mark.timeout(400)
def test_there_is_no_drill_while_a_guard_works_on_these_flags(stack: Stack) -> None:
    rollout(stack.scene.layout, "set", FLAG, "0")
    with stack.scene.guard():
        deadline = iter(range(300))
        seen = ""
        while "gateway_guard_seen_seconds" not in seen and next(deadline, None) is not None:
            seen = httpx.get(f"{stack.scene.layout.ops_url}/metrics", trust_env=False).text
        with stack.drill("--trouble", "errors") as running:
            _, told = running.communicate()
    assert (running.returncode, "a guard works on these flags" in told) == (1, True)


def test_a_trouble_that_nobody_knows_is_told(stack: Stack) -> None:
    with stack.drill("--trouble", "earthquake") as running:
        _, told = running.communicate()
    assert (running.returncode, "there are errors, jobs, delay" in told) == (2, True)
