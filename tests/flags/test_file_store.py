"""A percentage is changed atomically, by one writer at a time, and only on what that writer saw."""

import fcntl
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from flags import file_store
from flags.compile import compile_document
from flags.errors import (
    ChangeRefusedError,
    GenerationConflictError,
    InvalidDocumentError,
    InvalidPercentageError,
    NoPercentageError,
    SourceUnavailableError,
    StoreFailedError,
    UnknownFlagError,
)
from flags.file_source import FileSource
from flags.file_store import FileStore, PercentageChange
from tests.flags.documents import GROUP, at, document, feature, rollout, strategy


@pytest.fixture
def path(tmp_path: Path) -> Path:
    flags = tmp_path / "features.json"
    flags.write_bytes(at(10))
    return flags


def stored(path: Path) -> tuple[int, str]:
    content = json.loads(path.read_bytes())
    return content["generation"], content["features"][0]["strategies"][0]["parameters"]["rollout"]


def test_a_change_counts_the_generation_up(path: Path) -> None:
    assert FileStore(path).set_percentage(GROUP, 50) == PercentageChange(GROUP, 10, 50, 2)
    assert FileStore(path).set_percentage(GROUP, 0) == PercentageChange(GROUP, 50, 0, 3)
    assert stored(path) == (3, "0")


def test_a_follower_takes_it(path: Path) -> None:
    source = FileSource(path)
    source.poll()
    FileStore(path).set_percentage(GROUP, 50)
    assert source.poll()
    assert source.snapshot is not None
    assert source.snapshot.generation == 2


def test_everything_else_in_the_document_stays(path: Path) -> None:
    other = feature(strategy("userWithId", {"userIds": "ю"}), name="other", note="kept")
    path.write_bytes(document(feature(rollout("10", title="mine")), other, segments=[{"id": 1}]))
    before = json.loads(path.read_bytes())
    FileStore(path).set_percentage(GROUP, 20)
    before["generation"] = 2
    before["features"][0]["strategies"][0]["parameters"]["rollout"] = "20"
    assert json.loads(path.read_bytes()) == before


def test_an_older_kind_of_rollout_can_be_set_too(path: Path) -> None:
    path.write_bytes(document(feature(strategy("gradualRolloutUserId", {"percentage": "5", "groupId": "g"}))))
    assert FileStore(path).set_percentage(GROUP, 6).before == 5


def test_an_invalid_old_percentage_can_be_replaced(path: Path) -> None:
    path.write_bytes(at("10.5"))
    assert FileStore(path).set_percentage(GROUP, 10) == PercentageChange(GROUP, None, 10, 2)


@pytest.mark.parametrize("percentage", [-1, 101, True])
def test_a_percentage_out_of_range_is_refused(path: Path, percentage: int) -> None:
    before = path.read_bytes()
    with pytest.raises(InvalidPercentageError):
        FileStore(path).set_percentage(GROUP, percentage)
    assert path.read_bytes() == before


def test_an_unknown_flag_is_refused_with_the_known_ones(path: Path) -> None:
    with pytest.raises(UnknownFlagError, match=r"no flag 'nope' \(known flags: process-full-v2\)"):
        FileStore(path).set_percentage("nope", 1)


@pytest.mark.parametrize("strategies", [[], [strategy("default")], [rollout("1"), rollout("2")]], ids=len)
def test_a_flag_without_a_single_percentage_is_refused(path: Path, strategies: list[dict[str, object]]) -> None:
    path.write_bytes(document(feature(*strategies)))
    with pytest.raises(NoPercentageError):
        FileStore(path).set_percentage(GROUP, 1)


def test_a_broken_file_is_left_for_people_to_mend(path: Path) -> None:
    path.write_bytes(b"{")
    with pytest.raises(InvalidDocumentError):
        FileStore(path).set_percentage(GROUP, 1)
    assert path.read_bytes() == b"{"


def test_a_missing_file_is_not_made_up(path: Path) -> None:
    path.unlink()
    with pytest.raises(SourceUnavailableError):
        FileStore(path).set_percentage(GROUP, 1)
    assert not path.exists()


def test_of_two_people_who_saw_the_same_generation_one_wins(path: Path) -> None:
    FileStore(path).set_percentage(GROUP, 50, expected_generation=1)
    with pytest.raises(GenerationConflictError) as caught:
        FileStore(path).set_percentage(GROUP, 100, expected_generation=1)
    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert stored(path) == (2, "50")


def _raise_many_times(path: Path, count: int) -> None:
    for _ in range(count):
        FileStore(path).set_percentage(GROUP, 1)


def test_writers_in_several_processes_lose_no_change(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_raise_many_times, args=(path, 10)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert stored(path) == (31, "1")


def test_an_editor_that_saves_at_the_same_moment_is_not_overwritten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The editor's write falls between reading the file and replacing it."""
    real = os.fsync

    def save_in_between(descriptor: int) -> None:
        path.write_bytes(at(99))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", save_in_between)
    with pytest.raises(ChangeRefusedError, match="edited at the same moment"):
        FileStore(path).set_percentage(GROUP, 1)
    assert path.read_bytes() == at(99)


def test_a_lock_that_is_never_released_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_store, "LOCK_PATIENCE", 0.05)
    with path.with_name("features.json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreFailedError, match="another writer"):
            FileStore(path).set_percentage(GROUP, 1)
    FileStore(path).set_percentage(GROUP, 1)


def test_mode_and_links_survive_and_no_temporary_file_is_left(path: Path) -> None:
    path.chmod(0o640)
    link = path.with_name("link.json")
    link.symlink_to(path.name)
    FileStore(link).set_percentage(GROUP, 42)
    assert link.is_symlink()
    assert stored(path) == (2, "42")
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(item.name for item in path.parent.iterdir()) == ["features.json", "features.json.lock", "link.json"]


def test_a_failed_write_leaves_the_old_state(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFailedError, match="No space left"):
        FileStore(path).set_percentage(GROUP, 1)
    assert stored(path) == (1, "10")
    assert not list(path.parent.glob(".*"))


def test_pins_are_suspended_with_the_percentage_and_stay_so_until_users_go_up_again(path: Path) -> None:
    store = FileStore(path)

    def suspended() -> bool:
        return compile_document(path.read_bytes(), source="test").features[GROUP].pins_suspended

    store.set_percentage(GROUP, 0)
    assert not suspended()
    store.set_percentage(GROUP, 0, suspend_pins=True)
    assert suspended()
    store.set_percentage(GROUP, 0)
    assert suspended()
    store.set_percentage(GROUP, 0, suspend_pins=False)
    assert not suspended()
    store.set_percentage(GROUP, 0, suspend_pins=True)
    store.set_percentage(GROUP, 10)
    assert not suspended()
