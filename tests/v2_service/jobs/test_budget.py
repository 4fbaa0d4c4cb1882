"""The budget stop: an import that may pay for nothing more ends with a clear code and keeps what works."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.running import RunningService, answered
from v2_service.adapters.costs import Spent
from v2_service.jobs.budget import PER_DAY, PER_JOB, over_budget


@pytest.mark.parametrize(
    ("spent", "per_job", "per_day", "code"),
    [
        (Spent(9, 9), 0, 0, None),
        (Spent(0.99, 5), 1, 10, None),
        (Spent(1, 5), 1, 10, PER_JOB),
        (Spent(0, 10), 1, 10, PER_DAY),
    ],
)
def test_a_budget_is_spent_when_it_is_reached(spent: Spent, per_job: float, per_day: float, code: str | None) -> None:
    stop = over_budget(spent, per_job, per_day)
    assert (stop.code if stop else None) == code


def test_an_import_over_its_budget_fails_after_the_first_profile_which_stays(
    sandbox: RunningSandbox, user: str, tmp_path: Path
) -> None:
    with RunningService(sandbox, tmp_path, V2_BUDGET_PER_JOB="0.000001") as poor:
        job = poor.imported(user, export(3))
        profile = poor.profile(user)
    assert (job["status"], job["error_code"]) == ("failed", PER_JOB)
    assert set(job["usage"]) == {"quick_pass"}
    assert job["cost"]["total_cost_usd"] == pytest.approx(job["usage"]["quick_pass"]["dollars"], abs=1e-6)
    assert job["cost"]["total_cost_usd"] > 0
    assert profile["import_status"] == "quick_ready"
    assert profile["soulprint_text"]
    assert "budget" in profile["full_pass_error"]


def test_a_spent_day_stops_every_import_before_its_first_call(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with RunningService(sandbox, tmp_path, V2_BUDGET_PER_DAY="0.000001") as poor:
        poor.imported(sandbox.create_user(), export(1))
        paid = answered(sandbox)
        job = poor.imported(sandbox.create_user(), export(1))
    assert (job["status"], job["error_code"], job["usage"]) == ("failed", PER_DAY, {})
    assert answered(sandbox) == paid
