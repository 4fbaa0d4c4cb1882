"""One situation per alert in which it must fire, and one, close by, in which it must not, in promtool's notation.

Steps are minutes; those of DAYS are hours.
"""

from __future__ import annotations

from typing import NamedTuple

Series = dict[str, str]
GATEWAY = 'instance="g:9090",job="gateway"'
WORKER = f'{GATEWAY},worker="0"'
V2 = 'instance="v:8002",job="v2"'


COPIES = f'gateway_shadow_requests_total{{{GATEWAY},route="r",outcome="%s"}}'


class Case(NamedTuple):
    """Series that make an alert fire and series that do not, looked at after `steps` steps."""

    alert: str
    firing: Series
    silent: Series
    steps: int = 30


def gauge(series: str, bad: str, good: str) -> tuple[Series, Series]:
    """A constant value that is bad, and one that is not."""
    return {series: f"{bad}x40"}, {series: f"{good}x40"}


def requests(backend: str, good: int, failed: int, route: str = "r") -> Series:
    """Requests a minute."""
    labels = f'{GATEWAY},route="{route}",backend="{backend}"'
    return {
        f'gateway_requests_total{{{labels},status_class="2xx"}}': f"0+{good}x40",
        f'gateway_requests_total{{{labels},status_class="5xx"}}': f"0+{failed}x40",
    }


def dry_runs(**each: int) -> Series:
    """Ends of v2's dry runs a minute, by status."""
    return {
        f'v2_shadow_runs_finished_total{{{V2},status="{status}"}}': f"0+{count}x40" for status, count in each.items()
    }


def latencies(backend: str, fast: int, slow: int, steps: int = 40) -> Series:
    """Requests a step that take under 1 s, and ones between 5 and 10 s."""
    labels = f'{GATEWAY},route="r",backend="{backend}"'
    bucket = "gateway_request_seconds_bucket"
    return {
        f'{bucket}{{{labels},le="1.0"}}': f"0+{fast}x{steps}",
        f'{bucket}{{{labels},le="5.0"}}': f"0+{fast}x{steps}",
        f'{bucket}{{{labels},le="10.0"}}': f"0+{fast + slow}x{steps}",
        f'{bucket}{{{labels},le="+Inf"}}': f"0+{fast + slow}x{steps}",
    }


def ends(pipeline: str, **each: str) -> Series:
    """Ends of jobs by outcome."""
    labels = f'{GATEWAY},pipeline="{pipeline}"'
    return {f'gateway_jobs_ended_total{{{labels},outcome="{outcome}"}}': values for outcome, values in each.items()}


def durations(pipeline: str, short: str, long: str) -> Series:
    """Jobs of at most 300 s, and all of at most 1800 s."""
    labels = f'{GATEWAY},pipeline="{pipeline}",outcome="complete"'
    bucket = "gateway_job_duration_seconds_bucket"
    return {
        f'{bucket}{{{labels},le="300.0"}}': short,
        f'{bucket}{{{labels},le="1800.0"}}': long,
        f'{bucket}{{{labels},le="+Inf"}}': long,
    }


def chunks(pipeline: str, total: str, jobs: str) -> Series:
    """Chunks made, by that many jobs."""
    labels = f'{GATEWAY},pipeline="{pipeline}"'
    return {f"gateway_job_chunks_sum{{{labels}}}": total, f"gateway_job_chunks_count{{{labels}}}": jobs}


def first(series: str) -> tuple[Series, Series]:
    """A counter that did not exist and begins with 1, and one that stays as it was."""
    return {series: "_x80 1x40"}, {series: "7x120"}


def token_keys(ages: str, interval: int) -> Series:
    """Keys of that age, which are looked for every `interval` seconds."""
    return {
        f"gateway_token_keys_age_seconds{{{GATEWAY}}}": ages,
        f"gateway_token_keys_interval_seconds{{{GATEWAY}}}": f"{interval}x40",
    }


def guard(phase: str, seen: str = "0+60x40") -> Series:
    """A guard in a phase."""
    return {
        f'gateway_guard_phase{{{GATEWAY},phase="{phase}"}}': "1x40",
        f"gateway_guard_seen_seconds{{{GATEWAY}}}": seen,
    }


def verdict(rule: str, severity: str, said: str) -> Series:
    """What one rule says."""
    return {
        f'gateway_guard_verdict{{{GATEWAY},rule="{rule}",verdict="{said}"}}': "1x40",
        f'gateway_guard_evidence{{{GATEWAY},rule="{rule}",severity="{severity}"}}': "1x40",
    }


def finding(rule: str) -> str:
    """The counter of a rule's findings."""
    return f'gateway_jobs_findings_total{{{GATEWAY},pipeline="v2",rule="{rule}"}}'


PIPELINE = f'{GATEWAY},pipeline="v2"'
UP_G, UP_V2 = f"up{{{GATEWAY}}}", f"up{{{V2}}}"
GENERATION = f"gateway_flag_generation{{{WORKER}}}"
OTHER_GENERATION = GENERATION.replace('worker="0"', 'worker="1"')
LAG = "gateway_loop_lag_seconds_bucket"
REFUSED = f'gateway_events_total{{{GATEWAY},event="retry-refused",backend="v2"}}'
CALLBACK = f'gateway_job_callbacks_total{{{PIPELINE},outcome="failed"}}'
MODEL = f'v2_model_calls_total{{{V2},step="extract",outcome="%s"}}'
MEMORY = f"process_resident_memory_bytes{{{V2}}}"
FOLLOWED = f"gateway_jobs_followed{{{PIPELINE}}}"
QUICK = latencies("legacy", 10, 0, 1500)

MINUTES = (
    Case("GatewayDown", *gauge(UP_G, "0", "1")),
    Case("GatewayMissing", {}, {UP_G: "1x40"}),
    Case("WorkersUnready", *gauge(f"gateway_worker_ready{{{WORKER}}}", "0", "1")),
    Case("WorkersRestart", *gauge(f"gateway_worker_restarts_total{{{WORKER}}}", "0+1", "3")),
    Case("GatewayCpuFull", *gauge(f"gateway_worker_cpu_seconds_total{{{WORKER}}}", "0+59", "0+50")),
    Case("GatewayMemoryHigh", *gauge(f"gateway_worker_resident_bytes{{{WORKER}}}", "400000000", "200000000")),
    Case(
        "GatewayLoopLate",
        {f'{LAG}{{{WORKER},le="0.1"}}': "0+90x40", f'{LAG}{{{WORKER},le="0.5"}}': "0+100x40"}
        | {f'{LAG}{{{WORKER},le="+Inf"}}': "0+100x40"},
        {f'{LAG}{{{WORKER},le="0.1"}}': "0+100x40", f'{LAG}{{{WORKER},le="+Inf"}}': "0+100x40"},
    ),
    Case("ShadowIsReal", *gauge(f"gateway_shadow_stopped{{{GATEWAY}}}", "1", "0")),
    Case(
        "ShadowDiffers",
        {f'gateway_shadow_paths{{{GATEWAY},route="r",standing="different"}}': "2x90"},
        {f'gateway_shadow_paths{{{GATEWAY},route="r",standing="{other}"}}': "2x90" for other in ("noise", "unknown")},
        60,
    ),
    Case(
        "ShadowFails",
        {COPIES % "sent": "0+7x120", COPIES % "failed": "0+3x120"},
        {COPIES % "sent": "0+9x120", COPIES % "failed": "0+1x120", COPIES % "expired": "0+9x120"},
        110,
    ),
    Case("DryRunsFail", dry_runs(complete=7, failed=3), dry_runs(complete=9, failed=1)),
    Case("SeriesDropped", *gauge(f"gateway_series_dropped_total{{{GATEWAY}}}", "0+1", "9")),
    Case("V2RequestsFail", requests("v2", 95, 5), requests("v2", 99, 1) | requests("legacy", 50, 50)),
    Case("LegacyRequestsFail", requests("legacy", 95, 5), requests("legacy", 99, 1) | requests("v2", 50, 50)),
    Case(
        "V2RequestsSlow",
        latencies("v2", 90, 10) | latencies("legacy", 100, 0),
        latencies("v2", 90, 10) | latencies("legacy", 90, 10),
    ),
    Case(
        "RoutesSlow",
        # Fast for a day, then slow: a bucket of fast answers that no longer grows.
        {name: values if 'le="1.0"' not in name else "0+10x1440 14400x60" for name, values in QUICK.items()},
        QUICK,
        1470,
    ),
    Case("OutcomeUnknown", *first(REFUSED), 90),
    Case("FlagsStale", *gauge(f"gateway_flag_age_seconds{{{WORKER}}}", "90", "30")),
    Case("FlagsUnusable", *gauge(f"gateway_flag_error{{{WORKER}}}", "1", "0")),
    Case(
        "FlagsDiffer",
        {GENERATION: "3x40", OTHER_GENERATION: "4x40"},
        {GENERATION: "4x40", OTHER_GENERATION: "3x29 4x10"},
    ),
    Case("FlagEnginesDisagree", *gauge(f"gateway_flag_disagreements_total{{{GATEWAY}}}", "0+1", "2")),
    Case("BreakerOpen", *gauge(f"gateway_v2_ejected{{{WORKER}}}", "1", "0")),
    Case("TokenKeysStale", token_keys("9+60x40", 60), token_keys("9+60x40", 900)),
    Case("TokenKeysMissing", *gauge(f"gateway_token_keys{{{GATEWAY}}}", "0", "1")),
    Case("KillEngaged", *gauge(f"gateway_killed{{{WORKER}}}", "1", "0")),
    Case("RolledBack", guard("rolled back"), guard("watching")),
    Case(
        "UserMixSkewed",
        verdict("user-mix", "signal", "bad"),
        verdict("user-mix", "signal", "good") | verdict("requests-slow", "signal", "bad"),
    ),
    Case("SignalBad", verdict("requests-slow", "signal", "bad"), verdict("jobs-failed", "guardrail", "bad")),
    Case("GuardSilent", guard("watching", "60x40"), guard("done", "60x40")),
    Case("RolloutWaits", guard("asking"), guard("held")),
    Case("EvidenceDropped", *gauge(f"gateway_evidence_dropped_total{{{GATEWAY}}}", "0+2", "5")),
    Case("EvidenceDown", *gauge(f"gateway_evidence_up{{{GATEWAY}}}", "0", "1")),
    Case("JobsNotFollowed", *gauge(FOLLOWED, "0", "1")),
    Case("JobsNotListed", *gauge(f"gateway_v2_jobs_error{{{GATEWAY}}}", "1", "0")),
    Case("JobsFail", ends("v2", complete="0+1x40", failed="0+1x40"), ends("v2", complete="0+1x40", failed="0x40")),
    Case("JobsDegraded", ends("v2", complete="0+1x40", degraded="0+1x40"), ends("v2", complete="0+1x40")),
    Case("JobsStuck", *gauge(f"gateway_jobs_stuck{{{PIPELINE}}}", "1", "0")),
    Case(
        "NothingCompletes",
        ends("v2", complete="4x300") | {f"gateway_jobs_running{{{PIPELINE}}}": "2x300"},
        ends("v2", complete="4x200 5x100") | {f"gateway_jobs_running{{{PIPELINE}}}": "2x300"},
        240,
    ),
    Case(
        "V2JobsSlow",
        durations("v2", "0x200", "0+1x200")
        | durations("legacy", "0+1x200", "0+1x200")
        | ends("v2", complete="0+1x200"),
        durations("v2", "0+1x200", "0+1x200")
        | durations("legacy", "0+1x200", "0+1x200")
        | ends("v2", complete="0+1x200"),
        120,
    ),
    Case("CallbacksFail", *first(CALLBACK), 90),
    Case("V2Down", *gauge(UP_V2, "0", "1")),
    Case("V2Missing", {}, {UP_V2: "1x40"}),
    Case("V2MemoryHigh", *gauge(MEMORY, "500000000", "300000000")),
    Case("V2Restarts", *gauge(f"process_start_time_seconds{{{V2}}}", "0+60", "60")),
    Case("V2CpuFull", *gauge(f"process_cpu_seconds_total{{{V2}}}", "0+59", "0+40")),
    Case("V2LoopLate", *gauge(f"v2_event_loop_lag_seconds{{{V2}}}", "2", "0.1")),
    Case("V2DependencyMissing", *gauge(f'v2_dependency_up{{{V2},dependency="schema"}}', "0", "1")),
    Case("ModelThrottled", *gauge(f'v2_model_throttled_total{{{V2},status="429"}}', "0+5", "100"), 50),
    Case(
        "ModelAnswersUseless",
        {MODEL % "ok": "0+7x40", MODEL % "invalid": "0+3x40"},
        {MODEL % "ok": "0+9x40", MODEL % "invalid": "0+1x40"},
    ),
    Case("KnownFailure", *first(finding("store-refused")), 90),
    Case("CompleteWithoutData", *first(finding("no-chunks")), 90),
    Case(
        "CompleteWithGaps",
        {finding("embeddings-missing"): "0+1x40"},
        {finding("embeddings-missing"): "0x38 1x2"},
    ),
)

# A week of ordinary imports, then a day of others.
WEEK = chunks("v2", "0+1000x240", "0+10x240")
DAYS = (
    Case(
        "ImportsExpensive",
        ends("v2", complete="0+1x60") | {f"gateway_job_dollars_total{{{PIPELINE}}}": "0+8x60"},
        ends("v2", complete="0+1x60") | {f"gateway_job_dollars_total{{{PIPELINE}}}": "0+2x60"},
        48,
    ),
    Case("SpendingHigh", *gauge(f"gateway_job_dollars_total{{{PIPELINE}}}", "0+0.1", "0+0.01")),
    Case(
        "ChunksDoubled",
        chunks("v2", "0+1000x200 201000+3000x40", "0+10x240"),
        WEEK,
        236,
    ),
    Case(
        "ChunksUnlikeLegacys",
        WEEK | chunks("legacy", "0+200x240", "0+10x240"),
        WEEK | chunks("legacy", "0+500x240", "0+10x240"),
        200,
    ),
)
