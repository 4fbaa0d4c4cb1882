"""Looks at a running service from outside while it works: its memory from /proc, and how fast /health answers."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from bench.procfs import forget_peak, peak_kib, resident_kib, run_time, thread_times

EVERY_SECONDS = 0.05
TIMEOUT_SECONDS = 30.0


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0 to 1) of all do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass(slots=True)
class Seen:
    """Memory in MiB, latencies of /health in milliseconds, processor seconds of the service."""

    before_mib: float = 0.0
    peak_mib: float = 0.0
    after_mib: float = 0.0
    cpu_seconds: float = 0.0
    health_ms: list[float] = field(default_factory=list)
    health_failures: int = 0

    def summary(self) -> dict[str, object]:
        """What a table shows of it."""
        return {
            "before_mib": round(self.before_mib, 1),
            "peak_mib": round(self.peak_mib, 1),
            "after_mib": round(self.after_mib, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
            "health_p50_ms": round(percentile(self.health_ms, 0.5), 1),
            "health_p99_ms": round(percentile(self.health_ms, 0.99), 1),
            "health_max_ms": round(max(self.health_ms, default=0.0), 1),
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
        self.seen.before_mib = sum(resident_kib(self._pid).values()) / 1024
        forget_peak(self._pid)
        self._times = thread_times(self._pid)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.seen.peak_mib = sum(peak_kib(self._pid).values()) / 1024
        self.seen.after_mib = sum(resident_kib(self._pid).values()) / 1024
        self.seen.cpu_seconds = run_time(self._times, thread_times(self._pid)) / 1e9

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while not self._over.wait(EVERY_SECONDS):
                began = time.perf_counter()
                try:
                    good = client.get("/health").status_code == 200
                except httpx.HTTPError:
                    good = False
                self.seen.health_ms.append(1000 * (time.perf_counter() - began))
                self.seen.health_failures += not good
