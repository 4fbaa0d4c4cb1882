"""Log lines are JSON and quote nobody: not in events, not in errors of others."""

from __future__ import annotations

import json
import logging
import sys

from tests.v2_service.exports import conversation, export
from tests.v2_service.running import RunningService
from v2_service.contract import ModelReply, Outcome, Usage
from v2_service.observe import ENDS, JsonLines, Metrics
from v2_service.shadow import BOUNDS

SECRET_TEXT = "my passphrase is walnut-orchard"


def record(**given: object) -> logging.LogRecord:
    made = logging.LogRecord("v2", logging.INFO, __file__, 1, "run taken", None, None)
    made.__dict__.update(given)
    return made


def test_a_line_holds_time_level_event_and_fields() -> None:
    line = json.loads(JsonLines().format(record(fields={"run_id": "r1"})))
    assert (line["event"], line["level"], line["run_id"]) == ("run taken", "info", "r1")
    assert line["time"].endswith("+00:00")


def test_an_error_is_its_type_and_place_and_never_its_message() -> None:
    try:
        raise ValueError(SECRET_TEXT)
    except ValueError:
        text = JsonLines().format(record(exc_info=sys.exc_info()))
    line = json.loads(text)
    assert line["error"] == "ValueError"
    assert line["at"].startswith("test_observe.py:")
    assert "walnut" not in text


def test_metrics_count_what_was_paid() -> None:
    metrics = Metrics("b", "v")
    metrics.model_reply("extract", ModelReply(Outcome.TRUNCATED, None, Usage(100, 7, 1)))
    value = metrics.registry.get_sample_value
    assert value("v2_model_calls_total", {"step": "extract", "outcome": "truncated"}) == 1
    assert value("v2_model_tokens_total", {"step": "extract", "direction": "output"}) == 7


def test_ends_are_counted_from_zero_on() -> None:
    registry = Metrics("b", "v").registry
    for name in ("v2_runs_finished_total", "v2_shadow_runs_finished_total"):
        assert [registry.get_sample_value(name, {"status": status}) for status in ENDS] == [0, 0, 0, 0]


def test_every_bound_of_dry_runs_is_counted_before_it_is_reached(service: RunningService) -> None:
    lines = service.http.get("/metrics").text.splitlines()
    begun = "v2_shadow_runs_refused_total{"
    assert sorted(line.split('"')[1] for line in lines if line.startswith(begun)) == sorted(BOUNDS)


def test_memory_and_cpu_of_the_process_are_exported(service: RunningService) -> None:
    assert service.counted("process_resident_memory_bytes") > 10 * 1024 * 1024
    assert service.counted("process_cpu_seconds_total") > 0
    assert service.counted("v2_event_loop_lag_seconds") >= 0


def test_a_services_log_holds_no_text_id_or_key_of_anybody(service: RunningService, user: str) -> None:
    inline = {"user_id": user, "conversations": [conversation(1, SECRET_TEXT)]}
    service.ended(service.http.post("/process-full", json=inline).json()["job_id"])
    service.imported(user, export(1)[:-5], "cut.json")
    log = service.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"run accepted", "run taken", "run ended"} <= {line["event"] for line in lines}
    keys = [service.sandbox.env[name] for name in ("SUPABASE_SERVICE_KEY", "ANTHROPIC_API_KEY", "RLM_API_KEY")]
    assert [word for word in ("walnut", user, *keys) if word in log] == []
