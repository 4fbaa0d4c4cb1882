"""What any client sees before it reaches a route: codes, shapes, redirects, CORS. On a real server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.recorder import Recorder
from tests.legacy.emulator import Emulator
from tests.legacy.running import environment, listening

ROUTES = {
    ("GET", "/health"),
    ("GET", "/status"),
    ("GET", "/health-deep"),
    ("GET", "/test-embed"),
    ("GET", "/test-patch"),
    ("POST", "/query"),
    ("POST", "/chat"),
    ("POST", "/analyze"),
    ("POST", "/create-soulprint"),
    ("POST", "/process-full"),
    ("POST", "/process-import"),
    ("POST", "/embed-chunks"),
    ("GET", "/generate-soulprint/{user_id}"),
    ("GET", "/embedding-status/{user_id}"),
    ("POST", "/complete-embeddings/{user_id}"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    with Recorder(Emulator()) as recorder:
        with listening(environment(recorder.url)) as url, httpx.Client(base_url=url, trust_env=False) as client:
            yield client


@pytest.fixture(scope="module")
def orphan() -> Iterator[httpx.Client]:
    """A server whose database went away after it had started."""
    with Recorder(Emulator()) as recorder:
        with listening(environment(recorder.url)) as url:
            recorder.stop()
            with httpx.Client(base_url=url, trust_env=False) as client:
                yield client


def test_there_are_15_routes_under_the_title_of_the_service(server: httpx.Client) -> None:
    document = server.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "SoulPrint RLM Service", "version": "0.1.0"}
    found = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert found == ROUTES
    assert document["paths"]["/chat"]["post"]["operationId"] == "chat_chat_post"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/oauth2-redirect"])
def test_the_generated_pages_are_there(server: httpx.Client, path: str) -> None:
    assert server.get(path).status_code == 200


def test_an_unknown_path_is_404_and_a_wrong_method_405(server: httpx.Client) -> None:
    unknown, wrong = server.get("/nowhere"), server.get("/chat")
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Not Found"})
    assert (wrong.status_code, wrong.json()) == (405, {"detail": "Method Not Allowed"})


def test_head_is_405_on_a_get_route(server: httpx.Client) -> None:
    assert server.head("/health").status_code == 405


@pytest.mark.parametrize("host", ["monolith.example", "monolith.example:8443"])
def test_a_trailing_slash_redirects_to_an_absolute_address_made_of_host(server: httpx.Client, host: str) -> None:
    answer = server.get("/health/", headers={"Host": host})
    assert answer.status_code == 307
    assert answer.headers["location"] == f"http://{host}/health"


def test_a_trailing_slash_redirects_a_post_and_keeps_the_query(server: httpx.Client) -> None:
    answer = server.post("/process-full/?a=1", json={"user_id": "u"})
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{server.base_url}/process-full?a=1"


def test_any_origin_is_echoed_with_credentials(server: httpx.Client) -> None:
    answer = server.get("/health", headers={"Origin": "https://anywhere.example"})
    assert answer.headers["access-control-allow-origin"] == "https://anywhere.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "Origin"


def test_a_preflight_is_200_ok_in_plain_text_for_ten_minutes(server: httpx.Client) -> None:
    asked = {
        "Origin": "https://anywhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-anything",
    }
    answer = server.options("/process-full", headers=asked)
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["access-control-max-age"] == "600"
    assert answer.headers["access-control-allow-origin"] == "https://anywhere.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-headers"] == "x-anything"
    assert "POST" in answer.headers["access-control-allow-methods"]


def test_a_missing_field_is_422_and_names_its_place(server: httpx.Client) -> None:
    answer = server.post("/process-full", json={})
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [{"type": "missing", "loc": ["body", "user_id"], "msg": "Field required", "input": {}}]
    }


def test_an_ill_typed_field_is_422_and_shows_the_input(server: httpx.Client) -> None:
    [problem] = server.post("/process-full", json={"user_id": 7}).json()["detail"]
    assert (problem["type"], problem["loc"], problem["input"]) == ("string_type", ["body", "user_id"], 7)


def test_broken_json_is_422_at_the_offset(server: httpx.Client) -> None:
    answer = server.post("/chat", content=b'{"user_id": ', headers={"Content-Type": "application/json"})
    [problem] = answer.json()["detail"]
    assert answer.status_code == 422
    assert (problem["type"], problem["loc"]) == ("json_invalid", ["body", 12])
    assert "error" in problem["ctx"]


def test_an_empty_body_is_422_at_the_body(server: httpx.Client) -> None:
    [problem] = server.post("/chat").json()["detail"]
    assert (problem["type"], problem["loc"]) == ("missing", ["body"])


def test_a_number_in_a_string_passes_for_an_integer_and_unknown_fields_are_ignored(server: httpx.Client) -> None:
    body = {"user_id": "not-a-uuid", "conversation_count": "12", "surprise": True}
    answer = server.post("/process-full", json=body)
    assert (answer.status_code, answer.json()["conversation_count"]) == (200, 12)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/process-full", {"user_id": "u", "storage_path": "bucket/object.json"}),
        ("GET", "/test-patch", None),
        ("GET", "/embedding-status/u", None),
        ("POST", "/complete-embeddings/u", None),
    ],
)
def test_an_unhandled_failure_is_500_in_plain_text(
    orphan: httpx.Client, method: str, path: str, body: dict[str, str] | None
) -> None:
    """The server closes the connection after it, without saying so: hence one connection for each."""
    answer = httpx.request(method, f"{orphan.base_url}{path}", json=body, trust_env=False)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-type"].startswith("text/plain")


def test_health_is_ok_with_the_database_down_and_deep_health_is_not(orphan: httpx.Client) -> None:
    assert orphan.get("/health").json()["status"] == "ok"
    deep = orphan.get("/health-deep")
    assert (deep.status_code, deep.json()["overall"]) == (200, "unhealthy")


def test_inline_conversations_are_accepted_with_the_database_down(orphan: httpx.Client) -> None:
    answer = orphan.post("/process-full", json={"user_id": "u", "conversations": [{"mapping": {}}]})
    assert (answer.status_code, answer.json()["job_id"]) == (200, None)
