"""Faults as callers meet them, and the counters that see them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from sandbox.running import RunningSandbox

TABLE = "/rest/v1/user_profiles"


@pytest.fixture(scope="module")
def own() -> Iterator[RunningSandbox]:
    """Not everybody's sandbox: these tests break it."""
    with RunningSandbox() as running:
        yield running


@pytest.fixture(autouse=True)
def healthy(own: RunningSandbox) -> Iterator[None]:
    yield
    own.reset()


def test_an_error_rate_of_one_fails_every_request_of_its_area_only(own: RunningSandbox) -> None:
    own.set_faults(rest={"error_rate": 1, "error_status": 503})
    assert {own.http.get(TABLE).status_code for _ in range(3)} == {503}
    assert own.http.get("/storage/v1/bucket").status_code == 200
    own.set_faults()
    assert own.http.get(TABLE).status_code == 200


def test_faults_of_some_paths_leave_the_rest_of_their_area_alone(own: RunningSandbox) -> None:
    own.set_faults(rest={"error_rate": 1, "paths": [TABLE]})
    assert own.http.get(TABLE).status_code == 500
    assert own.http.get("/rest/v1/processing_jobs").status_code == 200


def test_a_throttled_caller_is_told_how_long_to_wait(own: RunningSandbox) -> None:
    own.set_faults(storage={"throttle_rate": 1, "throttle_status": 429, "retry_after": 2.2})
    answer = own.http.get("/storage/v1/bucket")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


def test_a_rate_limit_throttles_what_is_beyond_it(own: RunningSandbox) -> None:
    own.set_faults(callback={"rate_limit_per_minute": 2})
    codes = [own.http.post("/api/import/complete", json={}).status_code for _ in range(3)]
    assert codes == [400, 400, 429]


def test_a_cut_answer_ends_in_the_middle(own: RunningSandbox) -> None:
    own.create_user()
    own.set_faults(rest={"truncate_rate": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        own.http.get(TABLE)


def test_slow_bytes_arrive_whole_and_in_pieces(own: RunningSandbox) -> None:
    own.upload("user-imports/slow", b"x" * 1000)
    own.set_faults(storage={"slow_bytes_per_second": 10_000})
    with own.http.stream("GET", "/storage/v1/object/user-imports/slow") as answer:
        pieces = list(answer.iter_raw())
    assert (b"".join(pieces), len(pieces) > 1) == (b"x" * 1000, True)


def test_latency_delays_but_does_not_change_the_answer(own: RunningSandbox) -> None:
    own.set_faults(rest={"latency_ms": 30})
    assert own.http.get(TABLE).status_code == 200


def test_every_call_is_counted_with_its_status(own: RunningSandbox) -> None:
    own.http.post("/_sandbox/calls/clear")
    own.http.get(TABLE)
    own.set_faults(rest={"error_rate": 1})
    own.http.get(f"{TABLE}?select=secret")
    counted = own.calls()["rest"]
    assert (counted["requests"], counted["by_status"]) == (2, {"200": 1, "500": 1})
    assert counted["latest"][-1] == {"method": "GET", "path": TABLE, "status": 500}


def test_nonsense_faults_are_refused_and_change_nothing(own: RunningSandbox) -> None:
    assert own.http.put("/_sandbox/faults", json={"rest": {"error_rate": 7}}).status_code == 422
    assert own.http.get("/_sandbox/faults").json()["rest"]["error_rate"] == 0


def test_a_reset_forgets_everything_but_the_buckets(own: RunningSandbox) -> None:
    user = own.create_user()
    own.upload(f"user-imports/{user}/x", b"1")
    own.http.post("/api/import/complete", json={"user_id": user})
    own.set_faults(storage={"error_rate": 1})
    own.reset()
    assert (own.rows("user_profiles"), own.callbacks()) == ([], [])
    assert own.http.get(f"/storage/v1/object/user-imports/{user}/x").json()["statusCode"] == "404"
    assert list((own.data / "objects").iterdir()) == []
    assert {bucket["name"] for bucket in own.http.get("/storage/v1/bucket").json()} >= {"imports", "user-imports"}
