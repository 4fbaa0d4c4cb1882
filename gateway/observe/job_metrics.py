"""The jobs of both pipelines as Prometheus metrics, in the same words for both: label `pipeline` is legacy or v2.

What the monolith does not know has no series, which is not the same as zero. Counters begin again with the process;
the evidence does not. Label values are closed lists. Counterpart: gateway.observe.pipelines, which calls it.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.observe.follower import Settled
from gateway.observe.jobs import JobState, Pipeline, SeenJob

if TYPE_CHECKING:
    from gateway.observe.pipelines import Following

SECONDS: Final = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400)
PIECES: Final = (1, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
SHARES: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
MAX_RULES: Final = 60
"""Different rules per pipeline: v2's error codes are a closed list of another program, so this is a guard."""


class JobMetrics:
    """All of them, on a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"gateway_{name}", text, ["pipeline", *labels], registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"gateway_{name}", text, ["pipeline"], registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"gateway_{name}", text, ["pipeline", *labels], buckets=buckets, registry=registry)

        self._accepted = counter("jobs_accepted", "Jobs seen for the first time.")
        self._ended = counter("jobs_ended", "First ends of jobs, as the proof judged them.", "outcome")
        self._findings = counter("jobs_findings", "Why jobs did not deserve the word complete.", "rule")
        self._unattributed = counter("jobs_unattributed", "Ended jobs whose decision this gateway did not take.")
        self._callbacks = counter("job_callbacks", "What became of telling the web app.", "outcome")
        self._tokens = counter("job_tokens", "Tokens that ended jobs paid for.", "direction")
        self._dollars = counter("job_dollars", "Dollars that ended jobs cost.")
        self._errors = counter("jobs_follow_errors", "Passes over a pipeline's jobs that failed.")
        self._running = gauge("jobs_running", "Jobs that are accepted or running.")
        self._stuck = gauge("jobs_stuck", "Open jobs that show no sign of life.")
        self._followed = gauge("jobs_followed", "1 while the jobs can be followed.")
        self._age = gauge("jobs_follow_age_seconds", "Seconds since the jobs were last read to the end.")
        self._duration = histogram("job_duration_seconds", "From acceptance to the first end.", SECONDS, "outcome")
        self._profile = histogram(
            "job_first_profile_seconds", "From acceptance to the first profile, to the precision of a look.", SECONDS
        )
        self._chunks = histogram("job_chunks", "Chunks stored when a job had ended.", PIECES)
        self._facts = histogram("job_facts", "Facts found by a job.", PIECES)
        self._coverage = histogram("job_coverage_ratio", "Share of the text that reached a model.", SHARES)
        self._rules: dict[Pipeline, set[str]] = {pipeline: set() for pipeline in Pipeline}
        for pipeline in Pipeline:
            self._begin(pipeline)

    def _begin(self, pipeline: Pipeline) -> None:
        """Zeros, so that the first event is an increase; only of what the pipeline can know."""
        for one in (self._accepted, self._unattributed, self._errors, self._running, self._stuck, self._followed):
            one.labels(pipeline)
        for outcome in (JobState.COMPLETE, JobState.DEGRADED, JobState.FAILED, JobState.STUCK):
            self._ended.labels(pipeline, outcome)

    def accepted(self, pipeline: Pipeline, count: int) -> None:
        """Count jobs seen for the first time."""
        self._accepted.labels(pipeline).inc(count)

    def first_profile(self, job: SeenJob) -> None:
        """Time the first profile."""
        if job.profile_at is not None:
            self._profile.labels(job.pipeline).observe(max(0.0, job.profile_at - job.accepted_at))

    def callback(self, job: SeenJob) -> None:
        """Count a settled callback."""
        if job.callback is not None:
            self._callbacks.labels(job.pipeline, job.callback).inc()

    def ended(self, one: Settled) -> None:
        """Count an end, and what the job made and cost."""
        pipeline, figures = one.job.pipeline, one.figures
        self._ended.labels(pipeline, one.state).inc()
        if one.state is JobState.GONE:
            return
        if one.state is not JobState.COMPLETE:
            self._findings.labels(pipeline, self._known_rule(pipeline, one.rule or "none")).inc()
        if not one.attributed:
            self._unattributed.labels(pipeline).inc()
        self._duration.labels(pipeline, one.state).observe(one.seconds)
        for histogram, value in (
            (self._chunks, figures.chunks),
            (self._facts, figures.facts),
            (self._coverage, figures.coverage),
        ):
            if value is not None:
                histogram.labels(pipeline).observe(value)
        for direction, tokens in (("input", figures.input_tokens), ("output", figures.output_tokens)):
            if tokens is not None:
                self._tokens.labels(pipeline, direction).inc(tokens)
        if figures.dollars is not None:
            self._dollars.labels(pipeline).inc(figures.dollars)

    def follow_errors(self, pipeline: Pipeline) -> None:
        """Count a pass that failed."""
        self._errors.labels(pipeline).inc()

    def _known_rule(self, pipeline: Pipeline, rule: str) -> str:
        known = self._rules[pipeline]
        if rule not in known and len(known) >= MAX_RULES:
            return "other"
        known.add(rule)
        return rule

    def render(self, open_jobs: Mapping[tuple[str, JobState], int], following: Mapping[Pipeline, "Following"]) -> bytes:
        """Prometheus text format 0.0.4."""
        now = time.time()
        for pipeline, state in following.items():
            running = sum(open_jobs.get((pipeline, one), 0) for one in (JobState.ACCEPTED, JobState.RUNNING))
            self._running.labels(pipeline).set(running)
            self._stuck.labels(pipeline).set(open_jobs.get((pipeline, JobState.STUCK), 0))
            self._followed.labels(pipeline).set(0 if state.problem or state.read_at is None else 1)
            if state.read_at is not None:
                self._age.labels(pipeline).set(now - state.read_at)
        return generate_latest(self._registry)
