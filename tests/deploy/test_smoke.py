"""The smoke test calls a whole deployment whole, and names what is wrong with another."""

from __future__ import annotations

import subprocess
import sys

from sandbox.running import RunningSandbox
from tests.deploy.machine import SECRETS, Machine
from tests.house.sources import REPOSITORY

SCRIPT = REPOSITORY / "deploy" / "smoke.py"


def smoke(*arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    ended = subprocess.run(
        [sys.executable, SCRIPT, *arguments], env={"COLUMNS": "200"}, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_whole_deployment_passes_every_check(machine: Machine) -> None:
    code, said = smoke(machine.url("gateway"), "--ops", machine.url("ops"), "--token", SECRETS["GATEWAY_OPS_TOKEN"])

    assert (code, "FAILED" in said) == (0, False), said
    assert said.count("exists") == 15
    assert "metrics are served" in said
    assert "not asked: a canary import" in said


def test_a_canary_is_imported_to_its_end(machine: Machine, sandbox: RunningSandbox) -> None:
    user = sandbox.create_user()
    path = f"user-imports/{user}/canary.json"
    export = next((REPOSITORY / "tests" / "data" / "exports").glob("*.json"))
    sandbox.upload(path, export.read_bytes())
    options = ["--canary-user", user, "--storage-path", path, "--expect", "legacy", "--wait", "90"]

    code, said = smoke(
        machine.url("gateway"), *options, "--supabase-url", sandbox.url, "--supabase-key", sandbox.keys.service
    )

    assert code == 0, said
    (profile,) = sandbox.rows("user_profiles", {"user_id": f"eq.{user}"})
    assert profile["import_status"] == "complete"


def test_a_wrong_backend_for_the_canary_fails(machine: Machine, sandbox: RunningSandbox) -> None:
    user = sandbox.create_user()
    options = ["--canary-user", user, "--storage-path", f"user-imports/{user}/none.json", "--expect", "v2"]

    code, said = smoke(machine.url("gateway"), *options)

    assert code == 1
    assert "'legacy', not 'v2'" in said


def test_what_is_no_gateway_fails_by_name(sandbox: RunningSandbox) -> None:
    code, said = smoke(sandbox.url)

    assert code == 1
    assert "FAILED the gateway is healthy" in said
    assert "FAILED /chat exists" in said


def test_half_a_canary_is_a_usage_error(machine: Machine) -> None:
    assert smoke(machine.url("gateway"), "--canary-user", "someone")[0] == 2


def test_it_knows_the_monoliths_routes() -> None:
    """Read from the source, so that the monolith need not be configured."""
    text = (REPOSITORY / "legacy" / "main.py").read_text()
    script = SCRIPT.read_text()
    routes = {line.split('"')[1] for line in text.splitlines() if line.startswith(("@app.get(", "@app.post("))}

    assert len(routes) == 15
    assert [route for route in routes if f'"{route}"' not in script] == []
