"""What the guard lets others know."""

from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from gateway.rollout.bulletin import Bulletin, BulletinBoard
from gateway.rollout.memory import Memory
from gateway.rollout.plan import DAY
from gateway.rollout.steps import Phase, Progress
from gateway.rollout.verdict import Finding, Severity, Verdict
from tests.gateway.rollout.records import PLAN

FINDING = Finding("user-mix", Severity.SIGNAL, Verdict.RUNNING, 0.25, "as many users as expected")


def test_what_was_posted_is_read(tmp_path: Path) -> None:
    board = BulletinBoard(tmp_path / "flags.json")
    progress = Progress(Phase.WATCHING, step=2, expected=100, watched=60.0, entered_at=900.0, approved=frozenset({2}))
    bulletin = Bulletin.of(PLAN, Memory(progress, events=[{"at": 901.0, "text": "raised"}]), [FINDING], 1000.0)
    board.post(bulletin)

    assert board.read() == bulletin
    assert (bulletin.flag, bulletin.retires_at) == (PLAN.flag, 900.0 + 30 * DAY)


def test_it_says_which_steps_need_an_approval_and_what_each_means() -> None:
    bulletin = Bulletin.of(PLAN, Memory(), [], 1000.0)

    assert bulletin.gates == (False, False, True, True)
    assert [bulletin.aim(step) for step in range(4)] == ["10 %", "50 %", "100 %", "retire legacy"]


def test_an_endless_bound_survives(tmp_path: Path) -> None:
    board = BulletinBoard(tmp_path / "flags.json")
    board.post(Bulletin(1.0, Progress(), (replace(FINDING, figures={"upper": inf, "users": 3.0}),)))

    found = board.read()
    assert found is not None
    assert found.findings[0].figures == {"upper": inf, "users": 3.0}


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"at": 1, "progress": {"phase": "dancing", "approved": []}}'])
def test_nothing_or_nonsense_is_no_bulletin(tmp_path: Path, content: bytes | None) -> None:
    board = BulletinBoard(tmp_path / "flags.json")
    if content is not None:
        board.path.write_bytes(content)

    assert board.read() is None
