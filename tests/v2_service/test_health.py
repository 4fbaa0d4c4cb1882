"""Health names the module that does not import, with 503 (S-119)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from v2_service.health import MODULES, Health, import_problems

NOW = datetime(2026, 11, 22, 6, 30, 0, 5, UTC)


def health(launched: bool = True, stopping: bool = False) -> Health:
    return Health("b1", "2.0", lambda: launched, lambda: stopping)


def test_all_processors_import() -> None:
    assert import_problems() == dict.fromkeys(MODULES, "ok")


def test_a_whole_process_is_ok() -> None:
    answer = health().answer(NOW)
    body = json.loads(bytes(answer.body))
    assert (answer.status_code, body["status"], body["build"]) == (200, "ok", "b1")
    assert body["timestamp"] == "2026-11-22T06:30:00.000005"


def test_a_broken_import_is_503_and_named() -> None:
    broken = health()
    broken.modules = (*MODULES, "no_such_processor")
    answer = broken.answer(NOW)
    body = json.loads(bytes(answer.body))
    assert (answer.status_code, body["status"]) == (503, "unhealthy")
    assert body["processors"]["no_such_processor"].startswith("ModuleNotFoundError")


def test_without_running_jobs_it_is_unhealthy() -> None:
    assert health(launched=False).answer(NOW).status_code == 503


def test_a_stopping_process_or_one_without_database_gets_no_traffic() -> None:
    assert health().readiness("ok").status_code == 200
    assert health(stopping=True).readiness("ok").status_code == 503
    assert health().readiness("unreachable").status_code == 503
