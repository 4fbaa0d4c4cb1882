"""Free memory as the kernel tells it, in bytes; None where it does not. Counterpart: `pace.MemoryRule`."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

PROC = Path("/proc")
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
KIB = 1024


def free_memory(limit: int | None, proc: Path = PROC, container: Path = CONTAINER_LIMIT) -> int | None:
    """What this process and those it started may still take: of `limit`, else of the container's limit.

    `limit` is in bytes; it is never more than the machine has.
    """
    available = _available(proc)
    own = limit if limit is not None else _container_limit(container)
    used = _used(proc)
    if own is None or used is None:
        return available
    left = max(0, own - used)
    return left if available is None else min(left, available)


def _available(proc: Path) -> int | None:
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * KIB for line in lines if line.startswith("MemAvailable:")), None)


def _used(proc: Path) -> int | None:
    """Resident bytes of this process and of those that it started."""
    own = _resident(proc / "self")
    return None if own is None else own + sum(_resident(proc / child) or 0 for child in _children(proc))


def _resident(process: Path) -> int | None:
    try:
        return int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _children(proc: Path) -> set[str]:
    """Processes that this one's threads have started; none where the kernel does not list them."""
    found: set[str] = set()
    for listed in proc.glob("self/task/*/children"):
        with contextlib.suppress(OSError):
            found.update(listed.read_text().split())
    return found


def _container_limit(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
