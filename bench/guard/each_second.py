"""The real judge on a harmless v2, asked at every record, with users who come back and retry: the finest look there is.

Every request is a record here. A fifth of the users have a broken export: they fail on either side, ten times in a row.
Counting their failures one by one would make one unlucky user ten pieces of evidence.
"""

from math import exp
from random import Random

from bench.guard.budget import plan
from bench.guard.healthy import ERRORS
from gateway.core.decide import Backend
from gateway.rollout.bets import Bet, risk_alternatives
from gateway.rollout.evidence import RequestOutcome
from gateway.rollout.judge import SETTLING, Judge
from gateway.rollout.rule import Kind
from gateway.rollout.verdict import Severity

PERCENTAGE = 10
RETRIES = 10
BROKEN_EXPORTS = 0.2
"""Of the failing users."""


def rolls_back(rng: Random, hours: float, per_minute: int) -> tuple[bool, bool]:
    """Whether the guard rolls back, and whether it would if it counted requests instead of users."""
    bench = plan().bench(0)
    judge = Judge(bench, began_at=0.0)
    rule = next(spec for spec in bench.rules if spec.kind is Kind.REQUESTS_FAILED)
    naive, limit = Bet(risk_alternatives(bench.cohorts.q)), exp(bench.setting(rule).threshold)
    by_user = by_request = False
    for number in range(int(hours * 60 * per_minute)):
        at = SETTLING + number * 60 / per_minute
        bucket = rng.randint(1, 100)
        backend = Backend.V2 if bucket <= PERCENTAGE else Backend.LEGACY
        failed = rng.random() < ERRORS
        times = RETRIES if failed and rng.random() < BROKEN_EXPORTS else 1
        record = RequestOutcome(number, at, str(number), bucket, PERCENTAGE, backend, failed, 0.01)
        judge.hear([record] * times)
        if failed:
            v2 = backend is Backend.V2
            naive.add(times * v2, times * (not v2))
            by_request = by_request or naive.capital >= limit
            by_user = by_user or bool(judge.fired(Severity.GUARDRAIL))
    return by_user, by_request
