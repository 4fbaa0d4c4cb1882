"""kill -9 and cancel while a run waits for its batches: nothing is submitted, paid or charged twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any  # rows

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.running import RunningService, until

CONVERSATIONS = 12


@pytest.fixture(scope="module")
def own() -> Iterator[RunningSandbox]:
    """A sandbox of its own, because its settings are for everybody."""
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def service(own: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that asks in batches and looks at them often."""
    given = {"V2_MODEL_BATCHES": "always", "V2_MODEL_BATCH_POLL_SECONDS": "0.1", "V2_MODEL_BATCH_DOUBT_SECONDS": "0"}
    with RunningService(own, tmp_path_factory.mktemp("v2"), **given, V2_LEASE_SECONDS="5") as running:
        yield running


def takes(sandbox: RunningSandbox, seconds: float) -> None:
    assert sandbox.http.put("/_sandbox/models/settings", json={"batch_seconds": seconds}).is_success


def made(sandbox: RunningSandbox) -> int:
    batches: int = sandbox.http.get("/_sandbox/models").json()["batches"]
    return batches


# One for the chunks, one for MEMORY, one for the sections.
BATCHES = 3


def submitted(service: RunningService, user: str) -> tuple[str, dict[str, Any]]:
    """An import that waits for its batch: its job id, and the row of the batch."""
    path = f"user-imports/{user}/raw-1.json"
    service.sandbox.upload(path, export(CONVERSATIONS))
    job_id: str = service.http.post("/process-full", json={"user_id": user, "storage_path": path}).json()["job_id"]
    noted = {"run_id": f"eq.{job_id}", "state": "eq.submitted", "step": "eq.extract"}
    until(lambda: bool(service.sandbox.rows("pipeline_batches", noted)))
    [row] = service.sandbox.rows("pipeline_batches", noted)
    return job_id, row


def charged(sandbox: RunningSandbox, job_id: str) -> int:
    rows = sandbox.rows("pipeline_costs", {"run_id": f"eq.{job_id}", "step": "eq.extract"})
    return sum(row["calls"] for row in rows)


@pytest.mark.parametrize("noted", [True, False])
def test_a_kill_while_a_batch_is_on_its_way_submits_and_pays_nothing_again(
    own: RunningSandbox, service: RunningService, noted: bool
) -> None:
    takes(own, 5)
    before = made(own)
    job_id, row = submitted(service, own.create_user())
    until(lambda: service.job(job_id)["counts"].get("batches") == {"open": 1, "questions": row["requests"]})
    service.kill()
    takes(own, 0)
    if not noted:
        # As it is when the kill comes after the batch was created and before its id was written down.
        lost = {"state": "submitting", "batch_id": None}
        assert own.http.patch("/rest/v1/pipeline_batches", params={"id": f"eq.{row['id']}"}, json=lost).is_success
    service.start()
    job = service.ended(job_id)
    assert (job["status"], job["coverage"]) == ("complete", 1)
    assert made(own) - before == BATCHES
    assert charged(own, job_id) == row["requests"] == job["usage"]["extract"]["calls"]


def test_an_import_in_batches_is_whole_and_its_extraction_costs_half(
    own: RunningSandbox, service: RunningService
) -> None:
    takes(own, 0)
    job = service.imported(own.create_user(), export(CONVERSATIONS))
    assert (job["status"], job["coverage"]) == ("complete", 1)
    bill = job["usage"]["extract"]
    whole = (bill["input_tokens"] * 1.0 + bill["output_tokens"] * 5.0) / 1e6
    assert bill["dollars"] == pytest.approx(whole / 2)


def test_a_cancelled_run_cancels_its_batch_and_is_charged_for_nothing_that_was_not_answered(
    own: RunningSandbox, service: RunningService
) -> None:
    takes(own, 4)
    job_id, row = submitted(service, own.create_user())
    assert service.http.post(f"/jobs/{job_id}/cancel", json={"status": "cancelled"}).json()["status"] == "cancelled"
    until(lambda: own.rows("pipeline_batches", {"id": f"eq.{row['id']}"})[0]["state"] == "settled")
    [settled] = own.rows("pipeline_batches", {"id": f"eq.{row['id']}"})
    assert settled["results"] == {"canceled": row["requests"]}
    assert charged(own, job_id) == 0
