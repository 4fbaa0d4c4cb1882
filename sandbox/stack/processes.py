"""Child processes: started in order, watched until each answers its health path, stopped in reverse order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

START_TIMEOUT_SECONDS = 90.0
STOP_TIMEOUT_SECONDS = 20.0
LOG_TAIL_LINES = 15


class ServiceFailed(RuntimeError):
    """A service stopped or never became healthy; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Service:
    """How one process is started, and the address that answers 200 once it is ready."""

    name: str
    argv: tuple[str, ...]
    health: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Child:
    service: Service
    process: subprocess.Popen[bytes]
    log: Path


class Processes:
    """The running services of one stack. Leaving the context stops them all, whatever happened inside."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._children: list[_Child] = []
        self._logs = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._log_folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, service: Service) -> None:
        """Start without waiting. The child gets its own session, so that Ctrl-C reaches only the stack itself."""
        path = self._log_folder / f"{service.name}.log"
        output: IO[bytes] = self._logs.enter_context(path.open("wb"))
        process = subprocess.Popen(  # noqa: S603 -- our own console scripts, no shell
            service.argv,
            env={**os.environ, **service.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._children.append(_Child(service, process, path))

    def wait_ready(self, timeout: float = START_TIMEOUT_SECONDS) -> None:
        """Block until every started service is healthy; raises `ServiceFailed` naming the first that is not."""
        deadline = time.monotonic() + timeout
        with httpx.Client(timeout=2.0, trust_env=False) as client:
            for child in self._children:
                while not _healthy(client, child.service.health):
                    self.check_alive()
                    if time.monotonic() > deadline:
                        raise ServiceFailed(f"{child.service.name} is not healthy after {timeout:.0f} s{_tail(child)}")
                    time.sleep(0.05)

    def check_alive(self) -> None:
        """Raises `ServiceFailed` when a service has stopped by itself."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise ServiceFailed(f"{child.service.name} stopped with exit code {code}{_tail(child)}")

    def logs(self) -> Iterator[tuple[str, Path]]:
        """Name and log file of each service."""
        for child in self._children:
            yield child.service.name, child.log

    def stop(self) -> None:
        """SIGTERM in reverse order of starting, one after the other (the gateway drains into live backends)."""
        while self._children:
            child = self._children.pop()
            if child.process.poll() is None:
                child.process.terminate()
                try:
                    child.process.wait(STOP_TIMEOUT_SECONDS)
                except subprocess.TimeoutExpired:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(child.process.pid, signal.SIGKILL)
                    child.process.wait()
        self._logs.close()


def _healthy(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(address).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _tail(child: _Child) -> str:
    lines = child.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    shown = "\n  ".join(lines) or "(it printed nothing)"
    return f"; the end of {child.log}:\n  {shown}"
