"""The flag file is followed: whatever happens to it, the last good flags stay in force and the trouble is told."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flags.file_source import SETTLED_AFTER, FileSource
from tests.flags.documents import GROUP, at


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    flags = tmp_path / "features.json"
    flags.write_bytes(at(10))
    return flags


@pytest.fixture
def source(path: Path) -> FileSource:
    found = FileSource(path)
    assert found.poll()
    return found


def percentage(source: FileSource) -> int | None:
    if source.snapshot is None:
        return None
    lead = source.snapshot.features[GROUP].lead
    assert lead is not None
    return lead.percentage


def replace(path: Path, data: bytes) -> None:
    new = path.with_name("new")
    new.write_bytes(data)
    new.replace(path)


def write_in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)


@pytest.mark.parametrize("write", [replace, write_in_place])
def test_a_change_is_taken_at_the_next_look(
    source: FileSource, path: Path, write: Callable[[Path, bytes], None]
) -> None:
    write(path, at(50, generation=2))
    assert source.poll()
    assert percentage(source) == 50
    assert source.snapshot is not None
    assert source.snapshot.generation == 2
    assert not source.poll()


def test_a_change_of_the_same_size_in_the_same_tick_is_seen(source: FileSource, path: Path) -> None:
    before = path.stat()
    path.write_bytes(at(20))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert source.poll()
    assert percentage(source) == 20


def test_an_old_file_is_not_read_again_and_again(path: Path) -> None:
    reads: list[str] = []

    class Counting(FileSource):
        def _read(self, signature: object) -> None:
            reads.append("read")
            super()._read(signature)  # type: ignore[arg-type]  # handed through

    changed = path.stat().st_ctime
    source = Counting(path, clock=lambda: changed + SETTLED_AFTER + 1)
    for _ in range(10):
        source.poll()
    assert reads == ["read"]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"features": [{"name": "x"}]}', b"\xff"])
def test_a_broken_file_keeps_the_last_good_flags_and_says_so(source: FileSource, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert not source.poll()
    assert percentage(source) == 10
    assert source.error is not None
    assert source.error.startswith("features.json cannot be used: ")
    path.write_bytes(at(10))
    source.poll()
    assert source.error is None
    assert percentage(source) == 10


def test_a_deleted_file_keeps_the_last_good_flags_until_it_is_back(source: FileSource, path: Path) -> None:
    path.unlink()
    assert not source.poll()
    assert (percentage(source), source.error) == (10, "features.json cannot be read: No such file or directory")
    path.write_bytes(at(75))
    assert source.poll()
    assert (percentage(source), source.error) == (75, None)


def test_a_file_that_comes_back_unchanged_is_good_again(source: FileSource, path: Path) -> None:
    path.unlink()
    source.poll()
    path.write_bytes(at(10))
    assert not source.poll()
    assert source.error is None


def test_a_file_that_may_not_be_read_keeps_the_last_good_flags(
    source: FileSource, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is made up, because root, who runs many containers, may read everything."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path.write_bytes(at(50))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        assert not source.poll()
    assert (percentage(source), source.error) == (10, "features.json cannot be read: Permission denied")
    assert source.poll()
    assert percentage(source) == 50


def test_a_folder_in_its_place_keeps_the_last_good_flags(source: FileSource, path: Path) -> None:
    path.unlink()
    path.mkdir()
    assert not source.poll()
    assert (percentage(source), source.error) == (10, "features.json cannot be read: Is a directory")


def test_without_any_flags_there_is_no_snapshot(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "features.json")
    assert not source.poll()
    assert source.snapshot is None
    assert source.error == "features.json cannot be read: No such file or directory"
    assert source.age() is None


def test_a_broken_file_at_the_very_first_start_means_no_flags(path: Path) -> None:
    path.write_bytes(b"{")
    source = FileSource(path)
    assert not source.poll()
    assert source.snapshot is None
    assert source.error is not None


def test_last_good_flags_survive_a_restart(source: FileSource, path: Path) -> None:
    path.write_bytes(at(50, generation=2))
    source.poll()
    path.write_bytes(b"{")
    restarted = FileSource(path)
    assert restarted.poll()
    assert percentage(restarted) == 50
    assert restarted.snapshot is not None
    assert restarted.snapshot.source.endswith("features.json.last-good")
    assert restarted.error is not None
    assert restarted.age() is None
    path.write_bytes(at(25, generation=3))
    assert restarted.poll()
    assert (percentage(restarted), restarted.error) == (25, None)


def test_a_broken_safety_copy_is_no_flags(source: FileSource, path: Path) -> None:
    path.write_bytes(b"{")
    path.with_name("features.json.last-good").write_bytes(b"{")
    restarted = FileSource(path)
    assert not restarted.poll()
    assert restarted.snapshot is None


def test_flags_work_where_no_safety_copy_can_be_kept(path: Path) -> None:
    path.with_name("features.json.last-good").mkdir()
    source = FileSource(path)
    assert source.poll()
    assert percentage(source) == 10
    assert source.keep_error is not None


def test_age_counts_from_the_last_agreement(path: Path) -> None:
    clock = Clock()
    source = FileSource(path, clock=clock)
    source.poll()
    clock.now += 5
    source.poll()
    assert source.age() == 0
    path.write_bytes(b"{")
    source.poll()
    clock.now += 60
    source.poll()
    assert source.age() == 60
    assert source.loaded_at == 1_000_000_000.0


def test_the_time_of_the_change_is_the_files_however_old_its_content(source: FileSource, path: Path) -> None:
    """A file moved into place keeps its time of writing; its inode says when it was moved."""
    older = path.with_name("older.json")
    older.write_bytes(at(11))
    os.utime(older, (1, 1_234_567_890.5))
    older.replace(path)
    source.poll()
    assert source.changed_at == path.stat().st_ctime_ns / 1e9


def test_changes_are_timed_and_the_first_state_is_none(path: Path) -> None:
    clock = Clock()
    clock.now = time.time() + 10
    source = FileSource(path, clock=clock)
    path.write_bytes(at(10))
    source.poll()
    assert (sum(source.applied.counts), source.applied.last) == (0, None)
    path.write_bytes(at(11))
    clock.now += 60
    source.poll()
    assert source.changed_at is not None
    assert source.applied.last == 60  # in force 60 s after this process began; the file's stamp is older than that
    assert (sum(source.applied.counts), source.applied.counts[11]) == (1, 1)


def test_subscribers_hear_of_flags_and_of_trouble_once_each(source: FileSource, path: Path) -> None:
    heard: list[tuple[int | None, bool]] = []
    stop = source.subscribe(lambda found: heard.append((percentage(source), found.error is not None)))
    for data in (at(20), at(20), b"{", b"{", b"[]", at(20), at(30)):
        path.write_bytes(data)
        source.poll()
    assert heard == [(20, False), (20, True), (20, True), (20, False), (30, False)]
    stop()
    path.write_bytes(at(40))
    source.poll()
    assert len(heard) == 5


def test_a_link_that_is_turned_to_another_file_is_followed(tmp_path: Path) -> None:
    """Kubernetes swaps mounted configuration this way."""
    for name, share in (("a", 10), ("b", 90)):
        (tmp_path / name).write_bytes(at(share))
    link = tmp_path / "features.json"
    link.symlink_to("a")
    source = FileSource(link)
    source.poll()
    turned = tmp_path / "turned"
    turned.symlink_to("b")
    turned.replace(link)
    assert source.poll()
    assert percentage(source) == 90
