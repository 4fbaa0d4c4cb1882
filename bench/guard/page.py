"""Writes the study down as a page. Counterpart: `study`."""

from bench.guard import jobs
from bench.guard.budget import plan, setting
from bench.guard.healthy import GUARDRAILS
from bench.guard.peers import PEERS
from bench.guard.study import (
    FINE_HOURS,
    FINE_PER_MINUTE,
    JOB_SCENARIOS,
    LATE,
    RATES,
    TARGETED,
    Outcome,
    Scenario,
    Times,
)
from gateway.rollout.rule import Kind


def render(outcome: Outcome) -> str:
    """The page in Markdown."""
    return "\n".join([_head(outcome), _healthy(outcome), _found(outcome), _jobs(outcome), _fine(outcome)])


def _head(outcome: Outcome) -> str:
    shares = [setting(kind).alpha for kind in GUARDRAILS]
    return f"""# The guard by simulation

Written by `python -m bench.guard`, seeds fixed, {_runs(outcome)}.
1,000 requests a minute, 0.5 % errors, 10 % of users on v2; {jobs.V2_JOBS_PER_HOUR} jobs an hour on v2 and nine times as
many on legacy, of which 2 % fail.

The rules and their error budget are those of the default plan: {plan().alpha:.0%} over all steps and guardrails, so at
10 % {shares[0]:.3%} for failed requests, {shares[1]:.3%} for failed jobs, {shares[2]:.3%} for slow jobs.
Other systems' rules are restated in a few lines each (`peers.py`), with common settings, on the same streams; they see
all of legacy's requests as their control.
"""


def _runs(outcome: Outcome) -> str:
    """How many runs of what has a target, and of the rest; `fine` runs are told where they are shown."""
    targeted = [Scenario("healthy"), *(Scenario("harmful", rate=rate) for rate in RATES)]
    targeted += [Scenario("jobs", name) for name in TARGETED]
    counts = [len(outcome.of(scenario)) for scenario in targeted]
    others = [
        len(results) for one, results in outcome.results.items() if one not in targeted and "fine" not in one.kind
    ]
    return f"{min(counts):,} runs or more of what has a target, {min(others):,} or more of the rest"


def _healthy(outcome: Outcome) -> str:
    runs = outcome.fired()
    share = {kind: sum(kind in fired for fired, _ in runs) / len(runs) for kind in GUARDRAILS}
    lines = [
        "## A harmless v2, watched for 48 hours: rolled back all the same",
        "",
        "| rule | within 2 h | within 48 h |",
        "|---|---:|---:|",
        f"| **the guard, all rules together** | | **{sum(bool(fired) for fired, _ in runs) / len(runs):.2%}** |",
        *(f"| the guard: {kind} | | {share[kind]:.2%} |" for kind in GUARDRAILS),
    ]
    for peer in PEERS:
        minutes = [gone[peer.name] for _, gone in runs if peer.name in gone]
        soon = sum(minute <= 120 for minute in minutes)
        lines.append(f"| {peer.name} | {soon / len(runs):.2%} | {len(minutes) / len(runs):.2%} |")
    lines += [
        "",
        "Target: at most 5 % in all. Argo's inconclusive limit pauses; it is counted here.",
        "Held all the same by a signal: "
        + ", ".join(f"{name} {share:.2%}" for name, share in outcome.held().items())
        + ".",
        "",
        "Requests were drawn once a minute, jobs each five minutes. Every rule of the guard is a capital that starts",
        "at 1 and, while v2 does no harm, is not expected to grow; it *ever* reaches 1/alpha with a chance of at most",
        "alpha, whenever somebody looks (Ville's inequality). So looking each second cannot add to the bound, only use",
        "more of it.",
        "",
    ]
    return "\n".join(lines)


def _found(outcome: Outcome) -> str:
    lines = ["## Requests that fail more often: minutes until found, median (nine tenths of runs)", ""]
    lines += ["| rule | 0.5 -> 1 % | 0.5 -> 2.5 % | 0.5 -> 20 % |", "|---|---:|---:|---:|"]
    lines += _rows(outcome, 0)
    lines += [
        "| target | 40 | 4 | 1 |",
        "",
        f"v2 breaks after {LATE // 60} good hours:",
        "",
        "| rule | 0.5 -> 1 % | 0.5 -> 2.5 % | 0.5 -> 20 % |",
        "|---|---:|---:|---:|",
    ]
    lines += _rows(outcome, LATE)
    lines += [
        "",
        "A rule that has rolled back most harmless releases is quick here, and worth as little as a stopped clock.",
        "",
    ]
    return "\n".join(lines)


def _rows(outcome: Outcome, after: int) -> list[str]:
    columns = [outcome.minutes(rate, after) for rate in RATES]
    return [f"| {name} | " + " | ".join(_times(column[name]) for column in columns) + " |" for name in columns[0]]


def _jobs(outcome: Outcome) -> str:
    lines = [
        "## Jobs: until found, from the beginning of the step, median (nine tenths of runs)",
        "",
        "| v2's jobs | hours | v2 jobs accepted by then |",
        "|---|---:|---:|",
    ]
    for name in JOB_SCENARIOS:
        hours, accepted = outcome.jobs(name)
        lines.append(f"| {name} | {_times(hours)} | {_times(accepted)} |")
    lines += [
        "| target for failures | 4 | |",
        "| target for durations | | 40 |",
        "",
        "Through the real judge, job by job, asked each minute. Jobs are looked at when they are old enough (15 min",
        "and 2 h for failures, up to 30 min for durations), which is part of these times. Durations are log-normal",
        "around 6 min; the spread is the standard deviation of their logarithm, and v2 is forgiven a factor of 1.2.",
        "",
    ]
    return "\n".join(lines)


def _fine(outcome: Outcome) -> str:
    by_user, by_request, by_jobs = outcome.fine()
    allowed, runs = setting(Kind.REQUESTS_FAILED).alpha, len(outcome.of(Scenario("fine")))
    return f"""## Asked at every record, with users who retry

The real judge, {runs} runs of {FINE_HOURS:g} h at {FINE_PER_MINUTE} requests a minute, asked after every failure; a
fifth of the failing users have a broken export and fail ten times in a row on either side. Rolled back all the same:
{by_user:.1%}. If it counted requests instead of users: {by_request:.1%}, where {allowed:.2%} is allowed.
Jobs, {runs} runs of 48 h, job by job, asked each minute: {by_jobs:.1%}.
"""


def _times(times: Times) -> str:
    return f"{_number(times.median)} ({_number(times.most)})"


def _number(value: float) -> str:
    return "never" if value == float("inf") else f"{value:.3g}"
