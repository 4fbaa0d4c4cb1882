"""The guard on a real flag file: up on good evidence, back on bad, and nothing lost or doubled over restarts."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from flags.errors import StoreFailedError
from gateway.ops.controls import FileControls
from gateway.ops.reports import ChangeReport
from gateway.retirements import RetirementFile
from gateway.rollout.errors import LeaseTakenError, StateUnreadableError
from gateway.rollout.evidence import Record
from gateway.rollout.memory import Lease, MemoryFile
from gateway.rollout.orders import OrdersFile
from gateway.rollout.plan import RampDown
from gateway.rollout.steps import Phase
from gateway.rollout.verdict import Verdict
from tests.gateway.ops.documents import FLAG, flag_file, stored
from tests.gateway.rollout.records import PLAN, finding, job_end, job_start, request
from tests.gateway.rollout.scripted import Scene


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path, "0")


@pytest.fixture
def scene(path: Path) -> Scene:
    return Scene(path)


def at_ten(path: Path) -> Scene:
    """A scene in which the guard has just gone to 10 %."""
    scene = Scene(path)
    scene.look(2)
    assert stored(path)[1] == "10"
    return scene


def harmless(scene: Scene, users: int = 4000, percentage: int = 10) -> list[Record]:
    """Requests and jobs of many users, no worse on v2, accepted over the last minutes."""
    rng, records, begin = Random(3), [], scene.guard.memory.progress.entered_at + 20
    for number in range(users):
        v2 = number % 10 == 0
        at = begin + number / 2
        start = job_start(number, f"u{number}", v2=v2, accepted_at=at, percentage=percentage)
        failed = rng.random() < 0.1  # on either side alike
        records.append(request(number, f"u{number}", v2=v2, at=at, percentage=percentage, failed=failed, seconds=0.01))
        records += [start, job_end(start, rng.uniform(50, 200), failed=failed)]
    return records


def broken(scene: Scene, users: int = 12) -> list[Record]:
    """Requests that v2 fails."""
    begin = scene.guard.memory.progress.entered_at + 20
    return [request(n, f"b{n}", v2=True, failed=True, at=begin + n) for n in range(users)]


def test_it_enters_the_first_step_by_itself_and_says_so_in_the_journal(scene: Scene) -> None:
    scene.look(2)
    assert stored(scene.path) == (2, "10")
    entry = scene.controls.journal(1)[0]
    assert (entry.who, entry.action, entry.after) == ("guard", "set", 10)
    assert scene.guard.memory.progress.phase is Phase.WATCHING


def test_good_evidence_and_time_go_up_one_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.rollout.guard.SAVE_EVERY", 1e9)
    scene = at_ten(path)
    scene.evidence.add(harmless(scene))
    for number in range(179):
        # Without this little traffic the time would be held from 15 minutes of silence on.
        scene.evidence.add([request(0, f"late{number}", v2=False, at=scene.now)])
        scene.look(every=60.0)
    assert stored(path)[1] == "10"  # all is good, but the time is not over
    scene.look(2, every=60.0)
    assert stored(path)[1] == "50"
    text = markdown(path)
    assert "v2 goes from 10 % to 50 %" in text
    assert "Verdict of the step: **good**" in text


def test_bad_evidence_rolls_back_at_the_next_look_and_leaves_a_report(path: Path) -> None:
    scene = at_ten(path)
    scene.evidence.add(harmless(scene, users=300))  # one of them failed on v2
    scene.look(10)
    scene.evidence.add(broken(scene))
    scene.look()
    assert stored(path)[1] == "0"
    assert scene.guard.memory.progress.phase is Phase.ROLLED_BACK
    entry = scene.controls.journal(1)[0]
    assert (entry.who, entry.after) == ("guard", 0)
    assert "a guardrail is bad: failed requests: 13 users on v2" in entry.why
    text = markdown(path)
    assert "v2 was rolled back from 10 %" in text
    assert "**bad**" in text
    content = json.loads(
        next(one for one in reports(path) if one.suffix == ".json" and "rolled" in one.name).read_text()
    )
    assert content["verdict"] == Verdict.BAD
    assert {one["rule"] for one in content["findings"]} == {rule.kind for rule in PLAN.rules}
    assert content["evidence_over_time"][-1][1]["requests-failed"] >= 1.0
    assert all(svg.read_text().startswith("<svg ") for svg in reports(path) if svg.suffix == ".svg")
    scene.look(10)
    assert stored(path)[1] == "0"


def test_it_never_fights_a_person_who_edits_the_flag(path: Path) -> None:
    scene = at_ten(path)
    scene.look(15)
    scene.controls.set_percentage(FLAG, 25, who="ann", why="a quarter")
    scene.look()
    assert scene.guard.memory.progress.phase is Phase.ASIDE
    scene.evidence.add(broken(scene))
    scene.look(20)
    assert stored(path)[1] == "25"
    assert "somebody changed it" in scene.guard.memory.progress.why


def test_resume_takes_up_the_step_that_a_person_went_to(path: Path) -> None:
    scene = at_ten(path)
    scene.look(15)
    scene.controls.set_percentage(FLAG, 50, who="ann", why="half")
    scene.look()
    OrdersFile(path).resume()
    scene.look()
    progress = scene.guard.memory.progress
    assert (progress.phase, progress.step, progress.expected, progress.watched) == (Phase.WATCHING, 1, 50, 0.0)


def test_resume_after_a_rollback_begins_again_with_the_next_attempt(path: Path) -> None:
    scene = at_ten(path)
    scene.evidence.add(broken(scene))
    scene.look()
    assert stored(path)[1] == "0"
    OrdersFile(path).resume()
    scene.look(2)
    assert stored(path)[1] == "10"
    assert scene.guard.memory.progress.attempt == 2
    assert scene.guard.findings()[0].figures["v2_failed"] == 0


def test_a_hold_stays_and_a_bad_guardrail_still_rolls_back(path: Path) -> None:
    scene = at_ten(path)
    OrdersFile(path).hold("ann")
    scene.look()
    assert scene.guard.memory.progress.phase is Phase.HELD
    scene.evidence.add(broken(scene))
    scene.look()
    assert stored(path)[1] == "0"


def test_a_restart_loses_nothing_and_doubles_nothing(path: Path) -> None:
    scene = at_ten(path)
    scene.evidence.add(broken(scene, users=2))
    scene.look()
    scene.guard.save()
    scene.start()
    scene.look(3)
    assert finding_of(scene)["v2_failed"] == 2
    scene.evidence.add(broken(scene, users=2))  # the same two users again
    scene.start()  # a crash: what was read since the last save is read again
    scene.look(3)
    assert finding_of(scene)["v2_failed"] == 2


def test_a_gateway_that_lost_its_store_is_heard_from_its_new_beginning(path: Path) -> None:
    scene = at_ten(path)
    scene.evidence.add(broken(scene, users=2))
    scene.look()
    scene.evidence.lose_everything()
    begin = scene.guard.memory.progress.entered_at + 40
    scene.evidence.add([request(1, "c", v2=True, failed=True, at=begin)])
    scene.look()
    assert finding_of(scene)["v2_failed"] == 3


def test_a_gateway_that_cannot_be_asked_holds_and_is_no_reason_to_go_on(path: Path) -> None:
    scene = at_ten(path)
    scene.evidence.away = True
    scene.look()
    progress = scene.guard.memory.progress
    assert (progress.phase, "cannot be asked" in progress.why) == (Phase.HELD, True)
    scene.look(20, every=60.0)
    assert scene.guard.memory.progress.watched < 60
    scene.evidence.away = False
    scene.evidence.add([request(0, "x", v2=False, at=scene.now)])
    scene.look()
    assert scene.guard.memory.progress.phase is Phase.WATCHING


def test_jobs_whose_ends_are_told_late_hold_however_many_requests_come(path: Path) -> None:
    scene = at_ten(path)
    scene.evidence.settled_at = scene.now
    for number in range(20):
        scene.evidence.add([request(0, f"u{number}", v2=False, at=scene.now)])
        scene.look(every=60.0)
    progress = scene.guard.memory.progress
    assert progress.phase is Phase.HELD
    assert "not all ends of jobs were told" in progress.why
    assert progress.watched < 1000
    scene.evidence.settled_at = scene.now
    scene.look()
    assert scene.guard.memory.progress.phase is Phase.WATCHING


def test_a_crash_between_writing_and_remembering_is_no_edit_by_a_person(path: Path) -> None:
    scene = Scene(path)

    class Dying(FileControls):
        def set_percentage(self, flag: str, percentage: int, *, who: str, why: str,
                           expected_generation: int | None = None) -> ChangeReport:  # fmt: skip
            super().set_percentage(flag, percentage, who=who, why=why, expected_generation=expected_generation)
            raise KeyboardInterrupt

    scene.controls = Dying(path)
    scene.start()
    with pytest.raises(KeyboardInterrupt):
        scene.look()
    assert stored(path)[1] == "10"
    scene.controls = FileControls(path)
    scene.start()
    scene.look()
    progress = scene.guard.memory.progress
    assert (progress.phase, progress.step, progress.expected) == (Phase.WATCHING, 0, 10)


def test_where_the_flag_cannot_be_written_a_bad_v2_is_left_by_the_kill(path: Path) -> None:
    scene = at_ten(path)

    class Stuck(FileControls):
        def set_percentage(self, flag: str, percentage: int, *, who: str, why: str,
                           expected_generation: int | None = None) -> ChangeReport:  # fmt: skip
            raise StoreFailedError("the disk is full")

    scene.controls = Stuck(path)
    scene.start()
    scene.evidence.add(broken(scene))
    scene.look()
    assert scene.controls.status().kill.engaged


def test_a_smooth_rollback_takes_its_seconds(path: Path) -> None:
    scene = Scene(path, plan=replace(PLAN, ramp_down=RampDown(5.0), digest="smooth"))
    scene.look(2)
    scene.evidence.add(broken(scene))
    seen = []
    for _ in range(7):
        scene.look()
        seen.append(int(stored(path)[1]))
    assert seen == [5, 2, 1, 0, 0, 0, 0]
    assert scene.guard.memory.progress.phase is Phase.ROLLED_BACK


def test_the_end_of_legacy_is_announced_with_the_last_step_and_taken_back(path: Path) -> None:
    only = replace(PLAN.steps[2], approval=False)
    scene = Scene(path, plan=replace(PLAN, steps=(only,), digest="all at once"))
    scene.look(2)
    assert stored(path)[1] == "100"
    announced = RetirementFile(path).read()[FLAG]
    assert announced.sunset is not None
    assert announced.sunset.timestamp() == scene.guard.memory.progress.entered_at + only.watch
    scene.look(15)
    scene.controls.set_percentage(FLAG, 0, who="ann", why="back")
    scene.look()
    assert RetirementFile(path).read() == {}


def test_without_room_on_legacy_nobody_moves(path: Path) -> None:
    scene = Scene(path)
    scene.evidence.legacy = None
    scene.look(5)
    assert stored(path)[1] == "0"
    assert "load is not known" in scene.guard.memory.progress.why


def test_another_plan_waits_for_a_person(path: Path) -> None:
    scene = at_ten(path)
    scene.guard.save()
    scene.plan = replace(scene.plan, rules=scene.plan.rules[:1], digest="second")
    scene.start()
    scene.look()
    assert "the plan was changed" in scene.guard.memory.progress.why
    OrdersFile(path).resume()
    scene.look(2)
    progress = scene.guard.memory.progress
    assert (progress.phase, progress.step, progress.plan_digest) == (Phase.WATCHING, 0, "second")
    assert len(scene.guard.findings()) == 1


def test_a_memory_that_cannot_be_understood_is_never_overwritten(path: Path) -> None:
    memory = MemoryFile(path)
    memory.path.write_text("{}")
    with pytest.raises(StateUnreadableError):
        Scene(path)
    assert memory.path.read_text() == "{}"


def test_one_guard_acts(path: Path) -> None:
    first, second = Lease(path), Lease(path)
    first.take()
    with pytest.raises(LeaseTakenError):
        second.take()
    first.give_back()
    second.take()
    second.give_back()


def finding_of(scene: Scene) -> dict[str, float]:
    assert scene.guard.judge is not None
    return finding(scene.guard.judge, "requests-failed").figures


def reports(path: Path) -> list[Path]:
    return sorted(path.with_name(path.name + ".guard-reports").iterdir())


def markdown(path: Path) -> str:
    return [one for one in reports(path) if one.suffix == ".md"][-1].read_text()
