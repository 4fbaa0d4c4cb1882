"""Whose answer was whose to give, and what the page says of a run."""

from __future__ import annotations

import pytest

from bench.rollout.crowd import Answer, Person
from bench.rollout.page import lost, render
from bench.rollout.reckoning import Reckoning, _astray
from bench.rollout.stories import STORIES

MOVES = [(100.0, 10), (200.0, 0)]


@pytest.mark.parametrize(
    ("bucket", "at", "backend", "status", "wrong"),
    [
        (5, 150.0, "v2", 200, ""),
        (50, 150.0, "legacy", 200, ""),
        (50, 150.0, "v2", 200, "v2"),
        (5, 150.0, "legacy", 200, "legacy"),  # the evidence has to explain it
        (5, 250.0, "v2", 200, "v2"),
        (5, 99.5, "v2", 200, ""),  # in the second of the change either side is right
        (5, 200.5, "v2", 200, ""),
        (5, 50.0, "v2", 200, "v2"),  # before the first move everybody is legacy's
        (5, 150.0, "", 0, ""),  # no answer is counted as such
    ],
)
def test_an_answer_is_held_against_the_percentage_of_its_moment(
    bucket: int, at: float, backend: str, status: int, wrong: str
) -> None:
    assert _astray(Person("u", bucket, "e"), Answer(at, status, backend, 0.1), MOVES) == wrong


def reckoning(**given: int) -> Reckoning:
    zeros = dict.fromkeys(("unanswered", "wrong", "unended", "doubled", "strangers", "refused"), 0)
    return Reckoning(
        **{**zeros, **given},
        people=9,
        requests=9,
        answers={},
        taken_over=0,
        accepted={"v2": 4},
        ends={"v2 complete": 4},
    )


def test_anything_lost_breaks_the_run() -> None:
    assert reckoning().holds
    assert not any(reckoning(**{name: 1}).holds for name in ("unanswered", "wrong", "unended", "doubled", "refused"))


def test_the_page_has_the_figures_and_the_reports() -> None:
    from dataclasses import asdict

    counts = asdict(reckoning(wrong=2))
    found = {
        "setting": {"date": "2026-11-30 13:00 UTC", "processors": 2},
        "phase": "rolled back",
        "reckoning": counts,
        "timeline": [(0.0, "flag: 10 %"), (31.0, "v2 breaks: a | b")],
        "minutes": 4.0,
        "load": 3.0,
        "detected_after": 12.0,
        "reports": ["2-rolled-back.md"],
    }
    text = render({"errors": found})
    story = next(one for one in STORIES if one.name == "errors")
    assert f"| {story.title} | rolled back | 12 s | 9 | 9 | **2** | 4 |" in text
    assert "| 31 | v2 breaks: a / b |" in text
    assert "[2-rolled-back](reports/errors/2-rolled-back.md)" in text
    assert lost(counts) == 2
