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

from gateway.ops.rollout_cli import app
from gateway.rollout.memory import MemoryFile
from gateway.rollout.orders import OrdersFile
from gateway.rollout.steps import Phase
from tests.gateway.ops.documents import flag_file, stored
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


def test_the_guard_runs_as_a_process_and_ends_orderly(path: Path, evidence_url: str) -> None:
    environment = {"ROLLOUT_TOKEN": TOKEN, "ROLLOUT_PLAN": PLAN, "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", "from gateway.ops.rollout_cli import main; main()"]
    command += ["--flags", str(path), "guard", "--evidence", evidence_url]
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
