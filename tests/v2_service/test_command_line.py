"""The command line `v2`, as its user types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.conftest import EXPORTS
from tests.v2_service.running import RunningService, environment

UNREACHABLE = "http://127.0.0.1:9"


def v2(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "v2_service", *arguments],
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "120", **variables},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_a_file_is_imported_in_this_process_with_a_report(sandbox: RunningSandbox, user: str, tmp_path: Path) -> None:
    file = EXPORTS / "zipped_export.zip"
    done = v2("import", str(file), "--user", user, **environment(sandbox, tmp_path))
    assert done.returncode == 0, done.stderr
    for words in ("Import complete", "conversations", "facts", "text read by the model", "100.0%", "cost"):
        assert words in done.stdout
    [run] = sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"})
    assert (run["status"], run["storage_path"].endswith(".zip")) == ("complete", True)


def test_a_file_is_imported_by_a_running_service(service: RunningService, user: str, tmp_path: Path) -> None:
    file = EXPORTS / "edited_branch.json"
    variables = environment(service.sandbox, tmp_path)
    done = v2("import", str(file), "--user", user, "--url", service.url, **variables)
    assert done.returncode == 0, done.stderr
    assert "left out: other branch" in done.stdout


def test_what_is_no_export_exits_with_1_and_the_reason(service: RunningService, user: str, tmp_path: Path) -> None:
    file = EXPORTS / "not_valid_json_2023.json"
    done = v2("import", str(file), "--user", user, "--url", service.url, **environment(service.sandbox, tmp_path))
    assert done.returncode == 1
    assert "not valid JSON" in done.stdout


@pytest.mark.parametrize(
    ("user_id", "words"), [("nobody", "UUID"), ("00000000-0000-4000-8000-00000000dead", "no user")]
)
def test_a_user_who_is_none_exits_with_1(service: RunningService, tmp_path: Path, user_id: str, words: str) -> None:
    file = EXPORTS / "edited_branch.json"
    variables = environment(service.sandbox, tmp_path)
    done = v2("import", str(file), "--user", user_id, "--url", service.url, **variables)
    assert (done.returncode, words in done.stderr) == (1, True)


def test_missing_settings_are_listed_together() -> None:
    done = v2("serve")
    assert done.returncode == 2
    for name in ("SUPABASE_URL", "SUPABASE_SERVICE_KEY"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_whether_all_is_in_order(sandbox: RunningSandbox, tmp_path: Path) -> None:
    variables = environment(sandbox, tmp_path)
    assert v2("check", **variables).returncode == 0
    broken = v2("check", **{**variables, "SUPABASE_URL": UNREACHABLE})
    assert broken.returncode == 1
    assert "cannot be reached" in broken.stderr


def test_migrations_are_printed_in_order() -> None:
    names = v2("migrate").stdout.split()
    assert names == sorted(names)
    sql = v2("migrate", "--print").stdout
    assert [sql.index(f"-- {name}") for name in names] == sorted(sql.index(f"-- {name}") for name in names)
    assert "create table if not exists public.pipeline_runs" in sql


def test_every_command_has_help() -> None:
    for command in ([], ["serve"], ["import"], ["check"], ["migrate"]):
        shown = v2(*command, "--help")
        assert shown.returncode == 0
        assert "Usage" in shown.stdout


def test_a_port_that_is_taken_is_said(service: RunningService, tmp_path: Path) -> None:
    port = service.url.rpartition(":")[2]
    done = v2("serve", "--port", port, **environment(service.sandbox, tmp_path))
    assert done.returncode == 3
    assert "cannot listen" in done.stderr
