"""A running import given back to the monolith: exactly once, whatever dies in between, and never without chunks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # rows

import httpx
import pytest

from sandbox.running import RunningSandbox
from tests.legacy.running import listening
from tests.v2_service.exports import conversation, export
from tests.v2_service.monolith import Monolith
from tests.v2_service.running import RunningService, environment, until
from tests.v2_service.stubs import sandbox_settings
from v2_service.accept import Desk
from v2_service.adapters.hand_backs import Sighting
from v2_service.errors import HandBackRefused
from v2_service.jobs.hand_back import MAX_ATTEMPTS, Move, next_move
from v2_service.jobs.runtime import Jobs
from v2_service.jobs.services import open_services

CONVERSATIONS = 40
SETTLED_AFTER = 10.0
SHORT = {"V2_HAND_BACK_TIMEOUT_SECONDS": "1.5", "V2_HAND_BACK_SETTLE_SECONDS": "0.5"}


@pytest.mark.parametrize(
    ("seen", "attempts", "leaves_a_row", "move"),
    [
        (Sighting(None, None), 0, True, Move.ASK),
        (Sighting("job", None), 0, True, Move.DONE),
        (Sighting("job", 1.0), 1, True, Move.DONE),
        (Sighting(None, 1.0), 1, True, Move.LOOK_AGAIN),
        (Sighting(None, SETTLED_AFTER), 1, True, Move.ASK),
        (Sighting(None, 1.0), MAX_ATTEMPTS, True, Move.LOOK_AGAIN),
        (Sighting(None, SETTLED_AFTER), MAX_ATTEMPTS, True, Move.GIVE_UP),
        (Sighting("job", SETTLED_AFTER), MAX_ATTEMPTS, True, Move.DONE),
        (Sighting(None, None), 3, False, Move.ASK),
        (Sighting(None, 1.0), 1, False, Move.DONE),
    ],
)
def test_nobody_asks_twice_before_the_row_of_the_first_request_had_time_to_appear(
    seen: Sighting, attempts: int, leaves_a_row: bool, move: Move
) -> None:
    assert next_move(seen, attempts, SETTLED_AFTER, leaves_a_row=leaves_a_row) is move


@pytest.fixture(scope="module")
def monolith(slow: RunningSandbox) -> Iterator[Monolith]:
    with Monolith(slow) as running:
        yield running


@pytest.fixture(scope="module")
def started(
    slow: RunningSandbox, monolith: Monolith, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    key = {"V2_HAND_BACK_KEY": "key-of-the-monolith-1"}
    with RunningService(slow, tmp_path_factory.mktemp("v2"), V2_HAND_BACK_URL=monolith.url, **SHORT, **key) as running:
        yield running


@pytest.fixture
def service(started: RunningService, monolith: Monolith) -> RunningService:
    """A service that tests may kill, if they start it again, and a monolith in a good mood."""
    monolith.mood = "take"
    monolith.release.clear()
    monolith.asked.clear()
    monolith.began.clear()
    return started


def running(service: RunningService, user: str) -> str:
    """An import in its middle: its job id."""
    path = f"user-imports/{user}/raw-1.json"
    service.sandbox.upload(path, export(CONVERSATIONS))
    job: str = service.http.post("/process-full", json={"user_id": user, "storage_path": path}).json()["job_id"]
    until(lambda: service.job(job)["step"] == "embed")
    return job


def hand_back(service: RunningService, job: str) -> httpx.Response:
    return service.http.post(f"/jobs/{job}/hand-back")


def legacy_jobs(sandbox: RunningSandbox, user: str) -> list[str]:
    return [row["id"] for row in sandbox.rows("processing_jobs", {"user_id": f"eq.{user}", "select": "id"})]


def claimed(sandbox: RunningSandbox, user: str, name: str) -> str:
    """A run that was accepted and never handed over."""
    given = {"p_user": user, "p_kind": "import", "p_storage_path": f"user-imports/{user}/{name}", "p_version": "2.0"}
    unset = dict.fromkeys(("p_idempotency_key", "p_cohort", "p_conversation_count", "p_message_count"))
    [row] = sandbox.http.post("/rest/v1/rpc/v2_claim_run", json={**given, **unset, "p_build": ""}).json()
    run: str = row["run_id"]
    return run


def staged(sandbox: RunningSandbox, job: str) -> list[dict[str, Any]]:
    return sandbox.rows("pipeline_staged_chunks", {"run_id": f"eq.{job}", "select": "position", "limit": "1"})


def chunk_ids(sandbox: RunningSandbox, user: str) -> list[Any]:
    return [row["id"] for row in sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}", "order": "id"})]


def test_the_monolith_is_asked_once_and_nothing_of_the_stopped_run_is_left(
    slow: RunningSandbox, service: RunningService, monolith: Monolith
) -> None:
    user = slow.create_user()
    service.imported(user, export(2), "first.json")
    old = chunk_ids(slow, user)
    job = running(service, user)
    answers: list[httpx.Response] = []
    asking = [threading.Thread(target=lambda: answers.append(hand_back(service, job))) for _ in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert {answer.json()["job_id"] for answer in answers} == {job}
    ended = service.ended(job)
    [legacy_job] = legacy_jobs(slow, user)
    assert (ended["status"], ended["legacy_job_id"]) == ("handed_back", legacy_job)
    assert [request["user_id"] for request in monolith.asked] == [user]
    asked = monolith.asked[0]
    assert (asked["path"], asked["storage_path"]) == ("/process-full", f"user-imports/{user}/raw-1.json")
    assert asked["authorization"] == "Bearer key-of-the-monolith-1"
    assert (staged(slow, job), chunk_ids(slow, user)) == ([], old)
    later = hand_back(service, job)
    assert (later.status_code, later.json()["status"], later.json()["legacy_job_id"]) == (
        200,
        "handed_back",
        legacy_job,
    )
    assert service.http.post(f"/jobs/{job}/cancel").json()["status"] == "handed_back"
    until(lambda: "v2_runs_running 0.0" in service.http.get("/metrics").text)
    assert (chunk_ids(slow, user), len(monolith.asked)) == (old, 1)
    again = service.http.post(
        "/process-full", json={"user_id": user, "storage_path": f"user-imports/{user}/raw-1.json"}
    )
    assert (again.json()["pipeline"], again.json()["job_id"]) == ("legacy", legacy_job)


@pytest.mark.parametrize("mood", ["lose", "drop", "busy"])
def test_after_a_lost_answer_the_monolith_is_asked_again_only_if_it_has_not_begun(
    slow: RunningSandbox, service: RunningService, monolith: Monolith, mood: str
) -> None:
    user = slow.create_user()
    monolith.mood = mood
    job = running(service, user)
    hand_back(service, job)
    monolith.wait_for(lambda: len(monolith.asked) == 1)
    monolith.mood = "take"
    ended = service.ended(job)
    [legacy_job] = legacy_jobs(slow, user)
    assert (ended["status"], ended["legacy_job_id"]) == ("handed_back", legacy_job)
    assert (len(monolith.asked), monolith.began) == (1 if mood == "lose" else 2, [user])


@pytest.mark.parametrize("mood", ["hang", "drop"])
def test_a_kill_while_the_monolith_is_asked_asks_it_once_in_all(
    slow: RunningSandbox, service: RunningService, monolith: Monolith, mood: str
) -> None:
    user = slow.create_user()
    monolith.mood = mood
    job = running(service, user)
    assert hand_back(service, job).status_code == 202
    monolith.wait_for(lambda: bool(monolith.began if mood == "hang" else monolith.asked))
    service.kill()
    monolith.mood = "take"
    service.start()
    ended = service.ended(job)
    assert (ended["status"], [ended["legacy_job_id"]]) == ("handed_back", legacy_jobs(slow, user))
    assert monolith.began == [user]


def test_a_kill_between_the_stop_and_the_request_loses_nothing(
    slow: RunningSandbox, service: RunningService, monolith: Monolith
) -> None:
    user = slow.create_user()
    job = running(service, user)
    service.kill()
    begun = slow.http.post("/rest/v1/rpc/v2_begin_hand_back", json={"p_run": job}).json()
    assert begun == {"verdict": "begun", "status": "handing_back"}
    service.start()
    ended = service.ended(job)
    assert (ended["status"], [ended["legacy_job_id"]]) == ("handed_back", legacy_jobs(slow, user))
    assert monolith.began == [user]


def test_a_monolith_that_is_away_is_asked_until_it_is_back(
    slow: RunningSandbox, service: RunningService, monolith: Monolith
) -> None:
    user = slow.create_user()
    job = running(service, user)
    monolith.leave()
    assert hand_back(service, job).json()["status"] == "handing_back"
    until(lambda: "it cannot be reached" in service.log.read_text())
    joined = service.http.post("/process-full", json={"user_id": user}).json()
    assert joined["job_id"] == job
    listed = service.http.get("/jobs", params={"status": "running", "user_id": user}).json()
    assert [(line["status"], line["stage"]) for line in listed["jobs"]] == [
        ("handing_back", "Going back to the former service")
    ]
    monolith.come()
    assert service.ended(job)["status"] == "handed_back"
    assert monolith.began == [user]


def test_a_monolith_that_refuses_ends_as_a_failure_that_can_be_retried_here(
    slow: RunningSandbox, service: RunningService, monolith: Monolith
) -> None:
    user = slow.create_user()
    service.imported(user, export(2), "first.json")
    old = chunk_ids(slow, user)
    monolith.mood = "refuse"
    job = running(service, user)
    hand_back(service, job)
    ended = service.ended(job)
    assert (ended["status"], ended["error_code"]) == ("failed", "hand_back_failed")
    profile = service.profile(user)
    assert (profile["import_status"], profile["import_error"]) == ("complete", ended["error_message"])
    assert chunk_ids(slow, user) == old
    assert service.http.post(f"/jobs/{job}/retry").json()["status"] in ("accepted", "running")
    assert service.ended(job)["status"] == "complete"


def test_a_job_without_a_row_is_taken_at_the_monoliths_word(
    slow: RunningSandbox, service: RunningService, monolith: Monolith
) -> None:
    monolith.mood = "untracked"
    user = slow.create_user()
    job = running(service, user)
    hand_back(service, job)
    ended = service.ended(job)
    assert (ended["status"], ended["legacy_job_id"], monolith.began) == ("handed_back", None, [user])


def test_a_job_that_is_over_stays_over_and_nobody_is_asked(
    slow: RunningSandbox, service: RunningService, monolith: Monolith
) -> None:
    user = slow.create_user()
    job = service.imported(user, export(1))["job_id"]
    refused = hand_back(service, job)
    assert (refused.status_code, refused.json()["code"]) == (409, "already_over")
    assert (service.job(job)["status"], monolith.asked, legacy_jobs(slow, user)) == ("complete", [], [])
    assert hand_back(service, "00000000-0000-4000-8000-00000000dead").status_code == 404
    assert hand_back(service, "x").status_code == 404


def test_a_form_that_the_monolith_cannot_read_goes_on_here(
    slow: RunningSandbox, service: RunningService, monolith: Monolith
) -> None:
    run = claimed(slow, slow.create_user(), "export.zip")
    refused = hand_back(service, run)
    assert (refused.status_code, refused.json()["code"]) == (409, "hand_back_unreadable")
    assert (service.job(run)["status"], monolith.asked) == ("accepted", [])


def test_without_an_address_nothing_is_stopped(sandbox: RunningSandbox, tmp_path: Path) -> None:
    run = claimed(sandbox, sandbox.create_user(), "export.json")

    async def asked() -> str:
        async with open_services(sandbox_settings(sandbox, tmp_path)) as services:
            with pytest.raises(HandBackRefused) as refused:
                await Desk(services, Jobs(services)).hand_back(run)
            return refused.value.code

    assert asyncio.run(asked()) == "hand_back_unset"
    assert sandbox.rows("pipeline_runs", {"id": f"eq.{run}"})[0]["status"] == "accepted"


def test_the_real_monolith_takes_the_import_and_replaces_the_chunks(slow: RunningSandbox, tmp_path: Path) -> None:
    user = slow.create_user()
    variables = environment(slow, tmp_path)
    with (
        listening({**variables, "LEGACY_TIME_SCALE": "0.001", "NO_PROXY": "*"}) as url,
        RunningService(slow, tmp_path, V2_HAND_BACK_URL=url) as service,
    ):
        service.imported(user, export(2), "first.json")
        old = chunk_ids(slow, user)
        job = running(service, user)
        assert hand_back(service, job).status_code in (200, 202)
        ended = service.ended(job)
        [legacy_job] = legacy_jobs(slow, user)
        assert (ended["status"], ended["legacy_job_id"]) == ("handed_back", legacy_job)
        until(lambda: slow.rows("processing_jobs", {"id": f"eq.{legacy_job}"})[0]["status"] == "complete")
    new = slow.rows("conversation_chunks", {"user_id": f"eq.{user}", "select": "id,conversation_id"})
    assert set(old).isdisjoint(row["id"] for row in new)
    assert {row["conversation_id"] for row in new} == {conversation(n)["id"] for n in range(CONVERSATIONS)}
    assert service.profile(user)["import_status"] == "complete"
