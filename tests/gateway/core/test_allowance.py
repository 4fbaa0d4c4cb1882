"""Copies a day: one number for all workers, who hear from each other."""

from gateway.core.allowance import Allowance


def test_a_day_has_so_many_and_the_next_one_again() -> None:
    allowance = Allowance()
    assert [allowance.take("a", 2, 1) for _ in range(3)] == [True, True, False]
    assert allowance.take("b", 2, 1)
    assert allowance.take("a", 2, 2)


def test_what_other_workers_took_counts() -> None:
    allowance = Allowance()
    allowance.hear([("a", 1, 2), ("a", 1, 1), ("b", 1, 9)], 1)
    assert [allowance.take("a", 4, 1) for _ in range(2)] == [True, False]


def test_what_they_took_yesterday_does_not() -> None:
    allowance = Allowance()
    allowance.hear([("a", 1, 5)], 2)
    assert allowance.take("a", 1, 2)


def test_what_was_heard_of_a_worker_that_died_stays() -> None:
    allowance = Allowance()
    allowance.hear([("a", 1, 5)], 1)
    allowance.hear([], 1)
    assert not allowance.take("a", 5, 1)


def test_a_worker_tells_its_own_only() -> None:
    allowance = Allowance()
    allowance.hear([("a", 1, 5)], 1)
    allowance.take("a", 9, 1)
    assert allowance.tell() == [("a", 1, 1)]
