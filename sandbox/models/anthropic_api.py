"""Anthropic's Messages API over HTTP: messages, streams, token counts and the model list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import JsonValue
from starlette.concurrency import run_in_threadpool

from sandbox.models.catalogue import MODELS, Model, claude
from sandbox.models.desk import ModelDesk, desk_of
from sandbox.models.errors import Unauthenticated, UnknownModel
from sandbox.models.message_wire import events, message, server_sent
from sandbox.models.messages import MessageRequest, parse_count, parse_json, parse_message, question_of
from sandbox.models.mind import Question, Reply, reply_to
from sandbox.models.settings import ModelSettings
from sandbox.models.trouble import AnthropicRoute, body_of, truncated

# Above this a request is worked on in a thread, so that the sandbox's other stand-ins go on answering.
INLINE_CHARACTERS = 8_000


async def authenticated(request: Request) -> None:
    """Accept `x-api-key` or a bearer token; any key, unless the settings name one. Raises Unauthenticated."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    key = request.headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    wanted = desk_of(request.app).settings.anthropic_key
    if not key:
        raise Unauthenticated("x-api-key header is required")
    if wanted and key != wanted:
        raise Unauthenticated("invalid x-api-key")


router = APIRouter(route_class=AnthropicRoute, dependencies=[Depends(authenticated)])


@router.post("/v1/messages")
async def create_message(request: Request) -> Response:
    """One answer, whole or as a stream of events."""
    desk = desk_of(request.app)
    asked = parse_message(parse_json(await body_of(request, desk.settings.largest_body_bytes)))
    check_model(asked.model)
    reply = await think(question_of(asked, desk.settings), desk.settings, truncate=truncated(request))
    desk.count(asked.model, reply.input_tokens, reply.output_tokens)
    if asked.stream:
        return StreamingResponse(_stream(reply, asked.model), media_type="text/event-stream; charset=utf-8")
    return JSONResponse(message(reply, asked.model))


@router.post("/v1/messages/count_tokens")
async def count_tokens(request: Request) -> JSONResponse:
    """What a request would count as input."""
    desk = desk_of(request.app)
    asked = parse_count(parse_json(await body_of(request, desk.settings.largest_body_bytes)))
    check_model(asked.model)
    return JSONResponse({"input_tokens": question_of(asked, desk.settings).input_tokens})


@router.get("/v1/models")
async def list_models() -> JSONResponse:
    """All models on one page."""
    rows = [_row(model) for model in MODELS]
    return JSONResponse({"data": rows, "has_more": False, "first_id": MODELS[0].id, "last_id": MODELS[-1].id})


@router.get("/v1/models/{model_id}")
async def get_model(model_id: str) -> JSONResponse:
    """One model; a name that only looks like one of theirs is described by itself."""
    check_model(model_id)
    listed = next((model for model in MODELS if model.id == model_id), None)
    return JSONResponse(_row(listed or Model(model_id, model_id, "1970-01-01T00:00:00Z")))


def check_model(model: str) -> None:
    """Raise UnknownModel for a name that is not one of a Claude model."""
    if not claude(model):
        raise UnknownModel(f"model: {model[:100]}")


async def think(question: Question, settings: ModelSettings, *, truncate: bool) -> Reply:
    """The mind's reply; long questions are thought over in a thread."""
    work: Callable[[], Reply] = partial(reply_to, question, settings, truncate=truncate)
    long = len(question.system) + sum(len(text) for _, text in question.turns) > INLINE_CHARACTERS
    return await run_in_threadpool(work) if long else work()


def reply_now(asked: MessageRequest, desk: ModelDesk, *, truncate: bool = False) -> Reply:
    """The reply to a batched request, at once."""
    check_model(asked.model)
    return reply_to(question_of(asked, desk.settings), desk.settings, truncate=truncate)


async def _stream(reply: Reply, model: str) -> AsyncIterator[bytes]:
    for event in events(reply, model):
        yield server_sent(event)


def _row(model: Model) -> dict[str, JsonValue]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": f"{model.display_name} [sandbox]",
        "created_at": model.created_at,
        "lifecycle": "active",
        "max_input_tokens": model.max_input_tokens,
        "max_tokens": model.max_output_tokens,
    }
