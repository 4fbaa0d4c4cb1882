"""A drill times a rollback over all workers and moves nobody."""

from pathlib import Path

import pytest

from flags.errors import ChangeRefusedError, NoPercentageError, UnknownFlagError
from gateway.ops import drill as drill_module
from gateway.ops.controls import FileControls
from gateway.ops.drill import drill
from tests.gateway.ops.documents import FLAG, flag_file, stored
from tests.gateway.ops.fleet import StandInFleet


class Workers(StandInFleet):
    """Workers that have a generation in force when they are told to."""

    def __init__(self, *snapshots: dict[str, object]) -> None:
        super().__init__()
        self._snapshots = list(snapshots)
        self.looks = 0

    async def snapshots(self) -> list[dict[str, object]]:
        self.looks += 1
        return self._snapshots if self.looks > 2 else [{} for _ in self._snapshots]


def at_generation(generation: int | None, loaded_at: float | None) -> dict[str, object]:
    return {"flags": {"generation": generation, "loaded_at": loaded_at}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path)


async def test_the_slowest_worker_counts(path: Path) -> None:
    far = 4_000_000_000.0
    workers = Workers(at_generation(2, 0.0), at_generation(3, far))
    report = await drill(workers, FileControls(path), FLAG, who="ann", why="")
    assert report.complete
    assert report.workers[0].seconds == 0
    assert report.seconds == report.workers[1].seconds
    assert report.seconds is not None
    assert report.seconds > 0
    assert workers.looks == 3


async def test_the_percentage_stays_and_the_generation_counts_up(path: Path) -> None:
    await drill(Workers(at_generation(2, 1.0)), FileControls(path), FLAG, who="ann", why="practice")
    assert stored(path) == (2, "10")
    (entry,) = FileControls(path).journal(5)
    assert (entry.who, entry.before, entry.after, entry.why) == ("ann", 10, 10, "practice")


@pytest.mark.parametrize(
    "snapshot", [{}, {"flags": None}, at_generation(1, 1.0), at_generation(None, None), at_generation(2, None)]
)
async def test_a_worker_that_does_not_get_there_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: dict[str, object]
) -> None:
    monkeypatch.setattr(drill_module, "PATIENCE", 0.2)
    report = await drill(Workers(at_generation(2, 1.0), snapshot), FileControls(path), FLAG, who="ann", why="")
    assert (report.complete, report.seconds) == (False, None)
    assert [worker.seconds for worker in report.workers] == [0, None]


async def test_workers_by_another_clock_are_timed_by_when_they_were_seen(path: Path) -> None:
    wrong_clock = 4_000_000_000.0
    workers = Workers({**at_generation(2, wrong_clock), "gateway": "http://other", "worker": 5})
    report = await drill(workers, FileControls(path), FLAG, who="ann", why="", same_clock=False)
    (row,) = report.workers
    assert (row.gateway, row.worker) == ("http://other", 5)
    assert row.seconds is not None
    assert row.seconds < 1e6


async def test_without_workers_nothing_is_proved(path: Path) -> None:
    report = await drill(Workers(), FileControls(path), FLAG, who="ann", why="")
    assert (report.complete, report.seconds) == (False, None)


async def test_what_cannot_be_drilled_is_refused(path: Path) -> None:
    controls = FileControls(path)
    with pytest.raises(UnknownFlagError):
        await drill(Workers(), controls, "nope", who="ann", why="")
    flag_file(path.parent, "10.5")
    with pytest.raises(NoPercentageError):
        await drill(Workers(), controls, FLAG, who="ann", why="")


@pytest.fixture
def broken(path: Path) -> Path:
    FileControls(path).status()
    path.write_text("{")
    return path


async def test_there_is_no_drill_on_a_broken_file(broken: Path) -> None:
    with pytest.raises(ChangeRefusedError, match="no drill while"):
        await drill(Workers(), FileControls(broken), FLAG, who="ann", why="")
