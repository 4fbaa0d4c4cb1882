"""Message Batches over HTTP: create, get, list, cancel, results as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import JsonValue
from starlette.concurrency import run_in_threadpool

from sandbox.models.anthropic_api import authenticated, reply_now
from sandbox.models.batches import MOST_REQUESTS, Batch, BatchRequest, fate_of
from sandbox.models.desk import ModelDesk, desk_of
from sandbox.models.errors import InvalidRequest, ModelError, UnknownBatch
from sandbox.models.message_wire import message
from sandbox.models.messages import parse_json, parse_message, question_of
from sandbox.models.trouble import AnthropicRoute, body_of

LARGEST_PAGE = 1000

router = APIRouter(route_class=AnthropicRoute, dependencies=[Depends(authenticated)], prefix="/v1/messages/batches")


@router.post("")
async def create_batch(request: Request) -> Response:
    """Take a batch in; it ends after the time in the settings."""
    desk = desk_of(request.app)
    body = await body_of(request, desk.settings.largest_batch_bytes)
    requests = await run_in_threadpool(_requests, parse_json(body), desk)
    return _shown(desk.batches.create(requests, len(body), desk.settings), request, desk)


@router.get("")
async def list_batches(
    request: Request, limit: int = 20, after_id: str | None = None, before_id: str | None = None
) -> Response:
    """A page of batches, newest first."""
    desk = desk_of(request.app)
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidRequest(f"limit: must be between 1 and {LARGEST_PAGE}")
    batches, more = desk.batches.page(limit, after_id, before_id)
    rows = [batch.row(desk.batches.now, _base_url(request)) for batch in batches]
    first, last = (batches[0].id, batches[-1].id) if batches else (None, None)
    return JSONResponse({"data": rows, "has_more": more, "first_id": first, "last_id": last})


@router.get("/{batch_id}")
async def get_batch(batch_id: str, request: Request) -> Response:
    """How far a batch is."""
    desk = desk_of(request.app)
    return _shown(desk.batches.get(batch_id), request, desk)


@router.post("/{batch_id}/cancel")
async def cancel_batch(batch_id: str, request: Request) -> Response:
    """Cancel a batch that is in progress."""
    desk = desk_of(request.app)
    return _shown(desk.batches.cancel(batch_id), request, desk)


@router.get("/{batch_id}/results")
async def batch_results(batch_id: str, request: Request) -> Response:
    """One line per request of an ended batch."""
    desk = desk_of(request.app)
    batch = desk.batches.get(batch_id)
    if batch.status(desk.batches.now) != "ended":
        raise UnknownBatch(f"Message batch {batch_id} has no available results")
    return StreamingResponse(_lines(batch, desk), media_type="application/x-jsonl")


async def _lines(batch: Batch, desk: ModelDesk) -> AsyncIterator[bytes]:
    first_reading, batch.counted = not batch.counted, True
    for asked in batch.requests:
        result = await run_in_threadpool(_result, batch, asked, desk, count=first_reading)
        yield json.dumps({"custom_id": asked.custom_id, "result": result}, ensure_ascii=False).encode() + b"\n"


def _result(batch: Batch, asked: BatchRequest, desk: ModelDesk, *, count: bool) -> JsonValue:
    fate = batch.fate_of(asked)
    if fate in ("canceled", "expired"):
        return {"type": fate}
    kind, text = "api_error", "Internal server error"
    try:
        params = parse_message(dict(asked.params))
        reply = reply_now(params, desk)
        if fate == "succeeded":
            if count:
                desk.count(params.model, reply.input_tokens, reply.output_tokens)
            return {"type": "succeeded", "message": message(reply, params.model)}
    except ModelError as error:
        kind, text = error.anthropic, error.message
    return {"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": text}, "request_id": None}}


def _requests(body: JsonValue, desk: ModelDesk) -> list[BatchRequest]:
    """The requests of a batch body, each with its fate. Raises InvalidRequest."""
    rows = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_REQUESTS:
        raise InvalidRequest(f"requests: a list of 1 to {MOST_REQUESTS} requests is required")
    found: dict[str, BatchRequest] = {}
    for index, row in enumerate(rows):
        custom_id = row.get("custom_id") if isinstance(row, dict) else None
        params = row.get("params") if isinstance(row, dict) else None
        if not isinstance(custom_id, str) or not 1 <= len(custom_id) <= 64 or not isinstance(params, dict):
            raise InvalidRequest(f"requests.{index}: custom_id (1 to 64 characters) and params are required")
        if custom_id in found:
            raise InvalidRequest(f"requests.{index}.custom_id: must be unique within the batch")
        found[custom_id] = BatchRequest(custom_id, params, fate_of(custom_id, _valid(params, desk), desk.settings))
    return list(found.values())


def _valid(params: dict[str, JsonValue], desk: ModelDesk) -> bool:
    """Whether the request can be answered, short of answering it; an answer that then fails is an errored one too."""
    try:
        question_of(parse_message(params), desk.settings)
    except ModelError:
        return False
    return True


def _shown(batch: Batch, request: Request, desk: ModelDesk) -> JSONResponse:
    return JSONResponse(batch.row(desk.batches.now, _base_url(request)))


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")
