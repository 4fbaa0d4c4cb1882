"""The service that a campaign kills: a process of its own each time, on the same state."""

from __future__ import annotations

from pathlib import Path

from bench.v2.worker import Worker
from sandbox.running import RunningSandbox


def test_a_worker_is_killed_and_started_again(sandbox: RunningSandbox, tmp_path: Path) -> None:
    worker = Worker(sandbox, tmp_path, 1)
    try:
        worker.start()
        first = worker.pid
        assert worker.http.get("/health").status_code == 200
        worker.kill()
        assert not Path(f"/proc/{first}/cmdline").exists()
        worker.start()
        assert worker.pid not in (0, first)
        assert worker.http.get("/health").status_code == 200
    finally:
        worker.stop()
    assert "Finished server process" in worker.log.read_text()
