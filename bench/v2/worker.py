"""The service as a process that may be killed and started again on the same state."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import httpx

from sandbox.running import RunningSandbox

READY = "v2 ready at "
START_SECONDS = 90.0


class Worker:
    """`v2 serve` over a sandbox."""

    def __init__(self, sandbox: RunningSandbox, state: Path, concurrency: int, **given: str) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.log = state / "v2.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            **sandbox.env,
            "V2_STATE_DIR": str(state),
            "V2_FULL_PASS_MIN_CONVERSATIONS": "1",
            "V2_STEP_RETRY_SECONDS": "0.1",
            "V2_RUNNING_IMPORTS": "4",
            "FACT_EXTRACTION_CONCURRENCY": str(concurrency),
            "V2_MEMORY_HEADROOM_MB": "0",
            **given,
        }
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "v2_service", "serve", "--port", "0"],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        lines: queue.Queue[str] = queue.Queue()
        assert self._process.stdout is not None
        threading.Thread(target=_read, args=(self._process.stdout, lines), daemon=True).start()
        line = lines.get(timeout=START_SECONDS)
        if not line.startswith(READY):
            raise RuntimeError(f"v2 did not start: {self.log.read_text()[-2000:]}")
        self.http = httpx.Client(base_url=line.removeprefix(READY).strip(), timeout=60, trust_env=False)

    @property
    def pid(self) -> int:
        """The service's process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9."""
        self._end(9)

    def stop(self) -> None:
        """SIGTERM."""
        self._end(15)

    def _end(self, sign: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(sign)
        process.wait()
        self.http.close()


def _read(output: IO[str], lines: queue.Queue[str]) -> None:
    with output:
        for line in output:
            lines.put(line)
    lines.put("")
