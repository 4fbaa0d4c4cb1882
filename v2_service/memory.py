"""Free memory as the kernel tells it, in bytes; None where it does not. Counterpart: `pace.MemoryRule`."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
KIB = 1024


def free_memory(limit: int | None, proc: Path = PROC, container: Path = CONTAINER_LIMIT) -> int | None:
    """What this process may still take: of `limit`, else of the container's limit, and never more than the machine has.

    `limit` is in bytes.
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
    """Resident bytes of this process."""
    try:
        return int((proc / "self" / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _container_limit(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
