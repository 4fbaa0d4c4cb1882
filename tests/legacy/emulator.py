"""What stands behind the monolith in its tests: rows, objects, models and the callback, as state in memory.

Counterpart: `legacy.main` through real HTTP, httpx and boto3. It knows just the requests of the contract.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.fakes.recorder import Answer, Recorded

Row = dict[str, Any]  # Any: a table row; each test knows its columns
Rule = Callable[[Recorded], Answer | None]

TABLES = ("processing_jobs", "user_profiles", "conversation_chunks", "raw_conversations")
EMBEDDING = [round(0.001 * n, 3) for n in range(1024)]
PROFILE = {
    "archetype": "Quiet Builder",
    "core_essence": "Builds things and tells nobody.",
    "mind": {"interests": ["bees"]},
}


def label(request: Recorded) -> str:
    """A short name for a request: "PATCH user_profiles", "converse micro", "invoke", "GET object", "POST callback"."""
    parts = request.path.strip("/").split("/")
    if parts[0] == "model":
        model = re.search(r"micro|lite|pro|sonnet|titan", parts[1])
        return "invoke" if parts[2] == "invoke" else f"converse {model.group() if model else parts[1]}"
    if parts[0] == "rest":
        return f"{request.method} {'/'.join(parts[2:])}"
    return f"{request.method} object" if parts[0] == "storage" else f"{request.method} callback"


class Emulator:
    """Answers requests from `tables` and `objects`. A rule in `rules` that returns an Answer is asked first."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {table: [] for table in TABLES}
        self.objects: dict[str, bytes] = {}
        self.reply = "Just a sentence."
        self.rules: list[Rule] = []
        self._ids = 0

    def on(self, wanted: str, answer: Answer, *, after: int = 0, times: int = 1_000_000) -> None:
        """Answer requests with this label so from now on: `times` of them, once `after` have been answered as usual."""
        passed = 0

        def rule(request: Recorded) -> Answer | None:
            nonlocal passed
            if label(request) != wanted:
                return None
            passed += 1
            return answer if after < passed <= after + times else None

        self.rules.append(rule)

    def __call__(self, request: Recorded) -> Answer:
        for rule in self.rules:
            answer = rule(request)
            if answer is not None:
                return answer
        area = request.path.split("/")[1]
        if area == "rest":
            return self._postgrest(request)
        if area == "storage":
            stored = self.objects.get(request.path.removeprefix("/storage/v1/object/"))
            missing = {"statusCode": "404", "error": "not_found", "message": "Object not found"}
            return Answer(200, stored) if stored is not None else Answer(400, missing)
        if area == "model":
            return self._model(request)
        return Answer(200, {"success": True, "email_sent": True, "push_sent": False})

    def _model(self, request: Recorded) -> Answer:
        if request.path.endswith("/invoke"):
            return Answer(200, {"embedding": EMBEDDING, "inputTextTokenCount": 3})
        return Answer(200, {"output": {"message": {"role": "assistant", "content": [{"text": self.reply}]}}})

    def _postgrest(self, request: Recorded) -> Answer:
        resource = request.path.removeprefix("/rest/v1/")
        if resource.startswith("rpc/"):
            return Answer(200, [])
        table = self.tables[resource]
        matching = [row for row in table if all(_fits(row, name, text) for name, text in _filters(request.query))]
        represented = "return=representation" in request.headers.get("prefer", "")
        if request.method == "GET":
            return Answer(200, _shaped(matching, request.query))
        if request.method == "POST":
            posted = request.json if isinstance(request.json, list) else [request.json]
            if resource == "user_profiles" and any(row["user_id"] == new["user_id"] for row in table for new in posted):
                return Answer(409, {"code": "23505", "message": "duplicate key", "details": None, "hint": None})
            inserted = [{"id": self._next_id(), "embedding": None, **row} for row in posted]
            table.extend(inserted)
            return Answer(201, inserted if represented else None)
        if request.method == "PATCH":
            for row in matching:
                row.update(request.json)
        else:
            table[:] = [row for row in table if row not in matching]
        return Answer(200, matching) if represented else Answer(204)

    def _next_id(self) -> str:
        self._ids += 1
        return str(UUID(int=self._ids))


def _filters(query: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in query.items() if name not in ("select", "order", "limit")]


def _fits(row: Row, column: str, condition: str) -> bool:
    value = row.get(column)
    operator, _, operand = condition.partition(".")
    match operator:
        case "eq":
            return str(value) == operand
        case "neq":
            return value is not None and str(value) != operand
        case "lt":
            return int(value or 0) < int(operand)
        case "in":
            return str(value) in operand.strip("()").split(",")
        case "is":
            return value is None
        case "not":
            return value is not None
        case "ilike":
            return operand.strip("*").lower() in str(value).lower()
    raise ValueError(f"an operator the contract does not have: {condition}")


def _shaped(rows: list[Row], query: dict[str, str]) -> list[Row]:
    if "order" in query:
        rows = sorted(rows, key=lambda row: str(row.get(query["order"].removesuffix(".desc"))), reverse=True)
    rows = rows[: int(query.get("limit", "1000"))]
    if query["select"] == "*":
        return rows
    return [{column: row.get(column) for column in query["select"].split(",")} for row in rows]
