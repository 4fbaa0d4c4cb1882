"""On the real stack: v2 answers 5xx, the real guard rolls back, nobody is lost, and a report says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.rollout.run import tell
from bench.rollout.stories import STORIES

pytestmark = pytest.mark.timeout(400)  # the whole stack starts, on a machine that may be busy


def test_a_broken_v2_is_rolled_back_and_nobody_is_lost(tmp_path: Path) -> None:
    errors = next(story for story in STORIES if story.name == "errors")
    short = replace(errors, healthy=15.0, afterwards=5.0)

    told = tell(short, tmp_path / "state", tmp_path / "reports", print)

    assert told.reckoning["holds"], told.reckoning
    assert told.holds, told
    assert told.detected_after is not None
    assert [text for _, text in told.timeline if text.startswith("flag: 0 %, by guard: a guardrail is bad")]
    report = (tmp_path / "reports" / told.reports[-1]).read_text()
    assert "v2 was rolled back from 10 %" in report
    assert "failed requests" in report
