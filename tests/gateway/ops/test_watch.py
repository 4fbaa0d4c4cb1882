"""What workers apply is journalled, and the flags in force are held against Unleash's engine while they run."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from flags.errors import SourceUnavailableError
from flags.journal import Journal
from gateway.ops.comparison import compare
from gateway.ops.origin import FileOrigin
from gateway.ops.watch import CHECK_EVERY, FRESH_IDS, FleetWatch
from tests.gateway.ops.documents import FLAG, flag_file
from tests.gateway.ops.fleet import StandInFleet


class Fleet(StandInFleet):
    """Workers whose state the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.workers = [self.worker(0), self.worker(1)]

    @staticmethod
    def worker(
        number: int, generation: int = 1, seconds: float | None = None, killed: bool = False
    ) -> dict[str, object]:
        flags = {"generation": generation, "digest": f"d{generation}", "apply_seconds": seconds}
        return {"worker": number, "killed": killed, "flags": flags}

    async def snapshots(self) -> list[dict[str, object]]:
        return self.workers


class Comparing:
    """Counts comparisons; answers what it is told to."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.answer: tuple[int, list[str]] | SourceUnavailableError = (7, [])

    def __call__(self, ids: Sequence[str]) -> tuple[int, list[str]]:
        self.asked.append(ids)
        if isinstance(self.answer, SourceUnavailableError):
            raise self.answer
        return self.answer


def counter(watch: FleetWatch, name: str) -> float:
    found = re.search(rf"^{name}_total (\S+)$", watch.exposition().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


def noted(path: Path) -> list[tuple[str, int | None]]:
    return [(entry.why, entry.generation) for entry in Journal(path).tail() if entry.action == "applied"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path)


async def test_a_new_generation_is_journalled_with_each_workers_time(path: Path) -> None:
    fleet = Fleet()
    watch = FleetWatch(fleet, path, Comparing())
    await watch.look()
    assert noted(path) == []
    fleet.workers = [Fleet.worker(0, 2, 0.0624), Fleet.worker(1)]
    await watch.look()
    fleet.workers = [Fleet.worker(0, 2, 0.0624), Fleet.worker(1, 2, 0.4)]
    await watch.look()
    await watch.look()
    assert noted(path) == [("worker 0 after 62 ms", 2), ("worker 1 after 400 ms", 2)]


async def test_a_kill_and_its_end_are_journalled_once_for_all_workers(path: Path) -> None:
    fleet = Fleet()
    watch = FleetWatch(fleet, path, Comparing())
    for killed in (False, True, True, False):
        fleet.workers = [Fleet.worker(0, killed=killed), Fleet.worker(1, killed=killed)]
        await watch.look()
    assert noted(path) == [("kill: worker 0, worker 1", None), ("revival: worker 0, worker 1", None)]


async def test_a_worker_without_an_answer_is_left_out(path: Path) -> None:
    fleet = Fleet()
    watch = FleetWatch(fleet, path, Comparing())
    await watch.look()
    fleet.workers = [{"worker": 0, "ready": False}, Fleet.worker(1, 2)]
    await watch.look()
    assert noted(path) == [("worker 1", 2)]


async def test_a_journal_that_cannot_be_written_is_told_and_stops_nothing(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.with_name(path.name + ".journal").mkdir()
    fleet = Fleet()
    watch = FleetWatch(fleet, path, Comparing())
    await watch.look()
    fleet.workers = [Fleet.worker(0, 2)]
    await watch.look()
    assert "journal cannot be written" in capsys.readouterr().err


async def test_flags_are_compared_at_the_start_after_a_change_and_now_and_then(path: Path) -> None:
    fleet, compare = Fleet(), Comparing()
    watch = FleetWatch(fleet, path, compare)
    for _ in range(CHECK_EVERY):
        await watch.look()
    assert len(compare.asked) == 1
    await watch.look()
    assert len(compare.asked) == 2
    fleet.workers = [Fleet.worker(0, 2), Fleet.worker(1, 2)]
    await watch.look()
    await watch.look()
    assert len(compare.asked) == 3
    assert len(set(compare.asked[0]) | set(compare.asked[1])) == 2 * FRESH_IDS
    assert counter(watch, "gateway_flag_cross_checks") == 21
    assert counter(watch, "gateway_flag_disagreements") == 0


async def test_disagreements_are_counted_and_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare = Comparing()
    compare.answer = (100, ["f: 'a' is on here and off there", "f: 'b' is off here and on there"])
    watch = FleetWatch(Fleet(), path, compare)
    await watch.look()
    assert counter(watch, "gateway_flag_disagreements") == 2
    assert "'a' is on here" in capsys.readouterr().err


async def test_flags_that_cannot_be_read_are_no_disagreement(path: Path) -> None:
    compare = Comparing()
    compare.answer = SourceUnavailableError("gone")
    watch = FleetWatch(Fleet(), path, compare)
    await watch.look()
    assert counter(watch, "gateway_flag_disagreements") == 0


def test_the_flag_file_agrees_with_the_engine(path: Path) -> None:
    compared, differences = compare(FileOrigin(path), ["a", "b"])
    assert (compared > 2, differences) == (True, [])
    assert FLAG in path.read_text()
