"""The dashboard that ops keep open: where the rollout stands, and both sides of it next to each other."""

from __future__ import annotations

from deploy.grafana.panels import Figure, Graph, Row

SIDES = 'backend=~"legacy|v2",route=~"$route"'
RATE = "[$__rate_interval]"


def latency(share: float) -> str:
    """A quantile per backend."""
    return f"histogram_quantile({share}, sum by (backend, le) (rate(gateway_request_seconds_bucket{{{SIDES}}}{RATE})))"


STANDING = Row(
    "Where it stands",
    (
        Figure("Percentage", "percent", "max by (flag) (gateway_flag_percentage)", "{{flag}}"),
        Figure("Stage", "none", "max by (stage) (gateway_flag_stage) == 1", "{{stage}}", names=True),
        Figure("Generation", "none", "max(gateway_flag_generation)"),
        Figure("Age of the flags", "s", "max(gateway_flag_age_seconds)", red_from=60),
        Figure("Guard", "none", "max by (phase) (gateway_guard_phase) == 1", "{{phase}}", names=True),
        Figure("Kill", "none", "max(gateway_killed)", text="1: everybody goes to legacy", red_from=1),
        Figure("Breaker", "none", "max(gateway_v2_ejected)", text="1: v2 is kept out", red_from=1),
        Figure("Pinned users", "none", "max(gateway_pins)", text="kept on v2 while a job of theirs runs"),
    ),
)

REQUESTS = Row(
    "Requests",
    (
        Graph(
            "Requests",
            "reqps",
            ((f"sum by (backend) (rate(gateway_requests_total{{{SIDES}}}{RATE}))", "{{backend}}"),),
        ),
        Graph(
            "Share of 5xx",
            "percentunit",
            (
                (
                    (
                        f'(sum by (backend) (rate(gateway_requests_total{{{SIDES},status_class="5xx"}}{RATE})) '
                        f"or 0 * sum by (backend) (rate(gateway_requests_total{{{SIDES}}}{RATE}))) "
                        f"/ sum by (backend) (rate(gateway_requests_total{{{SIDES}}}{RATE}))"
                    ),
                    "{{backend}}",
                ),
            ),
        ),
        Graph(
            "Latency",
            "s",
            (
                (latency(0.5), "{{backend}} half"),
                (latency(0.95), "{{backend}} 95 %"),
                (latency(0.99), "{{backend}} 99 %"),
            ),
            "From the end of the request's head to the end of the answer.",
        ),
        Graph(
            "Decisions",
            "reqps",
            ((f"sum by (backend, reason) (rate(gateway_decisions_total{RATE}))", "{{backend}}: {{reason}}"),),
            stacked=True,
        ),
        Graph(
            "Share sent to v2 by the percentage",
            "percent",
            (
                (
                    (
                        f'100 * sum by (flag) (rate(gateway_decisions_total{{reason="percentage-in"}}{RATE})) '
                        f'/ sum by (flag) (rate(gateway_decisions_total{{reason=~"percentage-.*"}}{RATE}))'
                    ),
                    "{{flag}}: requests",
                ),
                ("max by (flag) (gateway_flag_percentage)", "{{flag}}: flag"),
            ),
            "Few users make it differ by chance; the guard's user-mix rule knows when it is no chance.",
        ),
        Graph(
            "Fallbacks, retries, lost answers",
            "reqps",
            (
                (f"sum by (backend) (rate(gateway_fallbacks_total{RATE}))", "fallback to {{backend}}"),
                (f"sum by (event, backend) (rate(gateway_events_total{RATE}))", "{{event}} {{backend}}"),
            ),
        ),
    ),
)

IMPORTS = Row(
    "Imports",
    (
        Graph(
            "Ended within six hours",
            "none",
            (("pipeline_outcome:gateway_jobs_ended:increase6h", "{{pipeline}} {{outcome}}"),),
        ),
        Graph("Complete", "percentunit", (("pipeline:gateway_jobs_complete:ratio6h", "{{pipeline}}"),)),
        Graph(
            "Failed or stuck, degraded",
            "percentunit",
            (
                ("pipeline:gateway_jobs_failed:ratio6h", "{{pipeline}} failed"),
                ("pipeline:gateway_jobs_degraded:ratio6h", "{{pipeline}} degraded"),
            ),
        ),
        Graph(
            "Duration",
            "s",
            (
                ("pipeline:gateway_job_duration_seconds:p50_6h", "{{pipeline}} half"),
                ("pipeline:gateway_job_duration_seconds:p95_6h", "{{pipeline}} 95 %"),
            ),
        ),
        Graph(
            "Running and stuck",
            "none",
            (
                ("sum by (pipeline) (gateway_jobs_running)", "{{pipeline}} running"),
                ("sum by (pipeline) (gateway_jobs_stuck)", "{{pipeline}} stuck"),
            ),
        ),
        Graph(
            "What was wrong with them",
            "none",
            (("sum by (pipeline, rule) (increase(gateway_jobs_findings_total[6h]))", "{{pipeline}}: {{rule}}"),),
            stacked=True,
        ),
    ),
)

GUARD = Row(
    "Guard and rollback",
    (
        Graph(
            "Evidence by rule",
            "none",
            (("max by (rule, severity) (gateway_guard_evidence)", "{{rule}} ({{severity}})"),),
            "At 1 a rule fires: a guardrail rolls back, a signal holds. user-mix is the sample ratio.",
        ),
        Graph(
            "Verdicts",
            "none",
            (("max by (rule, verdict) (gateway_guard_verdict) == 1", "{{rule}}: {{verdict}}"),),
        ),
        Graph(
            "Watched in this step",
            "s",
            (("max(gateway_guard_watched_seconds)", "watched"),),
        ),
        Graph(
            "Time until a change is in force",
            "s",
            (
                (
                    "histogram_quantile(0.99, sum by (le) (rate(gateway_flag_apply_seconds_bucket[1h])))",
                    "99 % of changes and workers",
                ),
            ),
            "A rollback is such a change.",
        ),
        Graph("Age of the flags", "s", (("gateway_flag_age_seconds", "{{instance}} worker {{worker}}"),)),
        Graph("Generation in force", "none", (("gateway_flag_generation", "{{instance}} worker {{worker}}"),)),
    ),
)

ROWS = (STANDING, REQUESTS, IMPORTS, GUARD)
