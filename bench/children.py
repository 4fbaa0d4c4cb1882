"""Processes of the harness: started on free loopback ports, waited for, and never left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import PeerFailed
from bench.places import REPOSITORY

START = 30.0
"""Seconds that a process may take until it listens."""
STOP = 5.0
"""Seconds that a process has to end by itself."""
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody uses now; all of them are held until the last one is known."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _end_with_parent() -> None:
    """In the child, before it becomes the program: be told to stop if the harness is killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The process while it listens on `port`; output goes to `log`. It and its children end with the block.

    Raises PeerFailed with the end of the log if it does not listen within 30 s.
    """
    own = {key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=own | dict(environment or {}),
            cwd=REPOSITORY,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 -- the harness has no threads
        )
    try:
        _wait_for_port(process, port, log)
        yield process
    finally:
        stop(process)


def _wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    tail = log.read_text(errors="replace").strip()[-400:]
    raise PeerFailed(f"did not start: {tail or 'no output'}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and its group: politely, then not."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
