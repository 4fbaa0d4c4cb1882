"""`rollout plan` and `rollout guard`: the real command line, a real flag file, evidence over real HTTP."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flags.journal import Journal
from gateway.ops.rollout_cli import app
from gateway.rollout.memory import Memory, MemoryFile
from gateway.rollout.orders import OrdersFile
from gateway.rollout.rehearsal import rehearsal_path
from gateway.rollout.steps import Phase
from tests.gateway.ops.documents import flag_file, stored
from tests.gateway.ops.guard_said import say
from tests.gateway.ops.serving import served_ops
from tests.gateway.rollout.scripted import Scene
from tests.house.sources import REPOSITORY

PLAN = str(REPOSITORY / "rollout.toml")
TOKEN = "s3cret"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path, "0")


def invoke(path: Path, *arguments: str) -> Result:
    env = {"COLUMNS": "160", "ROLLOUT_PLAN": PLAN, "ROLLOUT_FLAGS": str(path)}
    return CliRunner().invoke(app, ["--who", "ann", *arguments], env=env)


def test_check_tells_all_problems(path: Path, tmp_path: Path) -> None:
    assert invoke(path, "plan", "check").stdout == "the plan is valid\n"
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("alpha = 7\n")
    result = invoke(path, "plan", "check", str(wrong), "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["problems"]) == 3


def test_show_prints_steps_and_budget(path: Path) -> None:
    text = invoke(path, "plan", "show").stdout
    assert "3.50%" in text
    assert "5.00% in all" in text


def test_status_before_and_while_a_guard_watches(path: Path) -> None:
    assert json.loads(invoke(path, "plan", "status", "--json").stdout)["progress"]["phase"] == "ready"
    scene = Scene(path)
    scene.look(2)
    scene.guard.save()
    content = json.loads(invoke(path, "plan", "status", "--json").stdout)
    assert content["progress"]["phase"] == "watching"
    assert {one["verdict"] for one in content["findings"]} == {"no data"}
    assert "watching, at 10 %" in invoke(path, "plan", "status").stdout


def test_hold_resume_and_approve_are_left_for_the_guard(path: Path) -> None:
    refused = invoke(path, "plan", "approve")
    assert (refused.exit_code, "needs no approval" in refused.stderr) == (1, True)
    assert invoke(path, "plan", "hold").exit_code == 0
    assert OrdersFile(path).read().held_by == "ann"
    assert invoke(path, "plan", "resume").exit_code == 0
    assert (OrdersFile(path).read().held_by, OrdersFile(path).read().resumes) == ("", 1)


@pytest.fixture
def ops(path: Path) -> Iterator[dict[str, str]]:
    """The variables of a remote ops API over the flags; no guard has its memory on this machine."""
    with served_ops(path, TOKEN) as url:
        elsewhere = str(path.with_name("elsewhere.json"))
        yield {"ROLLOUT_OPS": url, "ROLLOUT_TOKEN": TOKEN, "ROLLOUT_FLAGS": elsewhere, "COLUMNS": "160"}


def remotely(ops: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--who", "ann", *arguments], env=ops)


def test_the_guard_of_a_remote_gateway_is_shown_and_ordered(path: Path, ops: dict[str, str]) -> None:
    say(path, step=1, expected=50, phase=Phase.ASKING, why="an approval is needed: to go to 100 %")
    shown = remotely(ops, "plan", "status")
    assert "asking, at 50 %" in shown.stdout
    assert "14 % of users wait longer" in shown.stdout
    assert json.loads(remotely(ops, "plan", "status", "--json").stdout)["orders"]["aim"] == "100 %"
    assert remotely(ops, "plan", "approve", "--why", "it looks good").stdout == "approved: 100 %\n"
    assert remotely(ops, "plan", "hold", "--why", "the weekend").stdout.startswith("held by ann (ops API")
    assert json.loads(remotely(ops, "plan", "resume", "--json").stdout)["action"] == "resume"
    assert [(entry.action, entry.why) for entry in Journal(path).tail()] == [
        ("approve", "it looks good"),
        ("hold", "the weekend"),
        ("resume", ""),
    ]
    assert "guard: approve 100 %" in remotely(ops, "journal").stdout


def test_the_same_document_is_told_from_here_and_from_there(path: Path, ops: dict[str, str]) -> None:
    scene = Scene(path)
    scene.look(2)
    scene.guard.save()
    say(path, scene.guard.memory.progress)
    here = json.loads(invoke(path, "plan", "status", "--json").stdout)
    there = json.loads(remotely(ops, "plan", "status", "--json").stdout)
    assert set(here) == set(there)
    assert here["progress"] == there["progress"]


def test_a_refusal_of_the_remote_gateway_is_told_with_its_exit_code(path: Path, ops: dict[str, str]) -> None:
    say(path)
    refused = remotely(ops, "plan", "approve")
    assert (refused.exit_code, "needs no approval" in refused.stderr) == (1, True)
    away = remotely({**ops, "ROLLOUT_OPS": "http://127.0.0.1:9"}, "plan", "status")
    assert (away.exit_code, "cannot be reached" in away.stderr) == (3, True)


def test_no_guard_and_a_silent_one_are_told(path: Path, ops: dict[str, str]) -> None:
    nobody = remotely(ops, "plan", "status")
    assert "no guard has acted on these flags; start one: rollout guard" in nobody.stdout
    assert "no guard has acted on these flags yet" in remotely(ops, "plan", "hold").stdout
    say(path, silent_for=185)
    assert "3 min ago: start it again" in remotely(ops, "plan", "status").stdout
    assert "nobody listens now: last heard 3 min ago" in remotely(ops, "plan", "resume").stdout


def test_a_guard_on_this_machine_comes_before_an_ops_api_that_no_option_names(path: Path, ops: dict[str, str]) -> None:
    here = Path(ops["ROLLOUT_FLAGS"])
    MemoryFile(here).write(Memory())
    assert remotely(ops, "plan", "hold").exit_code == 0
    assert (OrdersFile(here).read().held_by, OrdersFile(path).path.exists()) == ("ann", False)
    assert remotely(ops, "--ops", ops["ROLLOUT_OPS"], "plan", "hold").exit_code == 0
    assert OrdersFile(path).read().held_by.startswith("ann (ops API")


def test_an_order_that_is_not_in_the_journal_is_told_with_its_exit_code(path: Path) -> None:
    Journal(path).path.mkdir()
    result = invoke(path, "plan", "hold")
    assert (result.exit_code, "not in the journal" in result.stdout) == (5, True)


class EvidencePage(BaseHTTPRequestHandler):
    """`GET /evidence` as a gateway answers it, for one token; nothing was recorded yet."""

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == f"Bearer {TOKEN}" and self.path.startswith("/evidence?after=")
        legacy = {"healthy": True, "in_flight": 1, "limit": 100}
        content = {"epoch": "e", "oldest": 1, "newest": 0, "next": 0, "records": [], "legacy": legacy}
        body = json.dumps(content).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def evidence_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), EvidencePage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def guard_command(path: Path, evidence_url: str, *options: str) -> tuple[list[str], dict[str, str]]:
    """The guard as a process of its own, and its environment: in this one it would take over the signals."""
    environment = {"ROLLOUT_TOKEN": TOKEN, "ROLLOUT_PLAN": PLAN, "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", "from gateway.ops.rollout_cli import main; main()", "--flags", str(path), "guard"]
    return [*command, *options, "--evidence", evidence_url], environment


def test_the_guard_runs_as_a_process_and_ends_orderly(path: Path, evidence_url: str) -> None:
    command, environment = guard_command(path, evidence_url)
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY) as guard:
        assert guard.stderr is not None
        try:
            line = guard.stderr.readline()  # said after the first look
            assert line.startswith("watching at 10 %")
            assert stored(path)[1] == "10"
        finally:
            guard.send_signal(signal.SIGTERM)
            code = guard.wait()
    assert code == 0
    assert MemoryFile(path).read().progress.phase is Phase.WATCHING


def test_aa_runs_beside_the_flag_and_moves_nothing(path: Path, evidence_url: str) -> None:
    command, environment = guard_command(path, evidence_url, "--aa")
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY) as guard:
        assert guard.stderr is not None
        try:
            lines = [guard.stderr.readline() for _ in range(2)]
        finally:
            guard.send_signal(signal.SIGTERM)
            code = guard.wait()
    assert lines[0] == "would set process-full-v2 from 0 % to 10 %: all is well\n"
    assert lines[1].startswith("watching at 10 %")
    assert code == 0
    assert stored(path)[1] == "0"
    assert MemoryFile(rehearsal_path(path)).read().progress.phase is Phase.WATCHING


def test_aa_needs_everybody_on_legacy(path: Path, evidence_url: str) -> None:
    invoke(path, "set", "process-full-v2", "5")
    command, environment = guard_command(path, evidence_url, "--aa")
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=REPOSITORY)
    assert (result.returncode, "at 5 %: A/A needs everybody on legacy" in result.stderr) == (1, True)


def test_with_prometheus_what_is_not_known_holds(path: Path, evidence_url: str) -> None:
    command, environment = guard_command(path, evidence_url)
    command = command[: command.index("--evidence")]
    environment["PROMETHEUS_URL"] = evidence_url  # it answers, and not as a Prometheus
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY) as guard:
        assert guard.stderr is not None
        try:
            line = guard.stderr.readline()
        finally:
            guard.send_signal(signal.SIGTERM)
            code = guard.wait()
    assert "its load is not known" in line
    assert (code, stored(path)[1]) == (0, "0")
