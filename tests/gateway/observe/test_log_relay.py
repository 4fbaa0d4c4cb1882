"""The other end of the access log: lines of all workers, each of them whole."""

import os
import threading
from pathlib import Path

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


def test_threads_end_with_their_workers(tmp_path: Path) -> None:
    before = threading.active_count()
    with (tmp_path / "log").open("wb") as log:
        relay = LogRelay(log.fileno())
        for _ in range(20):
            os.close(relay.open())
        relay.close()
    assert threading.active_count() == before
