"""A rollback sees to v2's jobs: they drain, are cancelled or handed back, and what became of each is counted."""

from pathlib import Path

import pytest

from flags.compile import compile_document
from gateway.ops import rollback
from gateway.ops.controls import FileControls
from gateway.ops.origin import FileOrigin
from gateway.ops.reports import RollbackReport
from gateway.ops.rollback import Mode
from tests.gateway.ops.documents import FLAG, flag_file, stored
from tests.gateway.ops.job_list import JobList, serving_jobs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path, "100")


def roll_back(
    path: Path, v2: JobList | None, mode: Mode = Mode.DRAIN, *, hand_back: bool = False, settles_in: float = 0.0
) -> RollbackReport:
    """A rollback by ann, because of errors."""
    origin = FileOrigin(path)
    origin.settles_in = settles_in
    controls = FileControls(path, origin, v2.client if v2 else None)
    return controls.rollback(FLAG, mode, hand_back=hand_back, who="ann", why="errors")


def counts(report: RollbackReport) -> dict[str, int | None]:
    """What is not nothing."""
    names = ("running", "draining", "cancelled", "handed_back", "over", "failed", "stranded")
    return {name: getattr(report, name) for name in names if getattr(report, name) != 0}


def suspended(path: Path) -> bool:
    return compile_document(path.read_bytes(), source="test").features[FLAG].pins_suspended


def test_by_default_jobs_drain_and_their_users_stay(path: Path) -> None:
    with serving_jobs("ann", "bob", "cid") as v2:
        report = roll_back(path, v2)
    assert counts(report) == {"running": 3, "draining": 3}
    assert report.complete
    assert stored(path) == (2, "0")
    assert not suspended(path)
    assert v2.ended == {}
    assert [(entry.action, entry.after, entry.why) for entry in FileControls(path).journal(5)] == [
        ("set", 0, "errors"),
        ("rollback", "drain", "errors (jobs: 3 draining)"),
    ]


def test_hard_cancels_them_and_keeps_nobody_on_v2(path: Path) -> None:
    with serving_jobs("ann", "bob", "bob", "dan") as v2:
        v2.over = {"job-4"}
        report = roll_back(path, v2, Mode.HARD)
    assert counts(report) == {"running": 4, "cancelled": 3, "over": 1, "stranded": 2}
    assert report.complete
    assert suspended(path)
    assert v2.ended == dict.fromkeys(("job-1", "job-2", "job-3"), "cancelled") | {"job-4": "complete"}


def test_handed_back_jobs_strand_nobody(path: Path) -> None:
    with serving_jobs("ann", "bob") as v2:
        report = roll_back(path, v2, hand_back=True)
    assert counts(report) == {"running": 2, "handed_back": 2}
    assert not suspended(path)
    assert set(v2.ended.values()) == {"handed_back"}
    assert FileControls(path).journal(1)[0].after == "drain, hand-back"


def test_a_job_that_cannot_be_handed_back_drains_unless_the_rollback_is_hard(path: Path) -> None:
    for mode, expected in (
        (Mode.DRAIN, {"running": 2, "handed_back": 1, "failed": 1, "draining": 1}),
        (Mode.HARD, {"running": 2, "handed_back": 1, "failed": 1, "stranded": 1}),
    ):
        with serving_jobs("ann", "bob") as v2:
            v2.broken["job-1"] = 409, {"code": "hand_back_refused", "detail": "The monolith refused it."}
            report = roll_back(path, v2, mode, hand_back=True)
        assert counts(report) == expected
        assert report.reasons == ["1 x The monolith refused it."]
        assert not report.complete


def test_the_flag_comes_first_and_jobs_that_were_taken_meanwhile_are_ended_too(path: Path) -> None:
    with serving_jobs("ann") as v2:
        seen: list[tuple[int, str]] = []

        def late() -> None:
            seen.append(stored(path))
            if len(seen) == 1:
                v2.start("bob")

        v2.on_end = late
        report = roll_back(path, v2, Mode.HARD, settles_in=0.3)
    assert seen == [(2, "0"), (2, "0")]
    assert counts(report) == {"running": 2, "cancelled": 2, "stranded": 2}


def test_where_nobody_knows_v2_the_flag_goes_to_0_all_the_same(path: Path) -> None:
    report = roll_back(path, None)
    assert (report.after, report.running, report.stranded, report.complete) == (0, None, None, True)
    assert "GATEWAY_V2" in str(report.jobs_error)
    hard = roll_back(path, None, Mode.HARD)
    assert (hard.after, hard.complete) == (0, False)
    assert suspended(path)


def test_a_v2_that_is_away_is_told_and_stops_no_rollback(path: Path) -> None:
    report = roll_back(path, JobList(port=9), Mode.HARD)
    assert (report.after, report.running, report.complete) == (0, None, False)
    assert "v2 cannot be reached" in str(report.jobs_error)
    assert "jobs unknown" in FileControls(path).journal(1)[0].why


def test_a_v2_that_fails_in_the_middle_leaves_an_honest_count(path: Path) -> None:
    with serving_jobs("ann", "bob") as v2:
        v2.broken["job-2"] = 500, {}
        report = roll_back(path, v2, Mode.HARD)
    assert counts(report) == {"running": 2, "cancelled": 1, "failed": 1, "stranded": 2}
    assert report.reasons == ["1 x v2 answered 500"]


def test_patience_with_v2_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollback, "PATIENCE", 0.2)
    with serving_jobs("ann") as v2:
        report = roll_back(path, v2, Mode.HARD, settles_in=60.0)
    assert counts(report) == {"running": 1, "cancelled": 1, "stranded": 1}
    assert "within 0.2 s" in str(report.jobs_error)
    assert not report.complete


def test_if_the_flag_cannot_be_set_the_kill_is_and_then_nobody_is_kept_on_v2(path: Path) -> None:
    path.write_text("{")
    with serving_jobs("ann", "bob") as v2:
        report = roll_back(path, v2)
    assert (report.action, report.mode) == ("kill", "drain")
    assert counts(report) == {"running": 2, "draining": 2, "stranded": 2}
    assert path.with_name("features.json.kill").exists()


def test_a_full_disk_is_told(path: Path) -> None:
    path.with_name("features.json.journal").mkdir()
    with serving_jobs() as v2:
        assert roll_back(path, v2).journal_error
