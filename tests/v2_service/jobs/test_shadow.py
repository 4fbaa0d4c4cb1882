"""A dry run does an import's work and leaves no trace outside its own tables, whatever happens to it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.dry_runs import WIDE, asked, begun, ended, fingerprints, shadow_rows
from tests.v2_service.exports import export
from tests.v2_service.running import RunningService, answered, until

CONVERSATIONS = 40


@pytest.fixture(scope="module")
def service(slow: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that tests may kill, if they start it again."""
    with RunningService(slow, tmp_path_factory.mktemp("v2"), **WIDE) as running:
        yield running


def test_a_killed_dry_run_is_resumed_and_pays_for_no_finished_call_again(
    slow: RunningSandbox, service: RunningService
) -> None:
    paid = answered(slow)
    job_id = begun(service, slow.create_user(), export(CONVERSATIONS))
    until(lambda: len(shadow_rows(slow, "replies", job_id)) > CONVERSATIONS // 2)
    service.kill()
    service.start()
    job = ended(service, job_id)
    assert (job["status"], job["coverage"]) == ("complete", 1)
    assert 0 <= answered(slow) - paid - job["cost"]["llm_call_count"] <= 3
    for kept in ("replies", "staged_chunks"):
        assert shadow_rows(slow, kept, job_id) == []


def test_two_dry_runs_go_side_by_side_and_a_third_is_refused(slow: RunningSandbox, service: RunningService) -> None:
    first, second = (
        begun(service, slow.create_user(), export(CONVERSATIONS)),
        begun(service, slow.create_user(), export(CONVERSATIONS)),
    )
    until(lambda: {service.job(one)["status"] for one in (first, second)} == {"running"})
    refused = asked(service, slow.create_user(), export(1))
    assert (refused.status_code, refused.json()["code"], refused.json()["bound"]) == (503, "shadow_refused", "at_once")
    assert [ended(service, one)["status"] for one in (first, second)] == ["complete", "complete"]


def test_the_same_key_is_the_same_dry_run_and_another_one_of_the_user_waits_for_nothing(
    slow: RunningSandbox, service: RunningService
) -> None:
    user = slow.create_user()
    job_id = begun(service, user, export(CONVERSATIONS), key=f"{user}-1")
    assert begun(service, user, export(CONVERSATIONS), key=f"{user}-1") == job_id
    assert asked(service, user, export(1), key=f"{user}-2").json()["bound"] == "user"
    assert ended(service, job_id)["status"] == "complete"
    assert begun(service, user, export(CONVERSATIONS), key=f"{user}-1") == job_id
    assert begun(service, user, export(1), key=f"{user}-2") != job_id


def test_an_import_of_the_same_user_neither_waits_for_the_dry_run_nor_joins_nor_changes_it(
    slow: RunningSandbox, service: RunningService
) -> None:
    user = slow.create_user()
    dry_id = begun(service, user, export(CONVERSATIONS))
    until(lambda: service.job(dry_id)["step"] == "extract")
    real = service.imported(user, export(3))
    assert real["job_id"] != dry_id
    assert (real["status"], real["pipeline"]) == ("complete", "v2")
    chunks = fingerprints(slow)["public.conversation_chunks"]
    dry = ended(service, dry_id)
    assert (dry["status"], dry["counts"]["conversations"]) == ("complete", CONVERSATIONS)
    assert fingerprints(slow)["public.conversation_chunks"] == chunks
    told = [call["body"].get("run_id") for call in slow.callbacks()]  # others' callbacks may name none
    assert (told.count(real["job_id"]), told.count(dry_id)) == (1, 0)
    listed = service.http.get("/jobs", params={"user_id": user}).json()["jobs"]
    assert [job["job_id"] for job in listed] == [real["job_id"]]


def test_the_monoliths_running_import_of_the_user_is_no_obstacle_and_stays_as_it_is(
    slow: RunningSandbox, service: RunningService
) -> None:
    user = slow.create_user()
    slow.http.post("/rest/v1/processing_jobs", json={"user_id": user, "status": "processing"}).raise_for_status()
    before = slow.rows("processing_jobs", {"user_id": f"eq.{user}"})
    assert ended(service, begun(service, user, export(2)))["status"] == "complete"
    assert slow.rows("processing_jobs", {"user_id": f"eq.{user}"}) == before


def test_a_cancelled_dry_run_stops_and_keeps_nothing_it_made(slow: RunningSandbox, service: RunningService) -> None:
    job_id = begun(service, slow.create_user(), export(CONVERSATIONS))
    until(lambda: service.job(job_id)["step"] == "extract")
    assert service.http.post(f"/jobs/{job_id}/cancel").json()["status"] == "cancelled"
    until(lambda: "v2_shadow_runs_running 0.0" in service.http.get("/metrics").text)
    assert service.job(job_id)["status"] == "cancelled"
    for made in ("chunks", "staged_chunks", "replies", "profiles"):
        assert shadow_rows(slow, made, job_id) == []


@pytest.mark.parametrize("verb", ["hand-back", "retry"])
def test_a_dry_run_is_not_given_back_nor_retried(slow: RunningSandbox, service: RunningService, verb: str) -> None:
    job_id = begun(service, slow.create_user(), export(2))
    answer = service.http.post(f"/jobs/{job_id}/{verb}")
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("This job is a dry run")
    assert ended(service, job_id)["status"] == "complete"


def test_an_erasure_takes_dry_runs_with_it_and_stops_the_running_one(
    slow: RunningSandbox, service: RunningService
) -> None:
    user = slow.create_user()
    finished = ended(service, begun(service, user, export(2), key=f"{user}-1"))["job_id"]
    running = begun(service, user, export(CONVERSATIONS), key=f"{user}-2")
    until(lambda: service.job(running)["step"] == "extract")
    assert service.http.delete(f"/users/{user}").json()["runs"] == 2
    until(lambda: "v2_shadow_runs_running 0.0" in service.http.get("/metrics").text)
    assert slow.rows("pipeline_shadow_runs", {"user_id": f"eq.{user}"}) == []
    for job_id in (finished, running):
        assert service.http.get(f"/jobs/{job_id}").status_code == 404
        assert not (service.state / "spool" / job_id).exists()
        for made in ("chunks", "staged_chunks", "replies", "profiles"):
            assert shadow_rows(slow, made, job_id) == []
        assert shadow_rows(slow, "costs", job_id) != []


def test_progress_of_a_dry_run_can_be_followed_like_that_of_an_import(
    slow: RunningSandbox, service: RunningService
) -> None:
    job_id = begun(service, slow.create_user(), export(2))
    assert "event: end" in service.http.get(f"/jobs/{job_id}/events").text
    assert service.job(job_id)["progress"] == 100


def test_metrics_and_costs_count_dry_runs_apart(slow: RunningSandbox, service: RunningService) -> None:
    def imports_ended() -> list[str]:
        return [line for line in service.http.get("/metrics").text.splitlines() if line.startswith("v2_runs_finished")]

    dry = 'v2_shadow_runs_finished_total{status="complete"}'
    before, dry_before, bill = imports_ended(), service.counted(dry), service.http.get("/admin/costs").json()
    job_id = ended(service, begun(service, slow.create_user(), export(2)))["job_id"]
    until(lambda: service.counted(dry) == dry_before + 1)
    assert imports_ended() == before
    after = service.http.get("/admin/costs").json()
    assert {name: after[name] for name in ("runs", "days", "summary")} == {
        name: bill[name] for name in ("runs", "days", "summary")
    }
    [own] = [run for run in after["shadow"]["runs"] if run["job_id"] == job_id]
    assert (own["kind"], own["dollars"] > 0) == ("shadow", True)


def test_a_dry_run_that_is_old_enough_is_deleted(slow: RunningSandbox, service: RunningService) -> None:
    job_id = ended(service, begun(service, slow.create_user(), export(1)))["job_id"]
    with psycopg.connect(slow.sql_uri) as connection:
        aged = "update public.pipeline_shadow_runs set completed_at = now() - interval '8 days' where id = %s"
        connection.execute(aged, [job_id])
    service.stop()
    service.start()
    until(lambda: service.http.get(f"/jobs/{job_id}").status_code == 404)
    assert shadow_rows(slow, "chunks", job_id) == []
