"""The breaker of v2: when it opens, how it tries again, how it closes."""

from gateway.core.breaker import WINDOW, Breaker, State


def opened(breaker: Breaker, now: float = 0.0) -> Breaker:
    for _ in range(breaker.failures):
        breaker.failure(now)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker(failures=3)
    breaker.failure(0)
    breaker.failure(0)
    breaker.success()
    breaker.failure(0)
    breaker.failure(0)
    assert not breaker.is_open(0)
    breaker.failure(0)
    assert breaker.is_open(0)


def test_half_of_the_last_requests_open_it() -> None:
    breaker = Breaker(failures=1000)
    for number in range(WINDOW):
        breaker.success() if number % 2 else breaker.failure(0)
    breaker.failure(0)
    assert breaker.is_open(0)


def test_a_few_failures_among_many_do_not() -> None:
    breaker = Breaker(failures=3)
    for number in range(1000):
        breaker.failure(0) if number % 4 == 0 else breaker.success()
    assert breaker.state is State.CLOSED


def test_after_the_cooldown_one_request_tries() -> None:
    breaker = opened(Breaker(cooldown=5))
    assert breaker.is_open(4.9)
    assert not breaker.is_open(5)
    breaker.begin()
    assert breaker.is_open(5.1)
    breaker.success()
    assert not breaker.is_open(5.2)
    assert breaker.state is State.CLOSED


def test_a_failed_try_doubles_the_cooldown_up_to_a_bound() -> None:
    breaker, now, waits = opened(Breaker(cooldown=5)), 0.0, []
    for _ in range(7):
        wait = next(second for second in range(1, 1000) if not breaker.is_open(now + second))
        waits.append(wait)
        now += wait
        breaker.begin()
        breaker.failure(now)
    assert waits == [5, 10, 20, 40, 80, 120, 120]


def test_a_try_that_never_ends_does_not_keep_it_open_for_ever() -> None:
    breaker = opened(Breaker(cooldown=5))
    assert not breaker.is_open(5)
    breaker.begin()
    assert breaker.is_open(60)
    assert not breaker.is_open(1000)
