"""SIGTERM is bounded whatever hangs: threads that nobody can stop, and streams that nobody ends."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.running import RUN_SECONDS, RunningService, until
from v2_service import leaving as leaving_module
from v2_service.leaving import Leaving, end_without


@pytest.fixture
def mute() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def claimed(sandbox: RunningSandbox, user: str) -> str:
    """A run that was accepted and never handed over: the next start takes it up."""
    path = f"user-imports/{user}/raw.json"
    sandbox.upload(path, export(2))
    given = {"p_user": user, "p_kind": "import", "p_storage_path": path, "p_version": "2.0", "p_build": ""}
    unset = dict.fromkeys(("p_idempotency_key", "p_cohort", "p_conversation_count", "p_message_count"))
    [row] = sandbox.http.post("/rest/v1/rpc/v2_claim_run", json={**given, **unset}).json()
    run: str = row["run_id"]
    return run


def test_hanging_threads_cannot_hold_the_process_and_their_runs_are_resumed(
    slow: RunningSandbox, mute: str, tmp_path: Path
) -> None:
    reading, embedding = claimed(slow, slow.create_user()), claimed(slow, slow.create_user())
    (tmp_path / "spool").mkdir()
    # A pipe that nobody writes to: whoever opens it as an export waits for ever.
    pipe = tmp_path / "spool" / reading
    os.mkfifo(pipe)
    bounds = {"V2_SHUTDOWN_SECONDS": "0.5", "V2_MODEL_TIMEOUT_SECONDS": "600"}
    hanging = RunningService(slow, tmp_path, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=mute, **bounds)
    hanging.start()
    until(lambda: hanging.job(embedding)["step"] == "embed" and hanging.job(reading)["step"] == "quick_pass")
    with httpx.stream("GET", f"{hanging.url}/jobs/{reading}/events", timeout=RUN_SECONDS) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry:")
        # Returns once the process is gone, and fails when it is not gone in time.
        assert hanging.stop() == 0
    log = hanging.log.read_text()
    assert '"event": "drained"' in log
    assert "the process ends without waiting any longer" in log
    states = slow.rows("pipeline_runs", {"id": f"in.({reading},{embedding})", "select": "status"})
    assert [row["status"] for row in states] == ["running", "running"]
    pipe.unlink()
    with RunningService(slow, tmp_path) as service:
        assert [service.ended(run)["status"] for run in (reading, embedding)] == ["complete", "complete"]


def test_the_time_that_is_left_runs_from_the_first_signal() -> None:
    leaving = Leaving(60.0)
    assert (leaving.begun, leaving.left()) == (False, 60.0)
    leaving.begin()
    first = leaving.left()
    leaving.begin()
    assert leaving.begun
    assert leaving.left() <= first <= 60.0


def test_only_a_thread_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(leaving_module, "end_now", ended.append)
    release = threading.Event()
    hanging = threading.Thread(target=release.wait, name="hanging")
    helper = threading.Thread(target=release.wait, name="helper", daemon=True)
    monkeypatch.setattr(threading, "enumerate", lambda: [threading.current_thread(), hanging, helper])
    hanging.start()
    helper.start()
    end_without(hanging=0.0)
    assert ended == ["thread hanging"]
    release.set()
    hanging.join()
    helper.join()
    end_without(hanging=0.0)
    assert ended == ["thread hanging"]
