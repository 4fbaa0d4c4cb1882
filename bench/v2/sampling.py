"""Looks at a running service from outside while it works: its memory from /proc, and how fast /health answers.

On a busy machine every process waits for a processor. So a process that does nothing else is asked in turn with the
service: what it needs is the machine's, and what the service needs beyond it is the service's.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from bench.procfs import forget_peak, peak_kib, resident_kib, run_time, thread_times, waited_time

EVERY_SECONDS = 0.05
# The processes that read exports for the service come and go: they are weighed at every so many looks.
WEIGHED_EVERY = 5
IDLE_SERVER = """
import asyncio
async def answer(reader, writer):
    while await reader.readuntil(b"\\r\\n\\r\\n"):
        writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok")
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
TIMEOUT_SECONDS = 30.0


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0 to 1) of all do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass(slots=True)
class Seen:
    """Memory in MiB, latencies of /health in milliseconds, processor seconds of the service.

    `peak_mib` is the service's own highest, and the highest of its readers together: an upper bound of both at once.
    """

    before_mib: float = 0.0
    peak_mib: float = 0.0
    readers_mib: float = 0.0
    after_mib: float = 0.0
    cpu_seconds: float = 0.0
    health_ms: list[float] = field(default_factory=list)
    health_failures: int = 0
    idle_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        """What a table shows of it."""
        return {
            "before_mib": round(self.before_mib, 1),
            "peak_mib": round(self.peak_mib, 1),
            "readers_mib": round(self.readers_mib, 1),
            "after_mib": round(self.after_mib, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
            "health_p50_ms": round(percentile(self.health_ms, 0.5), 1),
            "health_p99_ms": round(percentile(self.health_ms, 0.99), 1),
            "health_max_ms": round(max(self.health_ms, default=0.0), 1),
            "idle_p99_ms": round(percentile(self.idle_ms, 0.99), 1),
            "idle_max_ms": round(max(self.idle_ms, default=0.0), 1),
            "health_asked": len(self.health_ms),
            "health_failures": self.health_failures,
        }


class Sampler:
    """`with Sampler(pid, url) as sampler:` looks until the block ends; `sampler.seen` holds what it saw."""

    def __init__(self, pid: int, url: str) -> None:
        self._pid = pid
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.seen = Seen()

    def __enter__(self) -> Self:
        self.seen.before_mib = self._weigh()
        forget_peak(self._pid)
        self._times, self._waited = thread_times(self._pid), waited_time(self._pid)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.seen.after_mib = self._weigh()
        self.seen.peak_mib = peak_kib(self._pid)[self._pid] / 1024 + self.seen.readers_mib
        ended = waited_time(self._pid) - self._waited
        self.seen.cpu_seconds = (run_time(self._times, thread_times(self._pid)) + ended) / 1e9

    def _ask(self) -> None:
        with idle_server() as idle, _client(self._url) as service, _client(idle) as other:
            while not self._over.wait(EVERY_SECONDS):
                good, needed = _timed(service)
                self.seen.health_ms.append(needed)
                self.seen.health_failures += not good
                self.seen.idle_ms.append(_timed(other)[1])
                if len(self.seen.idle_ms) % WEIGHED_EVERY == 0:
                    self._weigh()

    def _weigh(self) -> float:
        """What service and readers hold now, in MiB; the readers' highest is kept."""
        resident = resident_kib(self._pid)
        readers = sum(kib for process, kib in resident.items() if process != self._pid)
        self.seen.readers_mib = max(self.seen.readers_mib, readers / 1024)
        return sum(resident.values()) / 1024


@contextmanager
def idle_server() -> Iterator[str]:
    """The address of a process that only answers."""
    command = [sys.executable, "-c", IDLE_SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False)


def _timed(client: httpx.Client) -> tuple[bool, float]:
    """Whether /health answers 200, and the milliseconds it took."""
    began = time.perf_counter()
    try:
        good = client.get("/health").status_code == 200
    except httpx.HTTPError:
        good = False
    return good, 1000 * (time.perf_counter() - began)
