"""The journal keeps who, when, what and why, one bounded line each, and can be read whatever happened to it."""

import json
import multiprocessing
from pathlib import Path

import pytest

from flags import journal as journal_module
from flags.errors import StoreFailedError
from flags.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "features.json")


def test_an_entry_is_one_line_of_json(journal: Journal) -> None:
    journal.record("set", who="ann", why="first\nstep", flag="f", before=0, after=10, generation=2)
    (line,) = journal.path.read_text().splitlines()
    content = json.loads(line)
    assert content.pop("when").endswith("+00:00")
    assert content == {
        "who": "ann",
        "action": "set",
        "flag": "f",
        "from": 0,
        "to": 10,
        "why": "first\nstep",
        "generation": 2,
    }


def test_the_tail_is_the_last_entries_oldest_first(journal: Journal) -> None:
    assert journal.tail() == []
    for number in range(5):
        journal.record("kill", who=f"user {number}", why="")
    assert [entry.who for entry in journal.tail(2)] == ["user 3", "user 4"]
    assert journal.tail(0) == []
    assert len(journal.tail(100)) == 5


def test_lines_are_bounded(journal: Journal) -> None:
    journal.record("kill", who="🚀" * 10_000, why="🚀" * 10_000, flag="f")
    assert len(journal.path.read_bytes()) < 16_384
    assert len(journal.tail()[0].why) == 500


@pytest.mark.parametrize("line", [b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"when": 1, "who": 2}'])
def test_lines_that_are_not_entries_are_left_out(journal: Journal, line: bytes) -> None:
    journal.record("kill", who="ann", why="")
    with journal.path.open("ab") as file:
        file.write(line + b"\n")
    journal.record("revive", who="bob", why="")
    assert [entry.who for entry in journal.tail()] == ["ann", "bob"]


def test_only_the_end_of_a_long_journal_is_read(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_TAIL_BYTES", 1000)
    for number in range(50):
        journal.record("kill", who=f"user {number}", why="")
    entries = journal.tail(50)
    assert 1 < len(entries) < 20
    assert entries[-1].who == "user 49"


def test_it_is_turned_over_before_it_fills_the_disk(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_JOURNAL_BYTES", 500)
    for number in range(20):
        journal.record("kill", who=f"user {number}", why="")
    assert journal.path.stat().st_size < 1000
    assert journal.path.with_name("features.json.journal.1").stat().st_size < 1000
    assert journal.tail()[-1].who == "user 19"


def _record_many(path: Path, who: str) -> None:
    for _ in range(50):
        Journal(path).record("set", who=who, why="w" * 400)


def test_entries_of_several_processes_do_not_mix(journal: Journal, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_record_many, args=(tmp_path / "features.json", name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert sorted(entry.who for entry in journal.tail(1000)) == ["a"] * 50 + ["b"] * 50


def test_where_nothing_can_be_written_it_says_so(journal: Journal) -> None:
    journal.path.mkdir()
    with pytest.raises(StoreFailedError, match="cannot be written"):
        journal.record("kill", who="ann", why="")
    with pytest.raises(StoreFailedError, match="cannot be read"):
        journal.tail()
