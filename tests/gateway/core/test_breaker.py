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


def test_what_another_worker_found_out_keeps_v2_out_as_long() -> None:
    teller, hearer = opened(Breaker(cooldown=8)), Breaker(cooldown=8)
    hearer.follow(3, teller.left(3))
    assert (hearer.is_open(7.9), hearer.is_open(8)) == (True, False)
    assert hearer.opened == 0


def test_hearsay_is_not_passed_on() -> None:
    breaker = opened(Breaker(cooldown=5))
    breaker.follow(0, 60)
    assert (breaker.left(1), breaker.left(6), breaker.is_open(59)) == (4, 0, True)
    untouched = Breaker()
    untouched.follow(0, 60)
    assert untouched.left(1) == 0


def test_hearing_of_it_again_or_of_less_changes_nothing() -> None:
    breaker = opened(Breaker(cooldown=8))
    breaker.follow(1, 2)
    breaker.follow(2, 6)
    assert (breaker.left(2), breaker.is_open(7.9), breaker.is_open(8.1)) == (6, True, False)


def test_a_trial_of_its_own_is_not_disturbed_by_hearsay() -> None:
    breaker = opened(Breaker(cooldown=5))
    assert not breaker.is_open(5)
    breaker.begin()
    breaker.follow(5, 60)
    breaker.success()
    assert (breaker.is_open(6), breaker.left(6)) == (False, 0)


def test_a_failed_trial_after_hearsay_doubles_the_cooldown() -> None:
    breaker = Breaker(cooldown=5)
    breaker.follow(0, 5)
    assert not breaker.is_open(5)
    breaker.begin()
    breaker.failure(5)
    assert breaker.left(5) == 10
