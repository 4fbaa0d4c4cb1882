"""The other end of the access log: lines of all workers, each of them whole."""

import os
import threading
from pathlib import Path

import pytest

from gateway.observe import log_relay
from gateway.observe.log_relay import LogRelay


def test_lines_of_several_workers_never_mix_and_none_is_lost(tmp_path: Path) -> None:
    workers, lines = 4, 300
    with (tmp_path / "log").open("wb") as log:
        relay = LogRelay(log.fileno())

        def work(number: int) -> None:
            pipe = relay.open()
            os.set_blocking(pipe, True)  # here nobody waits for an answer
            for line in range(lines):
                text = b"%d %d %b\n" % (number, line, b"x" * 500)
                os.write(pipe, text[:200])
                os.write(pipe, text[200:])
            os.close(pipe)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        relay.close()
    found = [line.split() for line in (tmp_path / "log").read_bytes().splitlines()]
    assert {len(line) for line in found} == {3}
    for number in range(workers):
        mine = [line for line in found if int(line[0]) == number]
        assert [int(line[1]) for line in mine] == list(range(lines))
        assert {line[2] for line in mine} == {b"x" * 500}


def test_a_line_that_a_killed_worker_did_not_finish_is_left_out(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        relay = LogRelay(log.fileno())
        pipe = relay.open()
        os.write(pipe, b'{"whole":1}\n{"cut":')
        os.close(pipe)
        relay.close()
    assert (tmp_path / "log").read_bytes() == b'{"whole":1}\n'


def test_a_log_that_nobody_reads_keeps_no_worker_waiting() -> None:
    reading, writing = os.pipe()
    relay = LogRelay(writing)
    pipe = relay.open()
    assert not os.get_blocking(pipe)
    taken = 0
    try:
        while taken < 100_000_000:
            taken += os.write(pipe, b"x" * 999 + b"\n")
    except BlockingIOError:
        pass  # this is what a worker is told, at once
    assert taken < 100_000_000
    os.close(pipe)
    os.close(reading)
    relay.close()
    os.close(writing)


def test_a_log_that_nobody_reads_keeps_the_end_waiting_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for each of its threads, all of which wait for the one that writes."""
    moments: list[float] = []
    join = threading.Thread.join

    def joined(thread: threading.Thread, timeout: float | None = None) -> None:
        moments.append(-1.0 if timeout is None else timeout)
        join(thread, timeout)

    reading, writing = os.pipe()
    relay = LogRelay(writing)
    pipes = [relay.open() for _ in range(5)]
    for pipe in pipes:
        for _ in range(3):
            os.write(pipe, b"x" * 65_535 + b"\n")
    monkeypatch.setattr(log_relay, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(threading.Thread, "join", joined)
    relay.close()
    assert [moment for moment in moments if not 0 <= moment <= 0.05] == []
    assert moments[1:] == [0.0] * 4
    monkeypatch.undo()
    for pipe in pipes:
        os.close(pipe)
    os.close(reading)
    relay.close()
    os.close(writing)


def test_lines_stay_whole_where_standard_error_does_not_block() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    relay = LogRelay(writing)
    pipe = relay.open()
    os.set_blocking(pipe, True)
    lines = [b"%d %b\n" % (number, b"x" * 500) for number in range(1000)]

    def work() -> None:
        for line in lines:
            os.write(pipe, line)
        os.close(pipe)

    working = threading.Thread(target=work)
    working.start()
    found = b""
    while found.count(b"\n") < len(lines):
        found += os.read(reading, 1500)
    working.join()
    relay.close()
    assert found == b"".join(lines)
    for end in (reading, writing):
        os.close(end)


def test_the_supervisors_own_words_never_wait_and_end_with_the_relay(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        relay = LogRelay(log.fileno())
        words = relay.stream()
        print("worker 0 ended", "café \udc80", file=words)
        relay.close()
        assert words.write("too late\n") == 9
        assert words.closed
    assert (tmp_path / "log").read_text() == "worker 0 ended café \\udc80\n"


def test_a_line_of_any_length_arrives_and_so_does_what_comes_behind_it(tmp_path: Path) -> None:
    lines = [b"x" * length + b"\n" for length in (10, 65_534, 65_535, 65_536, 300_000, 3)]
    with (tmp_path / "log").open("wb") as log:
        relay = LogRelay(log.fileno())
        pipe = relay.open()
        os.set_blocking(pipe, True)
        for line in lines:
            os.write(pipe, line)
        os.close(pipe)
        relay.close()
    assert (tmp_path / "log").read_bytes() == b"".join(lines)


def test_threads_end_with_their_workers(tmp_path: Path) -> None:
    before = threading.active_count()
    with (tmp_path / "log").open("wb") as log:
        relay = LogRelay(log.fileno())
        for _ in range(20):
            os.close(relay.open())
        relay.close()
    assert threading.active_count() == before
