"""Which class carries out which kind of rule, with and without a control. Counterparts: `plan` and `judge`."""

from dataclasses import replace

from gateway.rollout.failures import JobFailures, RequestFailures
from gateway.rollout.job_queue import Job
from gateway.rollout.rule import Kind, Rule, RuleSpec, Setting
from gateway.rollout.slowness import JobSlowness, RequestSlowness
from gateway.rollout.tallies import TalliedFailures, TalliedMix, Unseen
from gateway.rollout.user_mix import UserMix


def tallied_rule(spec: RuleSpec, setting: Setting, gateways: int) -> Rule:
    """The rule for one step where users are counted by so many gateways."""
    match spec.kind:
        case Kind.REQUESTS_FAILED:
            return TalliedFailures(spec, setting, gateways)
        case Kind.USER_MIX:
            return TalliedMix(spec, setting, gateways)
    return Unseen(spec, setting)


def new_rule(spec: RuleSpec, setting: Setting) -> Rule | None:
    """The rule for one step; None where the kind has nothing to compare with."""
    controlled = bool(setting.cohorts.control)
    match spec.kind:
        case Kind.REQUESTS_FAILED:
            return RequestFailures(spec, setting)
        case Kind.JOBS_FAILED:
            return JobFailures(spec, setting, "failed jobs", _failed)
        case Kind.JOBS_DEGRADED:
            return JobFailures(spec, setting, "degraded jobs", _degraded)
        case Kind.JOBS_SLOW if controlled:
            return JobSlowness(spec, setting)
        case Kind.JOBS_SLOW:
            return JobFailures(replace(spec, ages=(spec.limit,)), setting, "jobs not done", _unfinished)
        case Kind.REQUESTS_SLOW:
            return RequestSlowness(spec, setting) if controlled else None
        case Kind.USER_MIX:
            return UserMix(spec, setting)


def _failed(job: Job, age: float) -> bool:
    return job.failed and job.ended_by(age)


def _degraded(job: Job, age: float) -> bool:
    return (job.failed or job.degraded) and job.ended_by(age)


def _unfinished(job: Job, age: float) -> bool:
    return not job.ended_by(age)
