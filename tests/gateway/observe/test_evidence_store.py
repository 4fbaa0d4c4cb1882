"""The sequence of records on disk."""

import json
from pathlib import Path

import pytest

from gateway.observe import evidence_store
from gateway.observe.database import FILE, Database
from gateway.observe.errors import EvidenceUnusable
from gateway.observe.evidence_store import EvidenceStore, Record


def request(at: float, user: str = "u", went_to: str = "v2") -> Record:
    return Record(at, "request", user, {"kind": "request", "at": at, "went_to": went_to})


def numbers(store: EvidenceStore, after: int = 0, limit: int = 100) -> list[int]:
    return [json.loads(text)["seq"] for text in store.page(after, limit).records]


def test_records_are_numbered_and_read_in_pages(tmp_path: Path) -> None:
    store = EvidenceStore(Database(tmp_path))
    assert store.append([request(1.0), request(2.0), request(3.0)]) == 3
    page = store.page(1, 1)
    assert (page.oldest, page.newest, page.next) == (1, 3, 2)
    assert json.loads(page.records[0]) == {"seq": 2, "kind": "request", "at": 2.0, "went_to": "v2"}
    assert store.page(3, 10).records == []
    assert store.page(3, 10).next == 3


def test_numbers_go_on_after_a_restart_also_when_all_was_pruned(tmp_path: Path) -> None:
    database = Database(tmp_path)
    store = EvidenceStore(database)
    store.append([request(1.0), request(2.0)])
    assert store.prune(2.0 + evidence_store.REQUEST_SECONDS + 1) == 2
    database.close()
    again = EvidenceStore(Database(tmp_path))
    again.append([request(3.0)])
    assert again.epoch == store.epoch
    assert numbers(again) == [3]
    assert again.page(0, 10).oldest == 3


def test_no_more_is_kept_than_there_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_store, "MAX_REQUESTS", 4)
    store = EvidenceStore(Database(tmp_path))
    store.append([Record(5.0, "job", "u", {"kind": "job"}), *(request(float(at)) for at in range(9))])
    assert store.prune(10.0) == 5
    assert numbers(store) == [1, 7, 8, 9, 10]
    assert store.page(0, 1).oldest == 7


def test_the_latest_request_that_a_side_answered_is_the_decision(tmp_path: Path) -> None:
    store = EvidenceStore(Database(tmp_path))
    store.append([request(1.0), request(5.0), request(9.0), request(6.0, went_to="legacy"), request(7.0, user="w")])
    found = store.decision("u", "v2", 0.0, 8.0)
    assert found is not None
    assert found["at"] == 5.0
    assert store.decision("u", "v2", 5.5, 8.0) is None
    assert store.decision("nobody", "v2", 0.0, 8.0) is None


def test_two_processes_may_write_to_one_folder(tmp_path: Path) -> None:
    old, new = EvidenceStore(Database(tmp_path)), EvidenceStore(Database(tmp_path))
    old.append([request(1.0)])
    new.append([request(2.0)])
    old.append([request(3.0)])
    assert old.epoch == new.epoch
    assert numbers(old) == numbers(new) == [1, 2, 3]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database, and long enough to be looked at" * 10)
    with pytest.raises(EvidenceUnusable, match=FILE):
        Database(tmp_path)
