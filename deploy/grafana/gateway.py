"""The dashboard of the gateway itself: rate, errors and duration by route, then its pools, breaker and processes."""

from __future__ import annotations

from deploy.grafana.panels import Figure, Graph, Row

ROUTES = 'route=~"$route"'
RATE = "[$__rate_interval]"

LATENESS = f"histogram_quantile(0.99, sum by (instance, worker, le) (rate(gateway_loop_lag_seconds_bucket{RATE})))"


def latency(share: float) -> str:
    """A quantile per route and backend."""
    return (
        f"histogram_quantile({share}, sum by (route, backend, le) "
        f"(rate(gateway_request_seconds_bucket{{{ROUTES}}}{RATE})))"
    )


NOW = Row(
    "Now",
    (
        Figure("Workers ready", "none", "sum(gateway_worker_ready)"),
        Figure("Workers", "none", "count(gateway_worker_ready)"),
        Figure("In flight", "none", "sum(gateway_in_flight)"),
        Figure("Connections", "none", "sum(gateway_connections)"),
        Figure("Evidence kept", "none", "min(gateway_evidence_up)"),
        Figure("Evidence lost in 24 h", "none", "sum(increase(gateway_evidence_dropped_total[1d]))", red_from=1),
        Figure("Series", "none", "max(gateway_series)"),
        Figure("Version", "none", "max by (version) (gateway_build_info)", "{{version}}", names=True),
    ),
)

RED = Row(
    "Rate, errors, duration",
    (
        Graph(
            "Requests",
            "reqps",
            ((f"sum by (route, backend) (rate(gateway_requests_total{{{ROUTES}}}{RATE}))", "{{route}} {{backend}}"),),
        ),
        Graph(
            "By status",
            "reqps",
            ((f"sum by (status_class) (rate(gateway_requests_total{{{ROUTES}}}{RATE}))", "{{status_class}}"),),
            stacked=True,
        ),
        Graph("Duration, 95 %", "s", ((latency(0.95), "{{route}} {{backend}}"),)),
        Graph(
            "Failed exchanges",
            "reqps",
            (
                (
                    f"sum by (backend, where, fault, problem) (rate(gateway_upstream_errors_total{RATE}))",
                    "{{backend}} {{where}}: {{problem}} ({{fault}})",
                ),
            ),
        ),
        Graph(
            "In flight",
            "none",
            ((f"sum by (route, backend) (gateway_exchanges_in_flight{{{ROUTES}}})", "{{route}} {{backend}}"),),
        ),
        Graph(
            "Bytes",
            "Bps",
            (
                (f"sum by (backend) (rate(gateway_received_bytes_total{{{ROUTES}}}{RATE}))", "{{backend}} received"),
                (f"sum by (backend) (rate(gateway_sent_bytes_total{{{ROUTES}}}{RATE}))", "{{backend}} sent"),
            ),
        ),
    ),
)

UPSTREAM = Row(
    "Backends",
    (
        Graph(
            "Connections to backends",
            "none",
            (("sum by (backend, state) (gateway_upstream_connections)", "{{backend}} {{state}}"),),
        ),
        Graph(
            "Breaker",
            "none",
            (
                ("gateway_v2_ejected", "{{instance}} worker {{worker}}"),
                ("sum(increase(gateway_v2_ejections_total[1h]))", "opened within an hour"),
            ),
        ),
        Graph(
            "Jobs that run on v2, as v2 says",
            "none",
            (("max(gateway_v2_jobs_running)", "jobs"), ("max(gateway_v2_jobs_error)", "v2 does not say")),
        ),
    ),
)

SHADOW = Row(
    "Shadow",
    (
        Graph(
            "Copies",
            "reqps",
            (
                (
                    f"sum by (route, outcome) (rate(gateway_shadow_requests_total{{{ROUTES}}}{RATE}))",
                    "{{route}}: {{outcome}}",
                ),
            ),
            "Requests that legacy has answered and v2 was given too. Nobody waits for them.",
            stacked=True,
        ),
        Graph(
            "Differences by kind",
            "reqps",
            (
                (
                    f"sum by (route, against, kind) (rate(gateway_shadow_differences_total{{{ROUTES}}}{RATE}))",
                    "{{route}} {{against}}: {{kind}}",
                ),
                (
                    f"sum by (route, against) (rate(gateway_shadow_comparisons_total{{{ROUTES}}}{RATE}))",
                    "{{route}} {{against}} compared",
                ),
            ),
            "The candidate's answers against legacy's, and legacy's against itself, which is noise.",
        ),
        Graph(
            "Paths that differ",
            "none",
            ((f"max by (route, standing) (gateway_shadow_paths{{{ROUTES}}})", "{{route}}: {{standing}}"),),
            "rollout shadow names them.",
        ),
        Figure("Under way", "none", "sum(gateway_shadow_in_flight)"),
        Figure("Waiting", "none", "sum(gateway_shadow_waiting)"),
        Figure("Held", "bytes", "sum(gateway_shadow_held_bytes)"),
        Figure(
            "Stopped",
            "none",
            "sum(gateway_shadow_stopped)",
            text="workers that v2 answered as if a copy were a request",
            red_from=1,
        ),
    ),
)

TOKENS = Row(
    "Keys of tokens",
    (
        Graph(
            "Age of the keys",
            "s",
            (
                ("gateway_token_keys_age_seconds", "{{instance}}"),
                ("max(gateway_token_keys_interval_seconds)", "seconds between two looks"),
            ),
            "Since the key set was last read. The last good one stays in force however old it is.",
        ),
        Graph("Keys in force", "none", (("gateway_token_keys", "{{instance}}"),)),
        Graph(
            "Failed looks at the key set",
            "none",
            (("increase(gateway_token_keys_failures_total[1h])", "{{instance}} within an hour"),),
        ),
    ),
)

PROCESSES = Row(
    "Processes",
    (
        Graph(
            "CPU of the workers",
            "percentunit",
            ((f"rate(gateway_worker_cpu_seconds_total{RATE})", "{{instance}} worker {{worker}}"),),
        ),
        Graph(
            "Memory",
            "bytes",
            (
                ("gateway_worker_resident_bytes", "{{instance}} worker {{worker}}"),
                ('process_resident_memory_bytes{job="gateway"}', "{{instance}} supervisor"),
            ),
        ),
        Graph(
            "Lateness of the event loop, 99 %",
            "s",
            (
                (
                    LATENESS,
                    "{{instance}} worker {{worker}}",
                ),
            ),
        ),
        Graph(
            "Restarts and late starts",
            "none",
            (
                ("sum by (worker) (increase(gateway_worker_restarts_total[1h]))", "restarts of {{worker}}"),
                ("sum by (worker) (increase(gateway_worker_late_starts_total[1h]))", "late starts of {{worker}}"),
            ),
        ),
        Graph(
            "Lost lines, series, answers that differ",
            "none",
            (
                ("sum(increase(gateway_access_log_dropped_lines_total[1h]))", "access log lines"),
                ("sum(increase(gateway_series_dropped_total[1h]))", "events without room"),
                ("sum(increase(gateway_flag_disagreements_total[1h]))", "flag answers that differ"),
            ),
        ),
        Graph(
            "Evidence",
            "cps",
            (
                (f"sum(rate(gateway_evidence_records_total{RATE}))", "written"),
                (f"sum(rate(gateway_evidence_dropped_total{RATE}))", "lost"),
                (f"sum(rate(gateway_evidence_defects_total{RATE}))", "defects"),
            ),
        ),
    ),
)

ROWS = (NOW, RED, UPSTREAM, SHADOW, TOKENS, PROCESSES)
