"""The kill campaign's verdict: one thing that does not hold breaks it, and every lost answer is accounted for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any  # values of different fields

import pytest

from bench.v2.kill_report import Report, lost
from bench.v2.meter import Answer

SOUND = Report(
    kills=2,
    imports=3,
    complete=3,
    paid_answers=30,
    paid_answers_of_twins=30,
    vectors_paid=9,
    vectors_paid_of_twins=9,
    answers_lost_on_the_way=4,
    looks=9,
)


def answer(question: str, answered: float, life: int = 1, *, taken: bool = True, area: str = "model") -> Answer:
    return Answer(area, question, answered - 1, answered, 200, taken, life)


def test_a_campaign_in_which_nothing_was_lost_holds() -> None:
    assert SOUND.holds


@pytest.mark.parametrize(
    "change",
    [
        {"complete": 2},
        {"imports": 0, "complete": 0},
        {"paid_answers": 31},
        {"vectors_paid": 8},
        {"bills_that_differ": ["import 1 memory: 2, twin 1"]},
        {"questions_that_differ": 1},
        {"answers_lost_without_a_kill": 1},
        {"users_with_wrong_chunks": 1},
        {"looks_without_chunks": 1},
        {"looks": 0},
        {"told_twice": 1},
    ],
)
def test_anything_that_was_lost_or_doubled_breaks_it(change: dict[str, Any]) -> None:
    assert not replace(SOUND, **change).holds


def test_bills_are_compared_step_by_step() -> None:
    report = Report()
    report.compare_bills("import 1", {"extract": 5, "memory": 1, "embed": 9}, {"extract": 4, "memory": 2, "embed": 9})
    assert report.paid_answers == report.paid_answers_of_twins == 6
    assert report.bills_that_differ == ["import 1 extract: 5, twin 4", "import 1 memory: 1, twin 2"]
    assert (report.vectors_paid, report.vectors_paid_of_twins) == (9, 9)


def test_only_answers_that_were_given_again_are_lost() -> None:
    once, first, again = answer("a", 1), answer("b", 2), answer("b", 3)
    twins = [answer("a", 30), answer("b", 30)]
    assert lost([once, again, first], twins, "model") == [(first, again)]
    assert lost([once, again, first], twins, "embedding") == []
    assert lost([replace(answer("b", 1), status=529), answer("b", 2)], twins, "model") == []


def test_of_equal_questions_the_answer_that_nobody_read_is_the_lost_one() -> None:
    first, unread, again = answer("v", 1), answer("v", 2, taken=False), answer("v", 3, 2)
    twins = [answer("v", 30, 3), answer("v", 31, 3)]
    assert lost([first, unread, again], twins, "model") == [(unread, again)]
    assert lost([first, replace(unread, taken=True), again], twins, "model") == [(first, replace(unread, taken=True))]


def test_a_lost_answer_was_on_its_way_or_had_just_come() -> None:
    report = Report()
    given = [
        answer("a", 10.2, taken=False),
        answer("a", 20, 2),
        answer("b", 9.99),
        answer("b", 20, 2),
        answer("c", 20),
        answer("v", 9, area="embedding"),
        answer("v", 21, area="embedding"),
        answer("w", 9, area="embedding", taken=False),
        answer("w", 21, area="embedding"),
    ]
    twins = [answer("a", 30), answer("b", 30), answer("c", 30), *(answer(name, 30, area="embedding") for name in "vw")]
    report.compare_answers(given, twins, [5.0, 10.0])
    assert (report.answers_lost_on_the_way, report.answers_lost_before_they_were_kept) == (1, 1)
    assert report.longest_wait_to_be_kept_ms == pytest.approx(10, abs=0.1)
    assert (report.vectors_lost_on_the_way, report.vectors_lost_before_they_were_kept) == (1, 1)
    assert report.questions_that_differ == 0


def test_an_answer_that_the_same_life_asked_for_again_breaks_the_campaign() -> None:
    report = replace(SOUND)
    report.compare_answers([answer("a", 10, 4), answer("a", 20, 4)], [answer("a", 30, 5)], kills=[5.0, 25.0])
    assert report.answers_lost_without_a_kill == 1
    assert not report.holds


def test_a_question_that_is_read_after_its_asker_has_died_is_lost_at_the_kill() -> None:
    report = replace(SOUND)
    report.compare_answers([answer("a", 10, 4), answer("a", 20, 5)], [answer("a", 30, 6)], kills=[5.0])
    assert (report.answers_lost_without_a_kill, report.answers_lost_before_they_were_kept) == (0, 1)
    assert report.holds


def test_a_question_that_the_twin_never_asked_breaks_it() -> None:
    report = replace(SOUND)
    report.compare_answers([answer("a", 10)], [answer("z", 30)], kills=[])
    assert report.questions_that_differ == 2
    assert not report.holds
