"""The HTTP surface, against a running service: v1's shapes, one run per user, refusals that people understand."""

from __future__ import annotations

import re
import uuid
from typing import Any  # JSON

import pytest

from tests.v2_service.exports import conversation, export, large_numbers
from tests.v2_service.running import RunningService

ORIGIN = "https://app.example.test"


def test_an_import_is_answered_in_v1s_shape_and_says_which_pipeline_it_is(service: RunningService, user: str) -> None:
    path = f"user-imports/{user}/raw-1.json"
    service.sandbox.upload(path, export(2))
    body = {"user_id": user, "storage_path": path, "conversation_count": "12", "colour": "green"}
    answer = service.http.post("/process-full", json=body)
    said = answer.json()
    job_id, message = said.pop("job_id"), said.pop("message")
    assert said == {
        "status": "processing",
        "user_id": user,
        "conversation_count": 12,
        "version": "v2",
        "pipeline": "v2",
    }
    assert answer.status_code == 200
    assert uuid.UUID(job_id)
    assert message
    assert service.ended(job_id)["status"] == "complete"


def test_a_second_request_of_a_user_answers_the_running_job(service: RunningService, user: str) -> None:
    path = f"user-imports/{user}/raw-1.json"
    service.sandbox.upload(path, export(10))
    answers = [
        service.http.post("/process-full", json={"user_id": user, "storage_path": path}).json() for _ in range(3)
    ]
    assert len({answer["job_id"] for answer in answers}) == 1
    service.ended(answers[0]["job_id"])
    assert len(service.sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"})) == 1
    service.sandbox.upload(path, export(1))
    again = service.http.post("/process-full", json={"user_id": user, "storage_path": path}).json()
    assert again["job_id"] != answers[0]["job_id"]
    service.ended(again["job_id"])


def test_an_idempotency_key_finds_its_job_for_ever_and_joined_requests_have_theirs(
    service: RunningService, user: str
) -> None:
    path = f"user-imports/{user}/raw-1.json"
    service.sandbox.upload(path, export(8))
    keys = [uuid.uuid4().hex for _ in range(3)]
    body = {"user_id": user, "storage_path": path}
    answers = [
        service.http.post("/process-full", json=body, headers={"Idempotency-Key": key}).json() for key in keys[:2]
    ]
    assert [answer["message"].split()[:2] for answer in answers] == [["Import", "started:"], ["An", "import"]]
    jobs = [answer["job_id"] for answer in answers]
    service.ended(jobs[0])
    again = service.http.post("/process-full", json=body, headers={"Idempotency-Key": keys[0]}).json()
    assert again == {
        **answers[0],
        "message": "This request was accepted before, and is not done again; this is its job.",
    }
    assert {*jobs, again["job_id"]} == {jobs[0]}
    for key in keys[:2]:
        found = service.http.get("/jobs", params={"idempotency_key": key})
        assert (found.status_code, found.json()["job_id"]) == (200, jobs[0])
    never = service.http.get("/jobs", params={"idempotency_key": keys[2]})
    assert (never.status_code, never.headers["x-key-outcome"]) == (404, "never-accepted")


def test_a_key_of_another_user_is_refused(service: RunningService, user: str) -> None:
    other = service.sandbox.create_user()
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    first = service.http.post("/process-full", json={"user_id": user}, headers=headers)
    assert first.status_code == 200
    refused = service.http.post("/process-full", json={"user_id": other}, headers=headers)
    assert refused.status_code == 409
    assert service.sandbox.rows("pipeline_runs", {"user_id": f"eq.{other}"}) == []


def test_inline_conversations_are_stored_and_imported(service: RunningService, user: str) -> None:
    body = {"user_id": user, "conversations": [conversation(1), conversation(2)], "conversation_count": 2}
    answer = service.http.post("/process-full", json=body).json()
    job = service.ended(answer["job_id"])
    assert (job["status"], job["counts"]["conversations"]) == ("complete", 2)
    assert re.fullmatch(f"user-imports/{user}/inline-[0-9a-f]{{32}}\\.json", job["storage_path"])


def test_inline_conversations_may_hold_numbers_beyond_a_machine_word(service: RunningService, user: str) -> None:
    body = b'{"user_id": "%b", "conversations": %b}' % (user.encode(), large_numbers(2))
    answer = service.http.post("/process-full", content=body, headers={"content-type": "application/json"})
    job = service.ended(answer.json()["job_id"])
    assert (job["status"], job["counts"]["conversations"]) == ("complete", 2)


def test_the_versioned_route_needs_a_storage_path(service: RunningService, user: str) -> None:
    refused = service.http.post("/process-full-v2", json={"user_id": user, "conversations": [conversation(1)]})
    assert (refused.status_code, refused.json()) == (400, {"detail": "storage_path is required"})
    path = f"user-imports/{user}/raw-1.json"
    service.sandbox.upload(path, export(1))
    accepted = service.http.post("/process-full-v2", json={"user_id": user, "storage_path": path}).json()
    assert service.ended(accepted["job_id"])["status"] == "complete"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"user_id": "not-a-uuid"}, 400, "UUID"),
        ({"user_id": "system-health-check", "storage_path": "user-imports/x/y.json"}, 400, "UUID"),
        ({"user_id": "00000000-0000-4000-8000-00000000dead"}, 404, "no user"),
        ({"user_id": "{user}", "storage_path": "user-imports/{other}/raw.json"}, 400, "own folder"),
        ({"user_id": "{user}", "storage_path": "user-imports/{user}/../{other}/raw.json"}, 400, "dot segments"),
        ({"user_id": "{user}", "storage_path": "user-imports/{user}/./raw.json"}, 400, "dot segments"),
        ({"user_id": "{user}", "storage_path": "user-imports/{user}//raw.json"}, 400, "empty"),
        ({"user_id": "{user}", "storage_path": "user-imports/{user}/%2e%2e/raw.json"}, 400, "not allowed"),
        ({"user_id": "{user}", "storage_path": "secrets/{user}/raw.json"}, 400, "bucket"),
        ({"user_id": "{user}", "storage_path": "user-imports/{user}"}, 400, "look like"),
    ],
)
def test_what_cannot_be_imported_is_refused_before_anything_is_written(
    service: RunningService, user: str, body: dict[str, str], status: int, words: str
) -> None:
    other = service.sandbox.create_user()
    filled = {name: value.replace("{user}", user).replace("{other}", other) for name, value in body.items()}
    before = service.profile(user)
    answer = service.http.post("/process-full", json=filled)
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]
    assert words in answer.json()["detail"]
    assert service.sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"}) == []
    assert service.profile(user) == before


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\there"])
def test_an_idempotency_key_that_is_none_is_refused(service: RunningService, user: str, key: str) -> None:
    answer = service.http.post("/process-full", json={"user_id": user}, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert service.sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"}) == []


@pytest.mark.parametrize(
    ("content", "location", "kind"),
    [
        (b"", ["body"], "missing"),
        (b"{", ["body", 1], "json_invalid"),
        (b"[]", ["body"], "model_attributes_type"),
        (b"{}", ["body", "user_id"], "missing"),
        (b'{"user_id": 7}', ["body", "user_id"], "string_type"),
        (b'{"user_id": null}', ["body", "user_id"], "string_type"),
        (b'{"user_id": "u", "conversations": 1}', ["body", "conversations"], "list_type"),
        (b'{"user_id": "u", "conversation_count": 2147483648}', ["body", "conversation_count"], "less_than_equal"),
        (b'{"user_id": "u", "message_count": -2147483649}', ["body", "message_count"], "greater_than_equal"),
        (b'{"user_id": NaN}', ["body", "user_id"], "string_type"),
        (b'{"user_id": "u", "conversations": [Infinity]}', ["body", "conversations", 0], "dict_type"),
        (b'{"user_id": ["\\ud800"]}', ["body", "user_id"], "string_type"),
    ],
)
def test_malformed_bodies_are_422_in_v1s_shape(
    service: RunningService, content: bytes, location: list[Any], kind: str
) -> None:
    answer = service.http.post("/process-full", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert (problem["loc"], problem["type"]) == (location, kind)


def test_a_browser_sees_the_monoliths_cors(service: RunningService) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"}
    preflight = service.http.options("/process-full", headers=asked)
    assert (preflight.status_code, preflight.text) == (200, "OK")
    assert preflight.headers["content-type"].startswith("text/plain")
    assert preflight.headers["access-control-max-age"] == "600"
    assert preflight.headers["access-control-allow-headers"] == "x-a"
    refused = service.http.post("/process-full", json={"user_id": "x"}, headers={"Origin": ORIGIN})
    for answer in (preflight, refused):
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in answer.headers["vary"].split(", ")


def test_paths_and_methods_are_refused_as_the_monolith_does(service: RunningService) -> None:
    slash = service.http.post("/process-full/", json={"user_id": "u"})
    assert (slash.status_code, slash.headers["location"]) == (307, f"{service.url}/process-full")
    for method, path, status, detail in (
        ("GET", "/process-full", 405, "Method Not Allowed"),
        ("HEAD", "/health", 405, None),
        ("GET", "/nowhere", 404, "Not Found"),
        ("GET", "/jobs/no-uuid", 404, "There is no such job."),
        ("GET", f"/jobs/{uuid.uuid4()}", 404, "There is no such job."),
        ("POST", f"/jobs/{uuid.uuid4()}/cancel", 404, "There is no such job."),
    ):
        answer = service.http.request(method, path)
        assert answer.status_code == status
        if detail:
            assert answer.json() == {"detail": detail}


def test_health_readiness_and_metrics_describe_the_process(service: RunningService) -> None:
    health = service.http.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert set(health.json()["processors"].values()) == {"ok"}
    assert service.http.get("/ready").json() == {"ready": True, "database": "ok", "stopping": False}
    text = service.http.get("/metrics").text
    assert 'v2_build_info{build="dev",version="2.1"} 1.0' in text
    assert "v2_runs_accepted_total" in text
