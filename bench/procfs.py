"""Processor time and memory of a process and all its descendants, from Linux's /proc. Parsers first, readers below."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def parse_parent(stat: str) -> int:
    """The parent's id out of /proc/PID/stat. The command (in brackets) may itself hold spaces and brackets."""
    return int(stat.rpartition(")")[2].split()[1])


def parse_run_time(schedstat: str) -> int:
    """Nanoseconds a thread has run (user and system), out of /proc/PID/task/TID/schedstat."""
    return int(schedstat.split(maxsplit=1)[0])


def parse_waited_ticks(stat: str) -> int:
    """Clock ticks (user and system) of ended and waited-for children, out of /proc/PID/stat."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[13]) + int(fields[14])


def parse_kib(page: str, name: str) -> int:
    """A `Name:   123 kB` line of /proc/PID/status or smaps_rollup, in KiB; 0 if it is not there (kernel threads)."""
    for line in page.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def descendants(parents: Mapping[int, int], root: int) -> set[int]:
    """`root` and all processes below it; `parents` maps a process to its parent."""
    found = {root}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def run_time(before: Mapping[tuple[int, int], int], after: Mapping[tuple[int, int], int]) -> int:
    """Nanoseconds run between two readings; threads that began in between count in full."""
    return sum(value - before.get(thread, 0) for thread, value in after.items())


def process_tree(root: int) -> set[int]:
    """The living processes at and below `root`."""
    parents: dict[int, int] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):
                parents[int(entry.name)] = parse_parent((entry / "stat").read_text())
    return descendants(parents, root)


def thread_times(root: int) -> dict[tuple[int, int], int]:
    """Nanoseconds run by each (process, thread) of the tree.

    The scheduler's own sum of user and system time: /proc/PID/stat holds the same in steps of 10 ms, which is too
    coarse for a proxy that needs 30 ms in a round.
    """
    found: dict[tuple[int, int], int] = {}
    for process in process_tree(root):
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in (PROC / str(process) / "task").iterdir():
                with suppress(FileNotFoundError, ProcessLookupError):
                    found[process, int(task.name)] = parse_run_time((task / "schedstat").read_text())
    return found


def waited_time(pid: int) -> int:
    """Nanoseconds run by children of a process that have ended, in steps of a clock tick."""
    return parse_waited_ticks((PROC / str(pid) / "stat").read_text()) * 10**9 // os.sysconf("SC_CLK_TCK")


def resident_kib(root: int) -> dict[int, int]:
    """Resident memory of each process of the tree, KiB."""
    return _status(root, "VmRSS")


def peak_kib(root: int) -> dict[int, int]:
    """Highest resident memory of each process of the tree since it began, or since `forget_peak`, KiB."""
    return _status(root, "VmHWM")


def forget_peak(root: int) -> None:
    """Make the present resident memory the highest one (proc(5), clear_refs)."""
    for process in process_tree(root):
        with suppress(FileNotFoundError, ProcessLookupError):
            (PROC / str(process) / "clear_refs").write_text("5")


def proportional_kib(root: int) -> int:
    """Memory of the tree with shared pages counted once (PSS), KiB."""
    total = 0
    for process in process_tree(root):
        with suppress(FileNotFoundError, ProcessLookupError):
            total += parse_kib((PROC / str(process) / "smaps_rollup").read_text(), "Pss")
    return total


def _status(root: int, name: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for process in process_tree(root):
        with suppress(FileNotFoundError, ProcessLookupError):
            found[process] = parse_kib((PROC / str(process) / "status").read_text(), name)
    return found
