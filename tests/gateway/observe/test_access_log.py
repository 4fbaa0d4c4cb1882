"""The access log: valid JSON, nothing secret, nobody delayed."""

import json
import os
from pathlib import Path

from gateway.observe.access_log import MAX_PENDING, AccessLog, line_format

LINE = line_format(b"GET", "query", "legacy", "route", 200) % (b"1.0", b"id", 1234.1, 1, 2)


def test_a_line_is_json() -> None:
    assert json.loads(LINE) == {
        "time": 1.0, "id": "id", "method": "GET", "route": "query", "backend": "legacy", "reason": "route",
        "status": 200, "us": 1234, "in": 1, "out": 2,
    }  # fmt: skip


def test_lines_reach_the_descriptor_in_order() -> None:
    reader, writer = os.pipe()
    log = AccessLog(writer)
    log.start()
    for number in range(100):
        log.add(b"%d\n" % number)
        log.flush()
    log.close()
    os.close(writer)
    with os.fdopen(reader) as lines:
        assert [int(line) for line in lines] == list(range(100))


def test_a_reader_that_does_not_read_costs_lines_not_time() -> None:
    log = AccessLog(None)
    log.enabled = True
    for _ in range(MAX_PENDING + 5):
        log.add(b"x\n")
    assert log.dropped == 5


def test_a_log_can_be_switched_while_it_runs(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        log = AccessLog(file.fileno(), enabled=False)
        log.start()
        assert not log.enabled
        log.switch(on=True)
        log.add(b"one\n")
        log.switch(on=False)
        assert not log.enabled
        log.close()
    assert (tmp_path / "log").read_text() == "one\n"
