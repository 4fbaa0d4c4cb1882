"""A v2 that fails requests more often: minutes until each rule says so. The same streams for all rules."""

from math import exp
from random import Random

from bench.guard.budget import MINUTES, setting
from bench.guard.draws import binomial
from bench.guard.healthy import ERRORS, REQUESTS
from bench.guard.peers import PEERS
from gateway.rollout.bets import BLOCKS, Bet, risk_alternatives
from gateway.rollout.cohorts import Control
from gateway.rollout.rule import Kind

GUARD = "the guard"
EQUAL = "the guard, control as large as v2's cohort"
LATEST = 24 * 60
"""Minutes after which a run is given up: not found."""


def detection(rng: Random, rate: float, after: int = 0) -> dict[str, int]:
    """Minutes from the moment v2 breaks until each rule fires; a rule that does not in time, or too soon, is absent.

    v2 is healthy for `after` minutes first.
    """
    wide, narrow = setting(Kind.REQUESTS_FAILED).cohorts.q, setting(Kind.REQUESTS_FAILED, Control.EQUAL).cohorts.q
    limit = exp(setting(Kind.REQUESTS_FAILED).threshold)
    bets = {GUARD: Bet(risk_alternatives(wide)), EQUAL: Bet(risk_alternatives(narrow))}
    users = round(REQUESTS * wide)
    rest = REQUESTS - 2 * users
    before, broken = binomial(rng, users, ERRORS), binomial(rng, users, rate)
    near, far = binomial(rng, users, ERRORS), binomial(rng, rest, ERRORS)
    peers = [] if after else [peer() for peer in PEERS]  # after hours of good behaviour most of them are gone
    found: dict[str, int] = {}
    early: set[str] = set()
    for minute in range(after + LATEST):
        if minute and minute % (MINUTES // BLOCKS) == 0:
            for bet in bets.values():
                bet.next_block()
        here, beside, beyond = (broken if minute >= after else before)(), near(), far()
        bets[GUARD].add(here, beside + beyond)
        bets[EQUAL].add(here, beside)
        fired = {name for name, bet in bets.items() if bet.capital >= limit}
        fired |= {peer.name for peer in peers if peer.minute(users, here, REQUESTS - users, beside + beyond)}
        for name in fired - found.keys() - early:
            if minute >= after:
                found[name] = minute - after + 1
            else:
                early.add(name)
        if len(found) + len(early) == len(bets) + len(peers):
            break
    return found
