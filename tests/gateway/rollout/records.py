"""Records of the evidence stream, short to write. Counterpart: the tests of `judge` and its rules."""

from gateway.core.decide import Backend
from gateway.rollout.evidence import JobOutcome, JobStart, RequestOutcome
from gateway.rollout.judge import Judge
from gateway.rollout.plan import DEFAULT_RULES, DEFAULT_STEPS, Plan
from gateway.rollout.verdict import Finding

PLAN = Plan("process-full-v2", DEFAULT_STEPS, DEFAULT_RULES)
TENTH, HALF, EVERYBODY = 0, 1, 2
V2_BUCKET, LEGACY_BUCKET = 5, 50


def judge(step: int = TENTH, plan: Plan = PLAN) -> Judge:
    """A judge of one step, begun at second 0."""
    return Judge(plan.bench(step), began_at=0.0)


def request(
    seq: int,
    user: str,
    *,
    v2: bool,
    failed: bool = False,
    at: float | None = None,
    percentage: int = 10,
    seconds: float = 0.02,
) -> RequestOutcome:
    """One request; its bucket fits its side at 10 and at 100 per cent."""
    bucket, backend = (V2_BUCKET, Backend.V2) if v2 else (LEGACY_BUCKET, Backend.LEGACY)
    moment = 100.0 + seq if at is None else at
    return RequestOutcome(seq, moment, user, bucket, percentage, backend, failed, seconds)


def job_start(seq: int, user: str, *, v2: bool, accepted_at: float, percentage: int = 10) -> JobStart:
    """A job that begins; its id is its user's."""
    bucket, backend = (V2_BUCKET, Backend.V2) if v2 else (LEGACY_BUCKET, Backend.LEGACY)
    return JobStart(seq, accepted_at, user, bucket, percentage, backend, user, accepted_at)


def job_end(start: JobStart, seconds: float, *, failed: bool = False, void: bool = False) -> JobOutcome:
    """Its end."""
    return JobOutcome(
        start.seq + 1,
        start.accepted_at + seconds,
        start.user,
        start.bucket,
        start.percentage,
        start.backend,
        start.job,
        start.accepted_at,
        seconds,
        failed,
        False,
        void,
    )


def finding(judge: Judge, rule: str, *, over: bool = False) -> Finding:
    """One rule's finding."""
    return next(one for one in judge.findings(over=over) if one.rule == rule)
