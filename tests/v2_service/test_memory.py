"""Free memory, read from files that the kernel would write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from v2_service.memory import free_memory

PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1024 * 1024


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 2048000 kB\nMemAvailable: 1024000 kB\n")
    (tmp_path / "self" / "statm").write_text(f"9999 {100 * MIB // PAGE} 5 1 0 9 0\n")
    return tmp_path


def test_a_given_limit_counts_less_what_this_process_has(proc: Path) -> None:
    assert free_memory(300 * MIB, proc, proc / "none") == 200 * MIB
    assert free_memory(64 * MIB, proc, proc / "none") == 0


def test_the_containers_limit_holds_when_none_is_given(proc: Path) -> None:
    limit = proc / "memory.max"
    limit.write_text(f"{512 * MIB}\n")
    assert free_memory(None, proc, limit) == 412 * MIB
    limit.write_text("max\n")
    assert free_memory(None, proc, limit) == 1024000 * 1024


def test_it_is_never_more_than_the_machine_has(proc: Path) -> None:
    assert free_memory(64_000 * MIB, proc, proc / "none") == 1024000 * 1024


def test_a_machine_that_tells_nothing_bounds_nothing(tmp_path: Path) -> None:
    assert free_memory(None, tmp_path, tmp_path / "none") is None


def test_the_processes_that_read_exports_count_too(proc: Path) -> None:
    for thread, children in (("7", "21 22 "), ("8", "")):
        (proc / "self" / "task" / thread).mkdir(parents=True)
        (proc / "self" / "task" / thread / "children").write_text(children)
    (proc / "21").mkdir()
    (proc / "21" / "statm").write_text(f"9999 {30 * MIB // PAGE} 5 1 0 9 0\n")
    # 22 has ended meanwhile.
    assert free_memory(300 * MIB, proc, proc / "none") == 170 * MIB
