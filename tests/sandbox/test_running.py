"""Starting and stopping: nothing is left over, several run at once, what was written stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from sandbox.environment import variables
from sandbox.errors import NotReadyError
from sandbox.keys import Keys
from sandbox.running import READY, RunningSandbox
from sandbox.settings import SandboxSettings

GONE_TIMEOUT_SECONDS = 20


@pytest.fixture
def folder() -> Iterator[Path]:
    """Outside pytest's own folder, whose access rights the database's account could not pass."""
    with tempfile.TemporaryDirectory(prefix="sandbox-test-") as name:
        yield Path(name)


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def serve(folder: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sandbox", "serve", "--port", "0", "--data", str(folder), *options]
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_over_however_it_ends(folder: Path, sign: signal.Signals) -> None:
    with serve(folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(READY)
        members = family(psutil.Process(process.pid))
        assert any(member.name() == "postgres" for member in members)
        process.send_signal(sign)
        _, alive = psutil.wait_procs(members, timeout=GONE_TIMEOUT_SECONDS)
        assert alive == []
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_a_child_stops_when_its_starter_vanishes(folder: Path) -> None:
    with serve(folder, SANDBOX_STOP_WITH_STDIN="true") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        members = family(psutil.Process(process.pid))
        process.stdin.close()
        _, alive = psutil.wait_procs(members, timeout=GONE_TIMEOUT_SECONDS)
        assert alive == []


def test_rows_and_objects_survive_a_restart_even_after_a_kill(folder: Path) -> None:
    with serve(folder) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix(READY).strip()
        key = Keys.of(SandboxSettings.model_fields["jwt_secret"].default).service
        headers = {"apikey": key, "authorization": f"Bearer {key}"}
        made = httpx.post(f"{url}/auth/v1/admin/users", json={}, headers=headers, trust_env=False).json()
        object_url = f"{url}/storage/v1/object/user-imports/kept"
        httpx.post(object_url, content=b"kept", headers=headers, trust_env=False).raise_for_status()
        members = family(psutil.Process(process.pid))
        process.kill()
        _, alive = psutil.wait_procs(members, timeout=GONE_TIMEOUT_SECONDS)
        assert alive == []
    with RunningSandbox(data=folder) as again:
        assert [row["user_id"] for row in again.rows("user_profiles")] == [made["id"]]
        assert again.http.get("/storage/v1/object/user-imports/kept").content == b"kept"


def test_two_run_side_by_side_whatever_the_length_of_their_paths(folder: Path, sandbox: RunningSandbox) -> None:
    deep = folder / ("long-" * 20) / ("name-" * 20)
    deep.mkdir(parents=True)
    with RunningSandbox(data=deep) as other:
        user = other.create_user()
        assert other.rows("user_profiles", {"user_id": f"eq.{user}"})
        assert sandbox.rows("user_profiles", {"user_id": f"eq.{user}"}) == []


def test_a_taken_port_is_a_sentence_and_not_a_trace(sandbox: RunningSandbox, folder: Path) -> None:
    port = sandbox.url.rpartition(":")[2]
    with serve(folder, "--port", port) as process:
        assert process.stderr is not None
        told = process.stderr.read()
    assert (process.returncode, "Traceback" in told, "in use" in told) == (1, False, True)


def test_a_data_folder_in_use_is_refused_and_its_owner_unharmed(sandbox: RunningSandbox) -> None:
    with serve(sandbox.data) as process:
        assert process.stderr is not None
        told = process.stderr.read()
    assert (process.returncode, "Traceback" in told, "another sandbox runs" in told) == (1, False, True)
    assert sandbox.create_user()


def test_migrations_apply_by_name_at_every_start(folder: Path) -> None:
    migrations = folder / "migrations"
    migrations.mkdir()
    (migrations / "0002_second.sql").write_text("alter table public.extra add column if not exists b text;")
    (migrations / "0001_first.sql").write_text("create table if not exists public.extra (a integer primary key);")
    (migrations / "notes.txt").write_text("no SQL")
    for _ in range(2):
        with RunningSandbox(data=folder / "data", settings={"migrations": str(migrations)}) as running:
            running.http.post("/rest/v1/extra?on_conflict=a", json={"a": 1, "b": "x"}, headers=MERGE).raise_for_status()
            assert running.rows("extra") == [{"a": 1, "b": "x"}]


MERGE = {"prefer": "resolution=merge-duplicates"}


def test_a_refused_migration_is_named_and_leaves_nothing_of_itself(folder: Path) -> None:
    migrations = folder / "migrations"
    migrations.mkdir()
    (migrations / "0001_half.sql").write_text("create table public.half (a integer); select nonsense;")
    with (
        pytest.raises(NotReadyError, match=r"0001_half\.sql"),
        RunningSandbox(data=folder / "data", settings={"migrations": str(migrations)}),
    ):
        pass
    (migrations / "0001_half.sql").unlink()
    with RunningSandbox(data=folder / "data", settings={"migrations": str(migrations)}) as running:
        assert running.http.get("/rest/v1/half").status_code == 404


def test_the_printed_variables_are_those_of_a_running_sandbox(sandbox: RunningSandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    printed = json.loads(command("env", "--port", port, "--json"))
    assert printed == sandbox.env == variables(sandbox.url, sandbox.keys)
    lines = command("env", "--port", port).splitlines()
    assert lines[0] == f"export SUPABASE_URL={sandbox.url}"
    assert len(lines) == len(printed)


def test_the_stand_in_library_can_be_imported_by_the_printed_path(sandbox: RunningSandbox) -> None:
    script = "from rlm import RLM; print(RLM.__name__)"
    environment = {**os.environ, **sandbox.env}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "RLM\n"


def test_sql_prints_a_uri_that_works(sandbox: RunningSandbox, folder: Path) -> None:
    uri = command("sql", "--data", str(sandbox.data)).strip()
    with psycopg.connect(uri) as connection:
        assert connection.execute("select count(*) >= 0 from public.user_profiles").fetchone() == (True,)
    nothing = subprocess.run(
        [sys.executable, "-m", "sandbox", "sql", "--data", str(folder)], capture_output=True, text=True, check=False
    )
    assert (nothing.returncode, "nothing is running" in nothing.stderr) == (1, True)


def test_wrong_settings_are_told_all_at_once(folder: Path) -> None:
    wrong = {"SANDBOX_MAX_ROWS": "many", "SANDBOX_JWT_SECRET": "short"}
    with serve(folder, **wrong) as process:
        assert process.stderr is not None
        told = process.stderr.read()
    assert process.returncode == 2
    assert ("max_rows" in told, "jwt_secret" in told, "Traceback" in told) == (True, True, False)


def command(*arguments: str) -> str:
    """What `sandbox …` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout
