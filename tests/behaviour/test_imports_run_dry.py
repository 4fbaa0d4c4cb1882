"""The whole house: legacy imports for a user, and v2 does the same import in its shadow area, which nobody notices."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any  # rows are JSON

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from flags.bucketing import bucket
from gateway.ops.rollout_cli import app
from sandbox.running import RunningSandbox
from sandbox.stack.ports import Ports, choose
from sandbox.stack.processes import Processes
from sandbox.stack.services import FLAG, Layout, backends, gateway_service, rollout, script
from tests.house.sources import REPOSITORY
from tests.v2_service.exports import export

pytestmark = pytest.mark.timeout(300)  # three services start and import, on a machine that may be busy
SHADOW = "shadow = { percent = 50 }"
WIDE = {"V2_SHADOW_RUNS_PER_DAY": "1000", "V2_SHADOW_BUDGET_PER_DAY": "1000", "V2_SHADOW_AT_ONCE": "2"}
SECONDS = 90


@dataclass(frozen=True)
class Running:
    """A gateway in front of legacy and v2, in stage `shadow`."""

    layout: Layout
    sandbox: RunningSandbox

    def user(self, *, high: bool = True) -> str:
        """A new user whose bucket is, or is not, among the highest half."""
        while True:
            user = self.sandbox.create_user()
            if (bucket(FLAG, user) > 50) == high:
                return user

    def asked(self, user: str, **body: object) -> httpx.Response:
        content = {"user_id": user, **body}
        return httpx.post(f"{self.layout.gateway_url}/process-full", json=content, trust_env=False, timeout=30)

    def imported(self, user: str, name: str) -> httpx.Response:
        """Ask for an import of a small export."""
        path = f"user-imports/{user}/raw-{name}.json"
        self.sandbox.upload(path, export(3))
        return self.asked(user, storage_path=path)

    def outcomes(self) -> dict[str, int]:
        (route,) = httpx.get(f"{self.layout.ops_url}/ops/shadow", trust_env=False).json()["routes"]
        found: dict[str, int] = route["outcomes"]
        return found

    def dry_runs(self, user: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.sandbox.sql_uri) as connection:
            rows = connection.execute(
                "select to_jsonb(run) from public.pipeline_shadow_runs run where user_id = %s", [user]
            )
            return [row for (row,) in rows.fetchall()]


@pytest.fixture(scope="module")
def running(own_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("dry")
    port = httpx.URL(own_sandbox.url).port
    assert port is not None
    layout = Layout(replace(choose(Ports(0, 0, 0, 0, 0), print), sandbox=port), folder / "state")
    layout.state.mkdir()
    shutil.copyfile(REPOSITORY / "flags" / "features.json", layout.flags)
    rollout(layout, "stage", "shadow", "--flag", FLAG)
    routes = layout.state / "routes.toml"
    shipped = (REPOSITORY / "gateway/routes.toml").read_text()
    routes.write_text(shipped.replace(f'flag = "{FLAG}"\nkey', f'flag = "{FLAG}"\n{SHADOW}\nkey'))
    # On a busy machine the worker may be late.
    ours = {"GATEWAY_ROUTES": str(routes), "GATEWAY_SHADOW_LAG": "10", "GATEWAY_SHADOW_SECONDS": "60"}
    with Processes(folder / "logs") as processes:
        legacy, v2 = backends(layout)
        processes.start(legacy)
        processes.start(replace(v2, environment={**v2.environment, **WIDE}))
        gateway = gateway_service(layout)
        processes.start(replace(gateway, environment={**gateway.environment, **ours}))
        processes.wait_ready()
        yield Running(layout, own_sandbox)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)  # between two looks at another process


def test_v2_does_what_legacy_does_and_touches_nothing_of_the_user(running: Running) -> None:
    user = running.user()
    before = running.outcomes().get("sent", 0)
    answer = running.imported(user, "one")
    assert (answer.status_code, answer.headers["x-gateway-backend"]) == (200, "legacy")
    assert "shadow" not in answer.json()
    until(lambda: [run["status"] for run in running.dry_runs(user)] == ["complete"])
    assert running.outcomes()["sent"] == before + 1
    (run,) = running.dry_runs(user)
    assert run["idempotency_key"].startswith("shadow-")

    jobs = running.sandbox.rows("processing_jobs", {"user_id": f"eq.{user}"})
    assert len(jobs) == 1
    until(lambda: running.sandbox.rows("processing_jobs", {"user_id": f"eq.{user}"})[0]["status"] == "complete")
    assert running.sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"}) == []
    told = [call["body"] for call in running.sandbox.callbacks() if call["body"].get("user_id") == user]
    assert [body for body in told if "run_id" in body] == []


def test_both_results_can_be_laid_side_by_side(running: Running) -> None:
    user = running.user()
    running.imported(user, "compared")
    until(lambda: [run["status"] for run in running.dry_runs(user)] == ["complete"])
    until(lambda: running.sandbox.rows("processing_jobs", {"user_id": f"eq.{user}"})[0]["status"] == "complete")
    database = {
        "GATEWAY_SUPABASE_URL": running.sandbox.url,
        "GATEWAY_SUPABASE_SERVICE_KEY": running.sandbox.keys.service,
    }
    result = CliRunner().invoke(app, ["compare", "--user", user, "--json"], env=database)
    document = json.loads(result.stdout)
    assert (document["pairs"], document["left_out"]) == (1, {})
    (observation,) = document["observations"]
    for side in ("control", "candidate"):
        assert (observation[side]["succeeded"], observation[side]["conversations"]) == (1, 3)
        assert observation[side]["found"] == 1
    assert observation["candidate"]["dollars"] > 0


def test_users_of_low_buckets_are_left_alone(running: Running) -> None:
    user, before = running.user(high=False), running.outcomes()
    assert running.imported(user, "two").headers["x-gateway-backend"] == "legacy"
    known = running.user()
    running.imported(known, "three")
    until(lambda: len(running.dry_runs(known)) == 1)
    assert running.dry_runs(user) == []
    assert sum(running.outcomes().values()) == sum(before.values()) + 1


def test_what_v2_keeps_out_is_counted_as_refused(running: Running) -> None:
    """A refresh has no export: v2 runs none of these dry."""
    user, before = running.user(), running.outcomes().get("refused", 0)
    assert running.asked(user).headers["x-gateway-backend"] == "legacy"
    until(lambda: running.outcomes().get("refused", 0) == before + 1)
    assert running.dry_runs(user) == []
    told = subprocess.run(
        [script("rollout"), "--ops", running.layout.ops_url, "shadow"], check=True, capture_output=True, text=True
    ).stdout
    assert "process-full" in told
    assert "50 %, at most 1000 a day" in told
    assert "refused" in told


def test_a_client_cannot_ask_for_a_dry_run(running: Running) -> None:
    """Its X-Shadow does not pass, so legacy imports, as ever, and v2 hears of the gateway's own copy alone."""
    user = running.user(high=False)
    headers = {"x-shadow": "1", "idempotency-key": "shadow-forged"}
    url, body = f"{running.layout.gateway_url}/process-full", {"user_id": user, "storage_path": "user-imports/x"}
    answer = httpx.post(url, json=body, headers=headers, trust_env=False, timeout=30)
    assert "shadow" not in answer.json()
    assert running.dry_runs(user) == []
