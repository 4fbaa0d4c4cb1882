"""A/A: legacy against legacy, by the same guard and the same rules; it must stay quiet, and moves nothing."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from gateway.core.decide import Backend
from gateway.ops.controls import FileControls
from gateway.rollout.errors import RehearsalOverError
from gateway.rollout.evidence import Record
from gateway.rollout.guard import Guard, Post
from gateway.rollout.rehearsal import MirroredEvidence, RehearsedControls, rehearsal_of, rehearsal_path
from gateway.rollout.steps import Phase
from tests.gateway.ops.documents import FLAG, flag_file, stored
from tests.gateway.rollout.records import PLAN, finding, job_end, job_start, request
from tests.gateway.rollout.scripted import ScriptedEvidence

LONG = replace(PLAN, steps=(replace(PLAN.steps[0], watch=3 * 3600.0), *PLAN.steps[1:]), digest="first")


class Rehearsal:
    """A guard that rehearses on a real flag file at 0 %, its evidence, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.flags = flag_file(folder, "0")
        self.evidence = ScriptedEvidence()
        self.now = 1_800_000_000.0
        self.said: list[str] = []
        plan = rehearsal_of(LONG)
        controls = RehearsedControls(FileControls(self.flags), FLAG, 0, self.said.append)
        mirrored = MirroredEvidence(self.evidence, 10)
        post = Post(plan, rehearsal_path(self.flags), controls, mirrored, lambda: self.now)
        self.guard = Guard(post)

    def look(self, times: int = 1, every: float = 1.0) -> None:
        for _ in range(times):
            self.now += every
            self.guard.look()

    @property
    def phase(self) -> Phase:
        return self.guard.memory.progress.phase

    @property
    def report(self) -> str:
        folder = rehearsal_path(self.flags)
        return sorted(folder.with_name(f"{folder.name}.guard-reports").glob("*.md"))[-1].read_text()


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    started = Rehearsal(tmp_path)
    started.look(2)
    return started


def on_legacy(records: Iterable[Record]) -> list[Record]:
    """As they are decided while the flag is at 0 %."""
    return [replace(one, percentage=0, backend=Backend.LEGACY) for one in records]


def traffic(rehearsal: Rehearsal, users: int = 4000) -> list[Record]:
    """Requests and jobs of users of all buckets; a tenth of them fails, wherever they are."""
    rng, records, begin = Random(5), [], rehearsal.now + 20
    for number in range(users):
        first, at = number % 10 == 0, begin + number / 2
        failed = rng.random() < 0.1
        start = job_start(number, f"u{number}", v2=first, accepted_at=at)
        records += [request(number, f"u{number}", v2=first, at=at, failed=failed), start]
        records.append(job_end(start, rng.uniform(50, 200), failed=failed))
    return on_legacy(records)


def test_the_whole_chain_runs_and_stays_quiet(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.rollout.guard.SAVE_EVERY", 1e9)
    rehearsal.evidence.add(traffic(rehearsal))
    for number in range(182):
        rehearsal.evidence.add(on_legacy([request(0, f"late{number}", v2=False, at=rehearsal.now)]))
        rehearsal.look(every=60.0)
    assert rehearsal.phase is Phase.DONE
    assert "A/A: quiet, with everybody on legacy" in rehearsal.report
    assert "Verdict of the step: **good**" in rehearsal.report
    mix = finding(rehearsal.guard.judge, "user-mix") if rehearsal.guard.judge else None
    assert mix is not None
    assert mix.figures["v2_users"] == 400  # the buckets that v2 would have


def test_it_moves_nothing_and_leaves_a_rollout_s_memory_alone(rehearsal: Rehearsal) -> None:
    assert rehearsal.said == [f"would set {FLAG} from 0 % to 10 %: all is well"]
    assert stored(rehearsal.flags) == (1, "0")
    assert FileControls(rehearsal.flags).journal(5) == []
    assert not rehearsal.flags.with_name(f"{rehearsal.flags.name}.guard").exists()


def test_a_rule_that_fires_is_a_false_alarm_and_nobody_s_rollback(rehearsal: Rehearsal) -> None:
    failing = [request(n, f"b{n}", v2=True, failed=True, at=rehearsal.now + 20 + n) for n in range(12)]
    rehearsal.evidence.add(on_legacy(failing))
    rehearsal.look(20)
    assert rehearsal.phase is Phase.ROLLED_BACK
    assert stored(rehearsal.flags) == (1, "0")
    assert not FileControls(rehearsal.flags).status().kill.engaged
    assert "A/A: a rule fired, with everybody on legacy" in rehearsal.report
    assert "It moved nothing" in rehearsal.report


def test_it_ends_as_soon_as_somebody_is_on_v2(rehearsal: Rehearsal) -> None:
    FileControls(rehearsal.flags).set_percentage(FLAG, 10, who="ann", why="launch")
    with pytest.raises(RehearsalOverError, match="at 10 %"):
        rehearsal.look()


def test_only_what_was_decided_at_zero_is_told() -> None:
    source = ScriptedEvidence()
    at_ten = request(0, "a", v2=True)
    start = job_start(0, "b", v2=True, accepted_at=1.0)
    source.add(
        [at_ten, *on_legacy([request(0, "c", v2=True), request(0, "d", v2=False)]), job_end(start, 1, void=True)]
    )
    told = MirroredEvidence(source, 10).read(0)
    assert [(one.user, one.backend, one.percentage) for one in told.records[:2]] == [
        ("c", Backend.V2, 10),
        ("d", Backend.LEGACY, 10),
    ]
    assert len(told.records) == 3
    assert told.next == 4


def test_it_has_the_first_step_alone_and_asks_nobody() -> None:
    plan = rehearsal_of(replace(PLAN, steps=(replace(PLAN.steps[0], approval=True), *PLAN.steps[1:])))
    assert [(step.percentage, step.approval) for step in plan.steps] == [(10, False)]
    assert (plan.retire_approval, plan.rehearsal) == (False, True)
