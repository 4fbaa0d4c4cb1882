"""The dashboard of the imports: how long they take, what they make and cost, and how v2's process is."""

from __future__ import annotations

from deploy.grafana.panels import Figure, Graph, Row

RATE = "[$__rate_interval]"


def quantile(share: float, metric: str) -> str:
    """A quantile of a job histogram per pipeline over six hours."""
    return f"histogram_quantile({share}, sum by (pipeline, le) (rate({metric}_bucket[6h])))"


def mean(metric: str) -> str:
    """The mean of a job histogram per pipeline over six hours."""
    return f"sum by (pipeline) (rate({metric}_sum[6h])) / sum by (pipeline) (rate({metric}_count[6h]))"


NOW = Row(
    "Now",
    (
        Figure("Running", "none", "sum by (pipeline) (gateway_jobs_running)", "{{pipeline}}", width=4),
        Figure("Stuck", "none", "sum by (pipeline) (gateway_jobs_stuck)", "{{pipeline}}", width=4, red_from=1),
        Figure(
            "Accepted in 24 h",
            "none",
            "sum by (pipeline) (increase(gateway_jobs_accepted_total[1d]))",
            "{{pipeline}}",
            width=4,
        ),
        Figure(
            "Dollars in 24 h",
            "currencyUSD",
            "sum by (pipeline) (increase(gateway_job_dollars_total[1d]))",
            "{{pipeline}}",
            width=4,
        ),
        Figure(
            "Followed",
            "none",
            "min by (pipeline) (gateway_jobs_followed)",
            "{{pipeline}}",
            width=4,
            text="1: the gateway can read how these jobs end",
        ),
        Figure(
            "Not attributed",
            "none",
            "sum by (pipeline) (increase(gateway_jobs_unattributed_total[1d]))",
            "{{pipeline}}",
            width=4,
            text="jobs whose decision this gateway did not take, in 24 h",
        ),
    ),
)

TIME = Row(
    "Time",
    (
        Graph(
            "Duration",
            "s",
            (
                (quantile(0.5, "gateway_job_duration_seconds"), "{{pipeline}} half"),
                (quantile(0.95, "gateway_job_duration_seconds"), "{{pipeline}} 95 %"),
            ),
            "From acceptance to the first end, whatever it was.",
        ),
        Graph(
            "Time to the first profile",
            "s",
            (
                (quantile(0.5, "gateway_job_first_profile_seconds"), "{{pipeline}} half"),
                (quantile(0.95, "gateway_job_first_profile_seconds"), "{{pipeline}} 95 %"),
            ),
        ),
        Graph(
            "Seconds by step of v2",
            "s",
            (
                (
                    "sum by (step) (rate(v2_step_seconds_sum[6h])) / sum by (step) (rate(v2_step_seconds_count[6h]))",
                    "{{step}}",
                ),
            ),
        ),
    ),
)

MADE = Row(
    "What they make",
    (
        Graph(
            "Ended within six hours",
            "none",
            (("sum by (pipeline, outcome) (increase(gateway_jobs_ended_total[6h]))", "{{pipeline}} {{outcome}}"),),
            stacked=True,
        ),
        Graph("Chunks an import", "none", ((mean("gateway_job_chunks"), "{{pipeline}}"),)),
        Graph("Facts an import", "none", ((mean("gateway_job_facts"), "{{pipeline}}"),)),
        Graph(
            "Coverage",
            "percentunit",
            (
                (mean("gateway_job_coverage_ratio"), "{{pipeline}} mean"),
                (quantile(0.1, "gateway_job_coverage_ratio"), "{{pipeline}} worst tenth"),
            ),
            "Share of the text that reached a model.",
        ),
        Graph(
            "Findings",
            "none",
            (("sum by (pipeline, rule) (increase(gateway_jobs_findings_total[6h]))", "{{pipeline}}: {{rule}}"),),
            stacked=True,
        ),
        Graph(
            "Telling the web app",
            "none",
            (("sum by (pipeline, outcome) (increase(gateway_job_callbacks_total[6h]))", "{{pipeline}} {{outcome}}"),),
        ),
    ),
)

COST = Row(
    "Cost",
    (
        Graph(
            "Dollars an import",
            "currencyUSD",
            (
                (
                    (
                        "sum by (pipeline) (increase(gateway_job_dollars_total[6h])) "
                        "/ sum by (pipeline) (increase(gateway_jobs_ended_total[6h]))"
                    ),
                    "{{pipeline}}",
                ),
            ),
        ),
        Graph(
            "Tokens",
            "none",
            (("sum by (pipeline, direction) (increase(gateway_job_tokens_total[6h]))", "{{pipeline}} {{direction}}"),),
        ),
        Graph(
            "Model calls of v2",
            "cps",
            ((f"sum by (step, outcome) (rate(v2_model_calls_total{RATE}))", "{{step}} {{outcome}}"),),
            stacked=True,
        ),
    ),
)

DRY = Row(
    "Dry runs of v2",
    (
        Graph(
            "Running",
            "none",
            (("sum(v2_runs_running)", "imports of v2"), ("sum(v2_shadow_runs_running)", "dry runs")),
            width=4,
        ),
        Graph(
            "Ended within six hours",
            "none",
            (("sum by (status) (increase(v2_shadow_runs_finished_total[6h]))", "{{status}}"),),
            width=5,
            stacked=True,
        ),
        Graph(
            "Kept out within six hours",
            "none",
            (("sum by (bound) (increase(v2_shadow_runs_refused_total[6h]))", "{{bound}}"),),
            "By the bound that was reached; nobody waits for these.",
            width=5,
            stacked=True,
        ),
        Graph(
            "Duration",
            "s",
            tuple(
                (
                    f"histogram_quantile({share}, sum by (le) (rate({prefix}_run_seconds_bucket[6h])))",
                    f"{name} {legend}",
                )
                for prefix, name in (("v2_shadow", "dry runs"), ("v2", "imports of v2"))
                for share, legend in ((0.5, "half"), (0.95, "95 %"))
            ),
            "A dry run waits for imports, and uses no batches.",
            width=5,
        ),
        Graph(
            "Tokens within six hours",
            "none",
            (("sum by (direction) (increase(v2_shadow_model_tokens_total[6h]))", "{{direction}}"),),
            width=5,
        ),
    ),
)

SERVICE = Row(
    "The v2 service",
    (
        Graph("Memory", "bytes", (('process_resident_memory_bytes{job="v2"}', "{{instance}}"),)),
        Graph("CPU", "percentunit", ((f'rate(process_cpu_seconds_total{{job="v2"}}{RATE})', "{{instance}}"),)),
        Graph("Lateness of the event loop", "s", (("v2_event_loop_lag_seconds", "{{instance}}"),)),
        Graph(
            "Model limiter",
            "none",
            (
                ("sum(v2_model_limit)", "allowed"),
                ("sum(v2_model_calls_running)", "running"),
                ("sum(v2_model_calls_waiting)", "waiting"),
            ),
        ),
        Graph(
            "Turned away by the model",
            "cps",
            ((f"sum by (status) (rate(v2_model_throttled_total{RATE}))", "{{status}}"),),
        ),
        Graph("Dependencies at the start", "none", (("min by (dependency) (v2_dependency_up)", "{{dependency}}"),)),
    ),
)

ROWS = (NOW, TIME, MADE, COST, DRY, SERVICE)
