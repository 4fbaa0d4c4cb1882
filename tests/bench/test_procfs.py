"""What Linux says about processes, parsed; and read back from a process that this test starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench import procfs

STATUS = "Name:\tnginx\nVmHWM:\t   14708 kB\nVmRSS:\t   11264 kB\nThreads:\t1\n"


@pytest.mark.parametrize("command", ["(nginx)", "(a b)", "(x) y)", "(:-) R 1)"])
def test_the_parent_is_found_behind_any_command_name(command: str) -> None:
    assert procfs.parse_parent(f"77 {command} S 42 77 77 0 -1 4194560 1 2") == 42


def test_run_time_is_the_first_number_of_schedstat() -> None:
    assert procfs.parse_run_time("123456789 4000 17\n") == 123_456_789


@pytest.mark.parametrize("command", ["(v2)", "(x) y)"])
def test_time_of_ended_children_is_their_user_and_system_time(command: str) -> None:
    assert procfs.parse_waited_ticks(f"77 {command} S 42 77 77 0 -1 4194560 10 20 30 40 1 2 300 40 20 0 1") == 340


def test_a_child_that_has_ended_counts_by_the_time_that_it_ran() -> None:
    before = procfs.waited_time(os.getpid())
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.05: pass"], check=True)
    assert procfs.waited_time(os.getpid()) - before >= 30_000_000


def test_kib_fields_are_found_by_their_whole_name() -> None:
    assert procfs.parse_kib(STATUS, "VmRSS") == 11_264
    assert procfs.parse_kib(STATUS, "Vm") == 0


def test_descendants_are_children_of_children_too() -> None:
    parents = {2: 1, 3: 2, 4: 3, 5: 1, 9: 8}
    assert procfs.descendants(parents, 2) == {2, 3, 4}
    assert procfs.descendants(parents, 7) == {7}


def test_a_thread_that_began_in_between_counts_in_full() -> None:
    assert procfs.run_time({(1, 1): 100}, {(1, 1): 150, (1, 2): 30}) == 80


def test_a_thread_that_ended_does_not_count_backwards() -> None:
    assert procfs.run_time({(1, 1): 100, (1, 2): 500}, {(1, 1): 150}) == 50


def test_a_child_of_this_process_is_in_its_tree_with_time_and_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in procfs.process_tree(os.getpid())
        assert procfs.resident_kib(child.pid)[child.pid] > 0
        assert procfs.thread_times(child.pid).keys() == {(child.pid, child.pid)}
        assert procfs.proportional_kib(child.pid) > 0
        child.communicate(b"\n")
    assert child.pid not in procfs.process_tree(os.getpid())


def test_the_peak_can_be_forgotten() -> None:
    code = "a = bytearray(50_000_000); del a; print('ready', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        before = procfs.peak_kib(child.pid)[child.pid]
        procfs.forget_peak(child.pid)
        assert procfs.peak_kib(child.pid)[child.pid] < before - 40_000
        child.communicate(b"\n")
