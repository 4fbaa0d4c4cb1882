"""The contract as a table: what is sent, which status comes back, and the schema the body obeys."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Flag, auto
from pathlib import Path
from typing import Any  # JSON documents

SCHEMAS = Path(__file__).parent / "schemas"
UNKNOWN_USER = "00000000-0000-4000-8000-00000000dead"


class Serves(Flag):
    """Which kind of target a case is for: v2 alone serves the import, everything else is the monolith's."""

    MONOLITH = auto()
    V2 = auto()
    GATEWAY = MONOLITH
    ALL = MONOLITH | V2


@dataclass(frozen=True, slots=True)
class Case:
    """One exchange. `{user}` and `{path}` in path and body are replaced by a real user and their uploaded export."""

    name: str
    method: str
    path: str
    status: int
    schema: str | None = None
    json: Any = None
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    serves: Serves = Serves.MONOLITH

    def filled(self, user: str, storage_path: str) -> tuple[str, Any]:
        """Path and JSON body for a real user."""

        def fill(text: str) -> str:
            return text.replace("{user}", user).replace("{path}", storage_path)

        return fill(self.path), json.loads(fill(json.dumps(self.json)))


ORIGIN = {"Origin": "https://app.example.test"}
PREFLIGHT = {
    **ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,authorization",
}
CORS_ANSWER = {"access-control-allow-origin": ORIGIN["Origin"], "access-control-allow-credentials": "true"}
JSON_TYPE = {"content-type": "application/json"}
TURN = [{"role": "user", "content": "What did I decide about the garden?"}]

IMPORT = (
    Case(
        "an import from storage is accepted",
        "POST",
        "/process-full",
        200,
        "process_full",
        json={"user_id": "{user}", "storage_path": "{path}", "conversation_count": 7, "message_count": 35},
        serves=Serves.ALL,
    ),
    Case(
        "inline conversations are accepted",
        "POST",
        "/process-full",
        200,
        "process_full",
        json={"user_id": "{user}", "conversations": [{"title": "Greenhouse", "mapping": {}}]},
        serves=Serves.ALL,
    ),
    Case(
        "neither path nor conversations is accepted as a refresh",
        "POST",
        "/process-full",
        200,
        "process_full",
        json={"user_id": "{user}"},
        serves=Serves.ALL,
    ),
    Case(
        "unknown fields are ignored and numbers in text are coerced",
        "POST",
        "/process-full",
        200,
        "process_full",
        json={"user_id": "{user}", "storage_path": "{path}", "conversation_count": "12", "colour": "green"},
        serves=Serves.ALL,
    ),
    Case(
        "a missing user_id is 422",
        "POST",
        "/process-full",
        422,
        "validation_error",
        json={"storage_path": "{path}"},
        serves=Serves.ALL,
    ),
    Case(
        "a user_id that is a number is 422",
        "POST",
        "/process-full",
        422,
        "validation_error",
        json={"user_id": 12},
        serves=Serves.ALL,
    ),
    Case(
        "a null user_id is 422",
        "POST",
        "/process-full",
        422,
        "validation_error",
        json={"user_id": None},
        serves=Serves.ALL,
    ),
    Case(
        "several bad fields are reported together",
        "POST",
        "/process-full",
        422,
        "validation_error",
        json={"user_id": [], "conversation_count": "many", "conversations": {"a": 1}},
        serves=Serves.ALL,
    ),
    Case(
        "malformed JSON is 422 json_invalid",
        "POST",
        "/process-full",
        422,
        "validation_error",
        content=b'{"user_id": "x",',
        headers={"Content-Type": "application/json"},
        serves=Serves.ALL,
    ),
    Case(
        "an empty body is 422 missing",
        "POST",
        "/process-full",
        422,
        "validation_error",
        headers={"Content-Type": "application/json"},
        serves=Serves.ALL,
    ),
    Case(
        "a JSON list instead of an object is 422",
        "POST",
        "/process-full",
        422,
        "validation_error",
        content=b"[1, 2]",
        headers={"Content-Type": "application/json"},
        serves=Serves.ALL,
    ),
    Case(
        "a body that is not declared as JSON is 422",
        "POST",
        "/process-full",
        422,
        "validation_error",
        content=b'{"user_id": "x"}',
        headers={"Content-Type": "text/plain"},
        serves=Serves.ALL,
    ),
    Case("GET on the import is 405", "GET", "/process-full", 405, "detail", serves=Serves.ALL),
    Case("a trailing slash is redirected", "POST", "/process-full/", 307, json={"user_id": "u"}, serves=Serves.ALL),
    Case(
        "the browser's preflight is answered",
        "OPTIONS",
        "/process-full",
        200,
        headers=PREFLIGHT,
        answers={**CORS_ANSWER, "access-control-max-age": "600", "content-type": "text/plain; charset=utf-8"},
        serves=Serves.ALL,
    ),
    Case(
        "an error is readable by a page of another origin",
        "POST",
        "/process-full",
        422,
        "validation_error",
        json={},
        headers=ORIGIN,
        answers={**CORS_ANSWER, **JSON_TYPE, "vary": "Origin"},
        serves=Serves.ALL,
    ),
)

REST_OF_THE_MONOLITH = (
    Case("health", "GET", "/health", 200, "health", answers=JSON_TYPE),
    Case("status", "GET", "/status", 200, "status"),
    Case("deep health is always 200", "GET", "/health-deep", 200, "health_deep"),
    Case("test-embed", "GET", "/test-embed", 200, "test_embed"),
    Case("test-patch", "GET", "/test-patch", 200, "test_patch"),
    Case("query", "POST", "/query", 200, "query", json={"user_id": "{user}", "message": "Tell me about my garden"}),
    Case(
        "query with fields the model does not know",
        "POST",
        "/query",
        200,
        "query",
        json={"user_id": "{user}", "message": "Hello there", "web_search_context": "x", "history": TURN},
    ),
    Case(
        "query by somebody who is no UUID, as the admin page asks",
        "POST",
        "/query",
        200,
        "query",
        json={"user_id": "system-health-check", "message": "ping"},
    ),
    Case("query without a message is 422", "POST", "/query", 422, "validation_error", json={"user_id": "u"}),
    Case("chat", "POST", "/chat", 200, "chat", json={"user_id": "{user}", "message": "Hello", "history": TURN}),
    Case("chat without a user is 422", "POST", "/chat", 422, "validation_error", json={"message": "x"}),
    Case("analyze a user without conversations", "POST", "/analyze", 200, "analyze_empty", json={"user_id": "{user}"}),
    Case("analyze without a user is 422", "POST", "/analyze", 422, "validation_error", json={}),
    Case(
        "create-soulprint from nothing",
        "POST",
        "/create-soulprint",
        200,
        "create_soulprint_empty",
        json={"user_id": "{user}", "conversations": []},
    ),
    Case(
        "create-soulprint",
        "POST",
        "/create-soulprint",
        200,
        "create_soulprint",
        json={
            "user_id": "{user}",
            "conversations": [
                {"title": "Tea", "createdAt": "2025-05-01", "messages": [{"role": "user", "content": "I prefer tea."}]}
            ],
        },
    ),
    Case("create-soulprint without a list is 422", "POST", "/create-soulprint", 422, "validation_error", json={}),
    Case(
        "process-import",
        "POST",
        "/process-import",
        200,
        "process_import",
        json={"user_id": "{user}", "conversations_json": "[]"},
    ),
    Case("process-import of nothing is 400", "POST", "/process-import", 400, "detail", json={"user_id": "{user}"}),
    Case(
        "process-import of broken JSON is 400",
        "POST",
        "/process-import",
        400,
        "detail",
        json={"user_id": "{user}", "conversations_json": "[{"},
    ),
    Case("process-import without a user is 422", "POST", "/process-import", 422, "validation_error", json={}),
    Case("embed-chunks", "POST", "/embed-chunks", 200, "embed_chunks", json={"user_id": "{user}"}),
    Case("embed-chunks without a user is 422", "POST", "/embed-chunks", 422, "validation_error", json={}),
    Case(
        "generate-soulprint of a user without chunks",
        "GET",
        f"/generate-soulprint/{UNKNOWN_USER}",
        200,
        "generate_soulprint_failed",
    ),
    Case("embedding-status", "GET", "/embedding-status/{user}", 200, "embedding_status"),
    Case("complete-embeddings", "POST", "/complete-embeddings/{user}", 200, "complete_embeddings"),
    Case("an unknown path is 404", "GET", "/no/such/path", 404, "detail"),
    Case("a wrong method is 405", "DELETE", "/health", 405, "detail"),
    Case("HEAD on a GET route is 405", "HEAD", "/health", 405),
    Case("the API describes itself", "GET", "/openapi.json", 200, "openapi"),
    Case("the docs page", "GET", "/docs", 200, answers={"content-type": "text/html; charset=utf-8"}),
)

CASES = (*IMPORT, *REST_OF_THE_MONOLITH)


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one body, examples included."""
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return loaded
