"""What the service says of itself: Prometheus metrics and JSON log lines that never hold people's text, ids or keys."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from v2_service.contract import ModelReply

log = logging.getLogger("v2")

STEP_BUCKETS = (0.05, 0.25, 1, 5, 15, 60, 300, 900, 1800)
RUN_BUCKETS = (5, 15, 60, 180, 600, 1800, 3600, 7200, 14400)
# Ends and refusals are counted from zero on: Prometheus sees no increase in a series that is born as 1.
ENDS = ("complete", "degraded", "failed", "cancelled")
# Model clients log request bodies at DEBUG, and their URLs at INFO.
QUIET = ("httpx", "httpx2", "httpcore", "anthropic", "botocore", "boto3", "urllib3", "dbos")


class RunMetrics:
    """What runs do. Those of dry runs have the same names behind another prefix, so that no sum holds both."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self.accepted = Counter(f"{prefix}_runs_accepted", "Runs accepted, by kind.", ["kind"], registry=registry)
        self.joined = Counter(
            f"{prefix}_runs_joined", "Requests that were answered with a running run.", registry=registry
        )
        self.finished = Counter(f"{prefix}_runs_finished", "Runs that ended, by status.", ["status"], registry=registry)
        for status in ENDS:
            self.finished.labels(status)
        self.running = Gauge(f"{prefix}_runs_running", "Runs that this process is working on.", registry=registry)
        self.run_seconds = Histogram(
            f"{prefix}_run_seconds",
            "Seconds from acceptance to the end.",
            ["status"],
            buckets=RUN_BUCKETS,
            registry=registry,
        )
        self.step_seconds = Histogram(
            f"{prefix}_step_seconds", "Seconds a step took.", ["step"], buckets=STEP_BUCKETS, registry=registry
        )
        self.model_calls = Counter(
            f"{prefix}_model_calls",
            "Questions to the language model, by outcome.",
            ["step", "outcome"],
            registry=registry,
        )
        self.tokens = Counter(f"{prefix}_model_tokens", "Tokens paid for.", ["step", "direction"], registry=registry)
        self.callbacks = Counter(
            f"{prefix}_callbacks", "Completion callbacks, by outcome.", ["outcome"], registry=registry
        )

    def model_reply(self, step: str, reply: ModelReply) -> None:
        """Count one answer that was paid for now (not one that was kept)."""
        self.model_calls.labels(step, str(reply.outcome)).inc()
        self.tokens.labels(step, "input").inc(reply.usage.input_tokens)
        self.tokens.labels(step, "output").inc(reply.usage.output_tokens)


class Metrics(RunMetrics):
    """All metrics of one process, on a registry of their own. Names end in their unit."""

    def __init__(self, build: str, version: str) -> None:
        registry = self.registry = CollectorRegistry()
        super().__init__(registry, "v2")
        self.shadow = RunMetrics(registry, "v2_shadow")
        self.shadow_refused = Counter(
            "v2_shadow_runs_refused", "Dry runs refused, by the bound that was reached.", ["bound"], registry=registry
        )
        # process_cpu_seconds_total, process_resident_memory_bytes and their kin (S-67).
        ProcessCollector(registry=registry)
        self.loop_lag = Gauge(
            "v2_event_loop_lag_seconds", "Longest wait of the event loop in the last 15 s.", registry=registry
        )
        self.model_limit = Gauge("v2_model_limit", "Model calls that may run at once now.", registry=registry)
        self.model_running = Gauge("v2_model_calls_running", "Model calls on their way.", registry=registry)
        self.model_waiting = Gauge("v2_model_calls_waiting", "Model calls that wait for a place.", registry=registry)
        self.model_throttled = Counter(
            "v2_model_throttled", "Answers 429 and 529 of the language model.", ["status"], registry=registry
        )
        self.dependency_up = Gauge(
            "v2_dependency_up", "Whether a dependency answered at the start.", ["dependency"], registry=registry
        )
        Info("v2_build", "Build and pipeline version.", registry=registry).info({"build": build, "version": version})


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, event and the fields of `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **fields,
        }
        if record.exc_info and record.exc_info[0] is not None:
            # The type and place only: messages of foreign errors may quote what they choked on.
            line["error"] = record.exc_info[0].__name__
            line["at"] = _place(record)
        return json.dumps(line, default=str)


def _place(record: logging.LogRecord) -> str:
    trace = record.exc_info[2] if record.exc_info else None
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return place


def say(event: str, fields: Mapping[str, object], level: int = logging.INFO) -> None:
    """Log one event."""
    log.log(level, event, extra={"fields": dict(fields)})


def set_up_logging() -> None:
    """JSON lines on standard error for this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
