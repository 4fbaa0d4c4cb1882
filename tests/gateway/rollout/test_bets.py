"""The bet against harm: fair to the last digit, whenever harm may begin."""

import json
from itertools import product

import pytest

from gateway.rollout.bets import HIGHEST, SHIFTS, Bet, risk_alternatives, shift_alternatives


@pytest.mark.parametrize("q", [0.1, 0.5])
def test_capital_stays_one_on_average_while_parts_of_it_start_later(q: float) -> None:
    total = 0.0
    for tosses in product((0, 1), repeat=10):
        bet, chance = Bet(risk_alternatives(q), blocks=3), 1.0
        for number, v2 in enumerate(tosses):
            if number % 3 == 2:
                bet.next_block()
            bet.add(v2, 1 - v2)
            chance *= q if v2 else 1 - q
        total += chance * bet.capital
    assert total == pytest.approx(1.0)


def test_capital_stays_one_on_average_whatever_the_categories_are() -> None:
    q, quantiles = 0.1, (0.5, 0.9)
    for categories in ((0, 0, 1, 2), (2, 2, 2, 2)):
        total = 0.0
        for tosses in product((0, 1), repeat=4):
            bet, chance = Bet(shift_alternatives(q, quantiles)), 1.0
            for v2, category in zip(tosses, categories, strict=True):
                bet.add(v2, 1 - v2, category)
                chance *= q if v2 else 1 - q
            total += chance * bet.capital
        assert total == pytest.approx(1.0)


def test_events_of_v2_raise_it_and_events_of_the_control_lower_it() -> None:
    bet = Bet(risk_alternatives(0.1))
    bet.add(1, 0)
    raised = bet.capital
    bet.add(0, 9)
    assert raised > 1.0 > bet.capital
    assert bet.peak == raised


def test_slow_categories_speak_against_v2_and_fast_ones_for_it() -> None:
    slow, fast = Bet(shift_alternatives(0.1, (0.5, 0.9))), Bet(shift_alternatives(0.1, (0.5, 0.9)))
    slow.add(3, 0, category=2)
    fast.add(3, 0, category=0)
    assert slow.capital > 1.0 > fast.capital


def test_a_bet_on_speed_is_the_mirror_of_one_on_slowness() -> None:
    faster = [(-shift, prior) for shift, prior in SHIFTS]
    bet = Bet(shift_alternatives(0.1, (0.5, 0.9), faster), start=1.0)
    bet.add(3, 0, category=0)
    assert bet.capital > 1.0


def test_a_late_break_is_seen_sooner_than_by_a_bet_that_began_at_once() -> None:
    renewed, stubborn = Bet(risk_alternatives(0.1)), Bet(risk_alternatives(0.1), start=1.0)
    for _ in range(20):
        for bet in (renewed, stubborn):
            bet.add(30, 270)
            bet.next_block()
    for bet in (renewed, stubborn):
        bet.add(20, 27)
    assert renewed.capital > 100 * stubborn.capital
    assert renewed.capital > 100


def test_capital_stays_finite() -> None:
    bet = Bet(risk_alternatives(0.1))
    for _ in range(100):
        bet.add(100, 0)
    assert bet.peak == HIGHEST


def test_a_bet_goes_on_from_its_dump() -> None:
    bet, other = Bet(risk_alternatives(0.1)), Bet(risk_alternatives(0.1))
    bet.add(3, 4)
    bet.next_block()
    other.load(json.loads(json.dumps(bet.dump())))
    for one in (bet, other):
        one.add(2, 1)
    assert (other.capital, other.peak, other.reserve) == (bet.capital, bet.peak, bet.reserve)
    with pytest.raises(ValueError, match="other alternatives"):
        other.load({"parts": [1.0], "reserve": 0.3, "peak": 1.0})
