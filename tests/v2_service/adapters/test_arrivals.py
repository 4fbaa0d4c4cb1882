"""Answers on disk until the database has them: whole or not at all, whatever a kill tears off."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2_service.adapters.arrivals import Arrivals

RECORDS = st.dictionaries(st.text(max_size=8), st.binary(max_size=40), max_size=6)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "arrivals" / "run.answers"


@given(RECORDS, st.integers(0, 400), RECORDS)
def test_records_that_a_kill_did_not_tear_come_back_and_others_can_follow(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, bytes], left: int, after: dict[str, bytes]
) -> None:
    path = tmp_path_factory.mktemp("state") / "run.answers"
    arrivals = Arrivals(path)
    for name, content in before.items():
        arrivals.add(name, content)
    if path.exists():
        path.write_bytes(path.read_bytes()[:left])
    found = arrivals.found()
    assert list(found.items()) == list(before.items())[: len(found)]
    assert arrivals.found() == found
    for name, content in after.items():
        arrivals.add(name, content)
    assert arrivals.found() == {**found, **after}


def test_every_whole_record_is_found_up_to_the_byte(path: Path) -> None:
    arrivals = Arrivals(path)
    arrivals.add("first", b"1" * 10)
    whole = path.stat().st_size
    arrivals.add("second", b"2" * 10)
    held = path.read_bytes()
    for size in range(whole, len(held)):
        path.write_bytes(held[:size])
        assert arrivals.found() == {"first": b"1" * 10}
        assert path.stat().st_size == whole


@pytest.mark.parametrize(
    "left",
    [b"\0" * 64, b"\xff" * 64, b"\0\0\0\1" * 16, b"no record at all" * 4],
    ids=["zeros", "ones", "small lengths", "words"],
)
def test_what_a_dead_machine_leaves_in_place_of_a_record_is_cut_away(path: Path, left: bytes) -> None:
    arrivals = Arrivals(path)
    arrivals.add("first", b"1" * 10)
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes() + left)
    assert arrivals.found() == {"first": b"1" * 10}
    assert path.stat().st_size == whole


def test_a_record_with_a_single_changed_byte_is_none(path: Path) -> None:
    arrivals = Arrivals(path)
    arrivals.add("name", b"content")
    held = path.read_bytes()
    for place in range(len(held)):
        path.write_bytes(held[:place] + bytes([held[place] ^ 1]) + held[place + 1 :])
        assert arrivals.found() == {}


def test_a_file_that_another_worker_clears_at_this_moment_fails_nobody(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals = Arrivals(path)
    arrivals.add("name", b"content")
    path.write_bytes(path.read_bytes() + b"torn")
    read = Path.read_bytes

    def cleared(self: Path) -> bytes:
        held = read(self)
        self.unlink()
        return held

    monkeypatch.setattr(Path, "read_bytes", cleared)
    assert arrivals.found() == {"name": b"content"}


def test_nothing_is_written_after_the_end(path: Path) -> None:
    arrivals = Arrivals(path)
    arrivals.add("name", b"content")
    arrivals.close()
    arrivals.add("late", b"content")
    assert list(arrivals.found()) == ["name"]
    arrivals.clear()
    arrivals.add("later", b"content")
    assert list(path.parent.iterdir()) == []


def test_threads_may_add_at_once(path: Path) -> None:
    arrivals = Arrivals(path)
    threads = [
        threading.Thread(target=lambda one=one: [arrivals.add(f"{one}.{n}", b"x" * 8192) for n in range(20)])
        for one in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert arrivals.found() == {f"{one}.{n}": b"x" * 8192 for one in range(8) for n in range(20)}


def test_only_the_owner_can_read_them(path: Path) -> None:
    Arrivals(path).add("name", b"content")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_clearing_leaves_no_file_and_may_be_repeated(path: Path) -> None:
    arrivals = Arrivals(path)
    arrivals.add("name", b"content")
    arrivals.clear()
    arrivals.clear()
    assert arrivals.found() == {}
    assert list(path.parent.iterdir()) == []


def test_a_disk_that_takes_nothing_is_told_of_without_the_content_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "arrivals").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        arrivals = Arrivals(tmp_path / "arrivals" / "run.answers")
        arrivals.add("name", b"a person's words")
        arrivals.add("other", b"a person's words")
    assert arrivals.found() == {}
    assert [record.getMessage() for record in caplog.records] == ["answers not kept on disk"]
    assert "words" not in caplog.text


def test_a_disk_that_takes_a_part_of_a_record_leaves_nothing_torn(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arrivals = Arrivals(path)
    arrivals.add("first", b"1")
    monkeypatch.setattr(arrivals, "_append", lambda record: len(record) - 1)
    arrivals.add("second", b"2")
    assert arrivals.found() == {}
    assert caplog.messages == ["answers not kept on disk"]
