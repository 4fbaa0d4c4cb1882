"""Closed-loop load by wrk: one thread, a fixed number of connections, as fast as answers come."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.errors import Unmeasured

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}


@dataclass(frozen=True, slots=True)
class WrkReport:
    """What wrk printed: requests answered, seconds taken, latency percentiles in microseconds."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float


def parse_report(text: str) -> WrkReport:
    """wrk's output with `--latency`. Raises Unmeasured if requests failed, or if it is no such output."""
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if bad:
        raise Unmeasured(f"{bad[1]} answers were not 2xx")
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    if errors and any(map(int, errors.groups())):
        raise Unmeasured(f"socket errors: connect, read, write, timeout = {', '.join(errors.groups())}")
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)\b", text)
    p50 = re.search(r"50%\s+([\d.]+)(us|ms|s|m)\b", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    if not (total and p50 and p99) or int(total[1]) == 0:
        raise Unmeasured("wrk counted no answers")
    return WrkReport(
        int(total[1]),
        _microseconds(total[2], total[3]) / 1e6,
        _microseconds(*p50.groups()),
        _microseconds(*p99.groups()),
    )


def _microseconds(number: str, unit: str) -> float:
    return float(number) * UNITS[unit]


def run(url: str, script: Path, connections: int, seconds: float) -> WrkReport:
    """Load `url` for (at least one) whole seconds. Raises Unmeasured."""
    duration = max(1, round(seconds))
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{duration}s"]
    command += ["--timeout", "10s", "--latency", "--script", str(script), url]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=duration + 30, check=False)
    except subprocess.TimeoutExpired:
        raise Unmeasured("wrk did not end") from None
    if done.returncode:
        raise Unmeasured(f"wrk: {done.stderr.strip()[-200:]}")
    return parse_report(done.stdout)
