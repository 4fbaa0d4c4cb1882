"""48 hours of a v2 that does no harm, minute by minute: how often each rule rolls back or holds all the same.

Given that nobody is harmed, which cohort an event falls into is a toss with chance q, so counts of a minute are drawn
as such; durations are drawn as categories, for the same reason. Requests are drawn and looked at once a minute, jobs
each five minutes. Looking more often would also see the peaks in between; the bound of Ville's inequality covers every
look, and `each_second` tries it.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from random import Random

from bench.guard.budget import MINUTES, setting
from bench.guard.draws import Draw, binomial, poisson
from bench.guard.peers import PEERS
from gateway.rollout.bets import BLOCKS, Bet, risk_alternatives, shift_alternatives
from gateway.rollout.rule import Kind
from gateway.rollout.shares import log_e_mix
from gateway.rollout.slowness import JOB_QUANTILES, REQUEST_QUANTILES

GUARDRAILS = (Kind.REQUESTS_FAILED, Kind.JOBS_FAILED, Kind.JOBS_SLOW)
SIGNALS = (Kind.USER_MIX, Kind.REQUESTS_SLOW, Kind.JOBS_DEGRADED)

REQUESTS, ERRORS = 1000, 0.005
JOBS_PER_HOUR, JOB_FAILURES, JOBS_DEGRADED = 400, 0.02, 0.05
JOBS_EVERY = 5
"""Minutes."""

EARLY = 0.85
"""Share of job failures that have happened within the first of the two ages."""


@dataclass(frozen=True, slots=True)
class Minute:
    """What is drawn each minute (requests) or each five (jobs), per cohort or per category."""

    requests: tuple[Draw, Draw]
    early: tuple[Draw, Draw]
    late: tuple[Draw, Draw]
    slow: tuple[tuple[Draw, Draw], ...]


class Run:
    """One run of all guardrails, on one stream."""

    def __init__(self, rng: Random) -> None:
        self._q = setting(Kind.REQUESTS_FAILED).cohorts.q
        self._minute = _minute(rng, self._q)
        risks = risk_alternatives(self._q)
        self._requests, self._early, self._late = Bet(risks), Bet(risks), Bet(risks)
        self._slow = Bet(shift_alternatives(self._q, JOB_QUANTILES))
        self._limits = {kind: exp(setting(kind).threshold) for kind in GUARDRAILS}

    def fires(self) -> tuple[set[Kind], dict[str, int]]:
        """Guardrails that rolled back within 48 hours, and the minute in which other systems' rules did."""
        fired: set[Kind] = set()
        gone: dict[str, int] = {}
        peers = [peer() for peer in PEERS]
        draws = self._minute
        v2, control = round(REQUESTS * self._q), REQUESTS - round(REQUESTS * self._q)
        for minute in range(MINUTES):
            if minute and minute % (MINUTES // BLOCKS) == 0:
                for bet in (self._requests, self._early, self._late, self._slow):
                    bet.next_block()
            here, there = draws.requests[0](), draws.requests[1]()
            self._requests.add(here, there)
            if minute % JOBS_EVERY == 0:
                self._jobs()
            fired |= self._fired()
            for peer in peers:
                if peer.name not in gone and peer.minute(v2, here, control, there):
                    gone[peer.name] = minute + 1
        return fired, gone

    def _jobs(self) -> None:
        draws = self._minute
        early = draws.early[0](), draws.early[1]()
        self._early.add(*early)
        self._late.add(early[0] + draws.late[0](), early[1] + draws.late[1]())
        for category, (v2, control) in enumerate(draws.slow):
            self._slow.add(v2(), control(), category)

    def _fired(self) -> set[Kind]:
        capital = {
            Kind.REQUESTS_FAILED: self._requests.capital,
            Kind.JOBS_FAILED: (self._early.capital + self._late.capital) / 2,
            Kind.JOBS_SLOW: self._slow.capital,
        }
        return {kind for kind, value in capital.items() if value >= self._limits[kind]}


def _minute(rng: Random, q: float) -> Minute:
    jobs = JOBS_PER_HOUR / 60 * JOBS_EVERY
    failing = jobs * JOB_FAILURES
    edges = (0.0, *JOB_QUANTILES, 1.0)
    shares = [high - low for low, high in pairwise(edges)]
    v2 = round(REQUESTS * q)
    return Minute(
        (binomial(rng, v2, ERRORS), binomial(rng, REQUESTS - v2, ERRORS)),
        (poisson(rng, failing * EARLY * q), poisson(rng, failing * EARLY * (1 - q))),
        (poisson(rng, failing * (1 - EARLY) * q), poisson(rng, failing * (1 - EARLY) * (1 - q))),
        tuple((poisson(rng, jobs * s * q), poisson(rng, jobs * s * (1 - q))) for s in shares),
    )


def signals(rng: Random) -> set[Kind]:
    """Signals that held within 48 hours."""
    q = setting(Kind.USER_MIX).cohorts.q
    limits = {kind: setting(kind).threshold for kind in SIGNALS}
    slow, degraded = Bet(shift_alternatives(q, REQUEST_QUANTILES)), Bet(risk_alternatives(q))
    users = binomial(rng, REQUESTS, q)
    per_hour = JOBS_PER_HOUR / 60 * JOBS_DEGRADED
    jobs = poisson(rng, per_hour * q), poisson(rng, per_hour * (1 - q))
    edges = (0.0, *REQUEST_QUANTILES, 1.0)
    counts = [round(REQUESTS * (high - low)) for low, high in pairwise(edges)]
    categories = [(count, binomial(rng, count, q)) for count in counts]
    seen, fired = [0, 0], set()
    for minute in range(MINUTES):
        if minute and minute % (MINUTES // BLOCKS) == 0:
            slow.next_block()
            degraded.next_block()
        for category, (count, draw) in enumerate(categories):
            v2 = draw()
            slow.add(v2, count - v2, category)
        degraded.add(jobs[0](), jobs[1]())
        v2 = users()
        seen[0] += v2
        seen[1] += REQUESTS - v2
        evidence = {
            Kind.USER_MIX: log_e_mix(seen, (q, 1 - q)),
            Kind.REQUESTS_SLOW: log(slow.capital),
            Kind.JOBS_DEGRADED: log(degraded.capital),
        }
        fired |= {kind for kind, value in evidence.items() if value >= limits[kind]}
    return fired
