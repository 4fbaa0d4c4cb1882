"""Routes for operators, against a running service."""

from __future__ import annotations

from tests.v2_service.exports import export
from tests.v2_service.running import RunningService


def test_costs_show_every_run_and_failures_too(service: RunningService, user: str) -> None:
    failed = service.imported(user, b"[]", "empty.json")
    job = service.imported(user, export(2))
    said = service.http.get("/admin/costs", params={"limit": 2}).json()
    newest, before = said["runs"]
    assert (newest["job_id"], newest["user"]) == (job["job_id"], user[:8])
    assert newest["dollars"] > 0
    assert abs(newest["dollars"] - job["cost"]["total_cost_usd"]) < 2e-6
    assert (before["job_id"], before["dollars"], before["status"]) == (failed["job_id"], 0, "failed")
    assert said["summary"]["total_usd"] >= newest["dollars"]
    assert said["days"][0]["dollars"] > 0
    assert (said["budget_per_job_usd"], said["budget_per_day_usd"]) == (None, None)
    assert service.http.get("/admin/costs", params={"limit": 0}).status_code == 422


def test_the_deep_health_check_is_served(service: RunningService) -> None:
    answer = service.http.get("/health-deep")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["checks"]["schema"] == "ok"


def test_an_id_that_is_none_cannot_be_erased(service: RunningService) -> None:
    assert service.http.delete("/users/..%2fother").status_code in (400, 404)
    assert service.http.delete("/users/nobody").status_code == 400
