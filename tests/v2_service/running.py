"""The service as a process of its own, over a sandbox: started, asked, killed and started again."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self  # rows and answers are JSON

import httpx

from sandbox.running import RunningSandbox

READY = "v2 ready at "
START_SECONDS = 180.0
STOP_SECONDS = 30.0
RUN_SECONDS = 60.0
POLL_SECONDS = 0.05
ENDED = {"complete", "degraded", "failed", "cancelled", "handed_back"}


def environment(sandbox: RunningSandbox, state: Path, **given: str) -> dict[str, str]:
    """The service's variables: the sandbox's, its own state folder, short waits, no proxies."""
    return {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        **sandbox.env,
        "V2_STATE_DIR": str(state),
        "V2_FULL_PASS_MIN_CONVERSATIONS": "1",
        "V2_STEP_RETRY_SECONDS": "0.05",
        "V2_MODEL_RETRIES": "1",
        **given,
    }


def until(condition: Callable[[], bool]) -> None:
    """Wait for what a run brings about; fails when it does not come."""
    deadline = time.monotonic() + RUN_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)


class RunningService:
    """`with RunningService(sandbox, folder) as service:` runs `v2 serve --port 0`."""

    def __init__(self, sandbox: RunningSandbox, state: Path, **given: str) -> None:
        self.sandbox = sandbox
        self.state = state
        self._environment: Mapping[str, str] = environment(sandbox, state, **given)
        self._process: subprocess.Popen[str] | None = None
        state.mkdir(parents=True, exist_ok=True)
        self.log = state / "v2.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, or start again on the same state."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "v2_service", "serve", "--port", "0"],
                env=dict(self._environment),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        lines: queue.Queue[str] = queue.Queue()
        output = self._process.stdout
        assert output is not None

        def read() -> None:
            for line in output:
                lines.put(line)
            lines.put("")

        threading.Thread(target=read, daemon=True).start()
        try:
            line = lines.get(timeout=START_SECONDS)
        except queue.Empty:
            line = ""
        if not line.startswith(READY):
            self.kill()
            raise AssertionError(f"v2 did not start: {self.log.read_text()[-2000:]}")
        self.url = line.removeprefix(READY).strip()
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def stop(self) -> int:
        """SIGTERM, and wait for the orderly end; returns the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, sign: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if hasattr(self, "http"):
            self.http.close()
        process.send_signal(sign)
        code = process.wait(STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()
        return code

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as the service shows it."""
        answer = self.http.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def counted(self, series: str) -> float:
        """The value of a series of /metrics."""
        values = dict(line.rsplit(" ", 1) for line in self.http.get("/metrics").text.splitlines() if line[0] != "#")
        return float(values[series])

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job once it is over, and once the web app was told if it is complete."""
        deadline = time.monotonic() + RUN_SECONDS
        while not _is_over(job := self.job(job_id)):
            assert time.monotonic() < deadline, (job, self.log.read_text()[-2000:])
            time.sleep(POLL_SECONDS)
        return job

    def imported(self, user: str, content: bytes, name: str = "raw-1.json") -> dict[str, Any]:
        """Upload, import, wait: the ended job."""
        path = f"user-imports/{user}/{name}"
        self.sandbox.upload(path, content)
        answer = self.http.post("/process-full", json={"user_id": user, "storage_path": path})
        assert answer.status_code == 200, answer.text
        return self.ended(answer.json()["job_id"])

    def profile(self, user: str) -> dict[str, Any]:
        """The user's profile row."""
        [row] = self.sandbox.rows("user_profiles", {"user_id": f"eq.{user}"})
        return row


def answered(sandbox: RunningSandbox) -> int:
    """Questions that the language model answered: a service that starts asks for free whether the model is there."""
    return sum(use["requests"] for name, use in sandbox.model_use().items() if "claude" in name)


def _is_over(job: dict[str, Any]) -> bool:
    told = job["callback_outcome"] not in (None, "sending")
    return told if job["status"] in ("complete", "degraded") else job["status"] in ENDED
