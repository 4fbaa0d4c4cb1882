"""The service as a process that may be killed and started again on the same state."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import httpx

from sandbox.running import RunningSandbox

START_SECONDS = 300.0
END_SECONDS = 120.0
# Importing the service's modules takes seconds of processor time, hundreds of starts many minutes. This process does it
# once; each start is a fork of it, which is then the service, whole and in a process of its own.
# `{life}` in the model's address becomes the number of the start, so that who listens there can tell the starts apart.
PARENT = """
import os, sys
import anthropic, boto3, dbos
import v2_service.serve
from v2_service.__main__ import app
for life, _ in enumerate(sys.stdin, 1):
    child = os.fork()
    if child == 0:
        os.close(0)
        os.environ["ANTHROPIC_BASE_URL"] = os.environ["ANTHROPIC_BASE_URL"].replace("{life}", str(life))
        app(["serve", "--port", "0"])
    print("started", child, flush=True)
    os.waitpid(child, 0)
    print("ended", child, flush=True)
"""


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
        self._parent: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()
        self.pid = 0

    def start(self) -> None:
        """Start, and wait until it answers."""
        if self._parent is None:
            self._parent = self._open()
        assert self._parent.stdin is not None
        self._parent.stdin.write("start\n")
        self._parent.stdin.flush()
        self.pid = int(self._said("started"))
        url = self._said("v2 ready at")
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def kill(self) -> None:
        """kill -9; `start` begins anew on the same state."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """The orderly end, also of what `start` needs; without a running service only the latter."""
        if self.pid:
            self._end(signal.SIGTERM)
        if self._parent is not None and self._parent.stdin is not None:
            self._parent.stdin.close()
            self._parent.wait(END_SECONDS)
            self._parent = None

    def _end(self, sign: signal.Signals) -> None:
        os.kill(self.pid, sign)
        self._said("ended")
        self.http.close()
        self.pid = 0

    def _open(self) -> subprocess.Popen[str]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", PARENT],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        threading.Thread(target=_read, args=(process.stdout, self._lines), daemon=True).start()
        return process

    def _said(self, word: str) -> str:
        """What follows `word` in the next line that begins with it. Raises RuntimeError if the service ends instead."""
        while True:
            line = self._lines.get(timeout=START_SECONDS)
            if line.startswith(word):
                return line.removeprefix(word).strip()
            if line.startswith("ended") or not line:
                self.pid = 0
                raise RuntimeError(f"v2 has ended: {self.log.read_text()[-2000:]}")


def _read(output: IO[str], lines: queue.Queue[str]) -> None:
    with output:
        for line in output:
            lines.put(line)
    lines.put("")
