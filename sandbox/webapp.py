"""The web app's callback receiver: what it is told when an import is ready. It sends no e-mail; it remembers."""

from __future__ import annotations

import json

import psycopg
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from sandbox.callbacks import Callback
from sandbox.desk import callbacks_of, database_of

PATH = "/api/import/complete"
MAX_BODY_BYTES = 100_000

router = APIRouter()


@router.post(PATH)
async def import_complete(request: Request) -> Response:
    """Answers as the web app: 400 without user_id, 404 for an unknown profile, else success. Checks no key."""
    body = _read(await request.body())
    status, answer = await _answer(request, body)
    callbacks_of(request).latest.append(
        Callback(
            body=body,
            content_type=request.headers.get("content-type", ""),
            has_bearer=request.headers.get("authorization", "").startswith("Bearer "),
            has_api_key=bool(request.headers.get("x-rlm-api-key")),
            status=status,
        )
    )
    return JSONResponse(answer, status_code=status)


def _read(raw: bytes) -> dict[str, object]:
    try:
        body = json.loads(raw) if len(raw) <= MAX_BODY_BYTES else None
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def _answer(request: Request, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    user_id = body.get("user_id")
    if not isinstance(user_id, str) or not user_id:
        return 400, {"error": "user_id is required"}
    try:
        found = await database_of(request).row("select 1 as it from public.user_profiles where user_id = %s", user_id)
    except psycopg.DataError:
        found = None
    if found is None:
        return 404, {"error": "User profile not found"}
    return 200, {"success": True, "email_sent": True, "push_sent": False}
