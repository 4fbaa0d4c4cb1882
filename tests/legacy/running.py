"""`uvicorn legacy.main:app` as a process of its own, as it is deployed. Counterpart: an emulator's base URL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
FINISHING = 90.0


def environment(backend: str, **extra: str) -> dict[str, str]:
    """Only what the contract names, so that no variable of the machine is tested by accident."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "NO_PROXY": "*",
        "SUPABASE_URL": backend,
        "SUPABASE_SERVICE_KEY": "service-key-of-a-test",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": backend,
        "VERCEL_API_URL": backend,
        "LEGACY_TIME_SCALE": "0.001",
        **extra,
    }


@contextmanager
def started(variables: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The process, in an empty directory; killed on leaving if it still runs."""
    command = [sys.executable, "-m", "uvicorn", "legacy.main:app", "--host", "127.0.0.1", "--port", "0"]
    with tempfile.TemporaryDirectory() as directory:
        with subprocess.Popen(
            command, env=dict(variables), cwd=directory, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()


@contextmanager
def listening(variables: Mapping[str, str], *, finish: bool = False) -> Iterator[str]:
    """The base URL of a process that has finished its start-up.

    On leaving it is killed, or with `finish` asked to end: it then does its background work to the end first.
    """
    with started(variables) as process:
        assert process.stderr is not None
        alarm = threading.Timer(PATIENCE, process.kill)
        alarm.start()
        lines = []
        for line in process.stderr:
            lines.append(line)
            found = re.search(r"running on (http://[\d.]+:\d+)", line)
            if found:
                break
        else:
            raise RuntimeError("the monolith did not start:\n" + "".join(lines))
        alarm.cancel()
        drain = threading.Thread(target=process.stderr.read, daemon=True)  # a full pipe would stop the process
        drain.start()
        yield found.group(1)
        if finish:
            process.terminate()
            process.wait(FINISHING)
        process.kill()
        drain.join()


def exit_code(variables: Mapping[str, str]) -> int:
    """How a process that cannot start ends."""
    with started(variables) as process:
        process.communicate(timeout=PATIENCE)
        return process.returncode
