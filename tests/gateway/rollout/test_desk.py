"""The desk: what it says of the guard, how old that is, and what becomes of orders."""

import time
from pathlib import Path

import pytest

from flags.journal import Journal
from gateway.rollout.desk import OLD_AFTER, FileDesk
from gateway.rollout.errors import (
    MisplacedCommandError,
    NoGuardError,
    OrderFailedError,
    UnknownReportError,
)
from gateway.rollout.orders import OrdersFile
from gateway.rollout.steps import Phase
from tests.gateway.ops.documents import FLAG, flag_file
from tests.gateway.ops.guard_said import FIVE, say
from tests.gateway.rollout.scripted import Scene


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path, "0")


def test_without_a_guard_there_is_nothing_to_tell_or_approve(path: Path) -> None:
    desk = FileDesk(path)
    assert desk.guard() is None
    with pytest.raises(NoGuardError):
        desk.approve(who="ann", why="")


def test_what_a_real_guard_says_is_told(path: Path) -> None:
    scene = Scene(path)
    scene.look(2)
    scene.guard.save()
    say(path, scene.guard.memory.progress)
    report = FileDesk(path).guard()
    assert report is not None
    assert (report.flag, report.progress.phase, report.progress.expected) == (FLAG, "watching", 10)
    assert [step.percentage for step in report.steps] == [10, 50, 100]
    assert [(one.rule, one.verdict) for one in report.findings] == [(one.rule, one.verdict) for one in FIVE]
    assert report.last is not None
    assert (report.last.who, report.last.after) == ("guard", 10)
    assert [name.partition("-")[2] for name in report.reports] == ["raised"]


@pytest.mark.parametrize(
    ("phase", "silent_for", "old", "unwatched"),
    [
        (Phase.WATCHING, OLD_AFTER - 5, False, False),
        (Phase.WATCHING, OLD_AFTER + 1, True, True),
        (Phase.RAMPING_DOWN, OLD_AFTER + 1, True, True),
        (Phase.ASIDE, OLD_AFTER + 1, True, False),
        (Phase.DONE, OLD_AFTER + 1, True, False),
    ],
)
def test_silence_makes_it_old_and_alarms_only_where_a_guard_is_needed(
    path: Path, phase: Phase, silent_for: float, old: bool, unwatched: bool
) -> None:
    say(path, phase=phase, silent_for=silent_for)
    report = FileDesk(path).guard()
    assert report is not None
    assert (report.old, report.unwatched) == (old, unwatched)


def test_a_clock_that_was_set_back_makes_no_negative_age(path: Path) -> None:
    say(path)
    report = FileDesk(path, clock=lambda: time.time() - 3600).guard()
    assert report is not None
    assert report.age == 0.0


def test_an_approval_is_for_the_step_that_was_seen(path: Path) -> None:
    say(path, step=1, expected=50, phase=Phase.ASKING)
    desk = FileDesk(path)
    with pytest.raises(MisplacedCommandError, match="moved on"):
        desk.approve(who="ann", why="", step=1)
    report = desk.approve(who="ann", why="it looks good", step=2)
    assert (report.after, report.unheard) == ("100 %", False)
    assert OrdersFile(path).read().approvals == ((1, 2),)
    (entry,) = Journal(path).tail()
    assert (entry.action, entry.flag, entry.after, entry.who, entry.why) == (
        "approve",
        FLAG,
        "100 %",
        "ann",
        "it looks good",
    )
    shown = desk.guard()
    assert shown is not None
    assert shown.orders.approvable is None


def test_the_end_of_legacy_is_approved_like_a_step(path: Path) -> None:
    say(path, step=2, expected=100)
    report = FileDesk(path).guard()
    assert report is not None
    assert (report.orders.approvable, report.orders.aim) == (3, "retire legacy")
    assert report.legacy_retires_at is not None


def test_an_approval_of_an_earlier_attempt_does_not_count(path: Path) -> None:
    OrdersFile(path).approve(1, 2)
    say(path, step=1, expected=50, attempt=2)
    report = FileDesk(path).guard()
    assert report is not None
    assert report.orders.approvable == 2


@pytest.mark.parametrize("phase", [Phase.ROLLED_BACK, Phase.ASIDE, Phase.RAMPING_DOWN, Phase.DONE])
def test_nothing_is_approved_where_nothing_goes_on(path: Path, phase: Phase) -> None:
    say(path, step=1, expected=50, phase=phase)
    with pytest.raises(MisplacedCommandError, match="nothing can be approved"):
        FileDesk(path).approve(who="ann", why="")


def test_orders_are_left_also_before_the_first_guard_and_say_that_nobody_listens(path: Path) -> None:
    report = FileDesk(path).hold(who="ann", why="not yet")
    assert (report.unheard, report.age, report.flag) == (True, None, None)
    assert OrdersFile(path).read().held_by == "ann"


def test_what_the_guard_has_not_carried_out_yet_is_told(path: Path) -> None:
    say(path)
    desk = FileDesk(path)
    desk.hold(who="ann", why="")
    held = desk.guard()
    assert held is not None
    assert (held.orders.held_by, held.orders.resume_waits) == ("ann", False)
    desk.resume(who="ann", why="")
    resumed = desk.guard()
    assert resumed is not None
    assert (resumed.orders.held_by, resumed.orders.resume_waits) == ("", True)


def test_orders_that_cannot_be_read_are_told_and_never_replaced(path: Path) -> None:
    say(path)
    OrdersFile(path).path.write_text("{")
    report = FileDesk(path).guard()
    assert report is not None
    assert "cannot be used" in (report.orders.error or "")
    assert OrdersFile(path).path.read_text() == "{"


def test_an_order_that_cannot_be_written_is_refused(path: Path) -> None:
    OrdersFile(path).path.mkdir()
    path.with_name(path.name + ".guard-orders.lock").mkdir()
    with pytest.raises(OrderFailedError, match="cannot be written"):
        FileDesk(path).hold(who="ann", why="")


def test_an_order_stands_without_a_journal(path: Path) -> None:
    say(path)
    Journal(path).path.mkdir()
    report = FileDesk(path).hold(who="ann", why="")
    assert "cannot be written" in (report.journal_error or "")
    assert OrdersFile(path).read().held_by == "ann"
    shown = FileDesk(path).guard()
    assert shown is not None
    assert shown.last is None


def test_a_guard_that_writes_through_an_ops_api_is_the_guard_too(path: Path) -> None:
    for who in ("guard (ops API, 10.0.0.7)", "guardian", "ann"):
        Journal(path).record("set", who=who, why="", flag=FLAG, before=0, after=10)
    say(path)
    report = FileDesk(path).guard()
    assert report is not None
    assert report.last is not None
    assert report.last.who == "guard (ops API, 10.0.0.7)"


@pytest.mark.parametrize(
    "name", ["../features.json", "nothing", "20270115T080000-raised.md", "20270115T080000-raised.py"]
)
def test_only_reports_are_handed_out(path: Path, name: str) -> None:
    with pytest.raises(UnknownReportError):
        FileDesk(path).report(name)


def test_a_report_has_its_media_type(path: Path) -> None:
    Scene(path).look(2)
    desk = FileDesk(path)
    say(path)
    report = desk.guard()
    assert report is not None
    (name,) = report.reports
    assert desk.report(f"{name}.md")[1].startswith(b"# process-full-v2: v2 goes from 0 % to 10 %")
    assert desk.report(f"{name}-evidence.svg")[0] == "image/svg+xml"
