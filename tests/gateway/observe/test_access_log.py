"""The access log: valid JSON, nothing secret, nobody delayed, and no line lost that a reader takes."""

import fcntl
import json
import os
import resource
import threading
from collections.abc import Iterator

import pytest

from gateway.observe.access_log import AT_ONCE, MAX_PENDING, AccessLog, line_format

LINE = line_format(b"GET", "query", "legacy", "route", 200) % (b"1.0", b"id", 1234.1, 1, 2)
SMALLEST_PIPE = 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Reading and writing end of a pipe with little room; the writing end does not block."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue  # closed by the test


def last_lines(log: AccessLog, reading: int) -> bytes:
    """What a slow reader gets of 200 lines while the log is closed; they are more than the pipe takes."""
    log.add(LINE * 200, 200)
    closing = threading.Thread(target=log.close)
    closing.start()
    found = b""
    while len(found) < len(LINE) * 200:
        found += os.read(reading, 1000)
    closing.join()
    return found


def test_a_line_is_json() -> None:
    assert json.loads(LINE) == {
        "time": 1.0, "id": "id", "method": "GET", "route": "query", "backend": "legacy", "reason": "route",
        "status": 200, "us": 1234, "in": 1, "out": 2,
    }  # fmt: skip


def test_lines_reach_the_reader_in_order_however_often_it_has_no_room(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log, found = AccessLog(writing), b""
    for number in range(0, 4000, 2):
        log.add(b"%d\n%d\n" % (number, number + 1), 2)
        if number % 500 == 0:
            log.flush()
            found += os.read(reading, 1000)
    while found.count(b"\n") < 4000:
        log.flush()
        found += os.read(reading, SMALLEST_PIPE)
    assert [int(line) for line in found.splitlines()] == list(range(4000))
    assert log.dropped == 0


def test_many_lines_do_not_wait_for_the_next_flush(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = AccessLog(writing)
    log.add(b"a\n" * (AT_ONCE - 1), AT_ONCE - 1)
    log.add(b"b\n", 1)
    assert os.read(reading, SMALLEST_PIPE) == b"a\n" * (AT_ONCE - 1) + b"b\n"


def test_a_reader_that_does_not_read_costs_lines_not_time(pipe: tuple[int, int]) -> None:
    log = AccessLog(pipe[1])
    line, count = b"x" * 99 + b"\n", 0
    while not log.dropped:
        log.add(line * 50, 50)
        count += 50
        log.flush()
        assert count <= 2 * MAX_PENDING + SMALLEST_PIPE
    assert count >= MAX_PENDING


def test_the_last_lines_wait_for_a_reader_that_is_late(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    assert last_lines(AccessLog(writing), reading) == LINE * 200


def test_a_worker_with_very_many_descriptors_writes_its_last_lines_too(pipe: tuple[int, int]) -> None:
    """select(2) knows no descriptor from 1024 on."""
    reading, writing = pipe
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    far = fcntl.fcntl(writing, fcntl.F_DUPFD, 1100)
    found = last_lines(AccessLog(far), reading)
    os.close(far)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == LINE * 200


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = AccessLog(writing)
    os.close(reading)
    log.add(LINE, 1)
    log.flush()
    log.close()


def test_a_log_can_be_switched_while_it_runs(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = AccessLog(writing, enabled=False)
    assert not log.enabled
    log.switch(on=True)
    assert log.enabled
    log.add(b"one\n", 1)
    log.switch(on=False)
    assert not log.enabled
    log.close()
    assert os.read(reading, 100) == b"one\n"


def test_without_a_descriptor_there_is_no_log() -> None:
    log = AccessLog(None)
    log.switch(on=True)
    assert not log.enabled
    log.flush()
    log.close()
