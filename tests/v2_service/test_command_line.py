"""The command line `v2`, as its user types it: in this process where nothing has to be launched."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sandbox.running import RunningSandbox
from tests.v2_service.conftest import EXPORTS
from tests.v2_service.exports import export, large_numbers
from tests.v2_service.running import RunningService, environment
from v2_service.__main__ import app

UNREACHABLE = "http://127.0.0.1:9"
WIDE = {"COLUMNS": "200"}


def v2(*arguments: str, **variables: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments, env={**WIDE, **variables})


def test_a_file_is_imported_in_a_process_of_its_own_with_a_report(
    sandbox: RunningSandbox, user: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "v2_service", "import", str(EXPORTS / "zipped_export.zip"), "--user", user]
    variables = {**environment(sandbox, tmp_path), **WIDE}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    for words in ("Import complete", "conversations", "facts", "text read by the model", "100.0%", "cost"):
        assert words in done.stdout
    [run] = sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"})
    assert (run["status"], run["storage_path"].endswith(".zip")) == ("complete", True)


def test_a_file_is_imported_by_a_running_service(service: RunningService, user: str, tmp_path: Path) -> None:
    variables = environment(service.sandbox, tmp_path)
    done = v2("import", str(EXPORTS / "edited_branch.json"), "--user", user, "--url", service.url, **variables)
    assert done.exit_code == 0, done.output
    assert "left out: other branch" in done.output


def test_a_file_with_numbers_beyond_a_machine_word_is_imported(
    service: RunningService, user: str, tmp_path: Path
) -> None:
    file = tmp_path / "conversations-000.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("conversations-000.json", export(1))
        archive.writestr("conversations-001.json", large_numbers(3))
    done = v2("import", str(file), "--user", user, "--url", service.url, **environment(service.sandbox, tmp_path))
    assert done.exit_code == 0, done.output
    [run] = service.sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"})
    assert (run["status"], run["counts"]["conversations"]) == ("complete", 4)


def test_what_is_no_export_exits_with_1_and_the_reason(service: RunningService, user: str, tmp_path: Path) -> None:
    variables = environment(service.sandbox, tmp_path)
    done = v2("import", str(EXPORTS / "not_valid_json_2023.json"), "--user", user, "--url", service.url, **variables)
    assert done.exit_code == 1
    assert "not valid JSON" in done.output


@pytest.mark.parametrize("here", [True, False])
def test_a_user_whose_import_the_former_service_runs_is_told_so(
    service: RunningService, user: str, tmp_path: Path, here: bool
) -> None:
    job = {"user_id": user, "status": "processing", "storage_path": f"user-imports/{user}/a.json", "attempts": 1}
    assert service.sandbox.http.post("/rest/v1/processing_jobs", json=job).is_success
    command = [sys.executable, "-m", "v2_service", "import", str(EXPORTS / "edited_branch.json"), "--user", user]
    command += [] if here else ["--url", service.url]
    variables = {**environment(service.sandbox, tmp_path), **WIDE}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=100)
    assert (done.returncode, "former service" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("user_id", "words"), [("nobody", "UUID"), ("00000000-0000-4000-8000-00000000dead", "no user")]
)
def test_a_user_who_is_none_exits_with_1(service: RunningService, tmp_path: Path, user_id: str, words: str) -> None:
    variables = environment(service.sandbox, tmp_path)
    done = v2("import", str(EXPORTS / "edited_branch.json"), "--user", user_id, "--url", service.url, **variables)
    assert (done.exit_code, words in done.output) == (1, True)


@pytest.mark.parametrize("command", [["serve"], ["check"], ["import", __file__, "--user", "u"]])
def test_missing_settings_are_listed_together(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUPABASE_URL", "SUPABASE_SERVICE_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    done = v2(*command)
    assert done.exit_code == 2
    assert "SUPABASE_URL" in done.output
    assert "SUPABASE_SERVICE_KEY" in done.output


def test_check_says_whether_all_is_in_order(sandbox: RunningSandbox, tmp_path: Path) -> None:
    variables = environment(sandbox, tmp_path)
    done = v2("check", **variables)
    assert done.exit_code == 0, done.output


def test_check_names_every_problem_at_once(sandbox: RunningSandbox, tmp_path: Path) -> None:
    wrong = {"SUPABASE_URL": UNREACHABLE, "VERCEL_API_URL": UNREACHABLE, "V2_HOST": "0.0.0.0"}
    broken = v2("check", **{**environment(sandbox, tmp_path), **wrong})
    assert broken.exit_code == 1
    for words in ("V2_SERVICE_KEYS", "database:", "schema:", "storage:", "web_app:", "migrate --print"):
        assert words in broken.output
    misspelt = v2("check", **{**environment(sandbox, tmp_path), "V2_LEASE_SECOND": "9", "V2_HOST": "", "PORT": "x"})
    assert misspelt.exit_code == 2
    assert "is V2_LEASE_SECONDS meant?" in misspelt.output
    assert "PORT" in misspelt.output


def test_migrations_are_printed_in_order() -> None:
    names = v2("migrate").output.split()
    assert names == sorted(names)
    sql = v2("migrate", "--print").output
    assert [sql.index(f"-- {name}") for name in names] == sorted(sql.index(f"-- {name}") for name in names)
    assert "create table if not exists public.pipeline_runs" in sql


@pytest.mark.parametrize("command", [[], ["serve"], ["import"], ["check"], ["costs"], ["audit"], ["migrate"]])
def test_every_command_has_help(command: list[str]) -> None:
    shown = v2(*command, "--help")
    assert shown.exit_code == 0
    assert "Usage" in shown.output


def test_a_port_that_is_taken_is_said(service: RunningService, tmp_path: Path) -> None:
    port = service.url.rpartition(":")[2]
    command = [sys.executable, "-m", "v2_service", "serve", "--port", port]
    variables = environment(service.sandbox, tmp_path)
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=100)
    assert done.returncode == 3
    assert "cannot listen" in done.stderr


def test_an_address_that_others_reach_is_not_served_without_keys(sandbox: RunningSandbox, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "v2_service", "serve", "--port", "0", "--host", "0.0.0.0"]
    done = subprocess.run(command, env=environment(sandbox, tmp_path), capture_output=True, text=True, timeout=100)
    assert done.returncode == 3
    assert "V2_SERVICE_KEYS" in done.stderr
