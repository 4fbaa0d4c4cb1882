"""Bedrock's runtime over HTTP: Titan embeddings and Claude by invoke, any chat model by converse."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import JsonValue

from sandbox.models import tokens
from sandbox.models.anthropic_api import think
from sandbox.models.catalogue import bedrock_vendor
from sandbox.models.converse import converse_body, parse_converse
from sandbox.models.desk import ModelDesk, desk_of
from sandbox.models.embedding import DIMENSIONS, embed
from sandbox.models.errors import InvalidRequest, Unauthenticated, UnknownModel
from sandbox.models.message_wire import message
from sandbox.models.messages import parse_json, parse_message, question_of
from sandbox.models.trouble import BedrockRoute, body_of, truncated

# Titan Text Embeddings v2: at most 8,192 tokens or 50,000 characters.
LONGEST_EMBEDDED_TEXT = 50_000
LONGEST_EMBEDDED_TOKENS = 8_192


async def signed(request: Request) -> None:
    """Any signature or bearer token will do, but there must be one. Raises Unauthenticated."""
    if not request.headers.get("authorization"):
        raise Unauthenticated("Missing Authentication Token")


router = APIRouter(route_class=BedrockRoute, dependencies=[Depends(signed)])


@router.post("/model/{model_id}/invoke")
async def invoke(model_id: str, request: Request) -> JSONResponse:
    """One call in the model's own format."""
    desk = desk_of(request.app)
    vendor = bedrock_vendor(model_id)
    body = parse_json(await body_of(request, desk.settings.largest_body_bytes))
    if vendor == "titan":
        return _embedding(model_id, body, desk, cut=truncated(request))
    if vendor == "anthropic":
        return await _claude(model_id, body, request, desk)
    if vendor == "nova":
        raise InvalidRequest("the sandbox answers this model by converse only")
    raise UnknownModel(f"Could not resolve the foundation model from the provided model identifier: {model_id[:100]}")


@router.post("/model/{model_id}/converse")
async def converse(model_id: str, request: Request) -> JSONResponse:
    """One answer of a chat model."""
    desk = desk_of(request.app)
    if bedrock_vendor(model_id) not in ("nova", "anthropic"):
        raise UnknownModel(f"The provided model identifier is invalid: {model_id[:100]}")
    question = parse_converse(parse_json(await body_of(request, desk.settings.largest_body_bytes)))
    reply = await think(question, desk.settings, truncate=truncated(request))
    desk.count(model_id, reply.input_tokens, reply.output_tokens)
    return JSONResponse(converse_body(reply))


async def _claude(model_id: str, body: JsonValue, request: Request, desk: ModelDesk) -> JSONResponse:
    if not isinstance(body, dict) or "anthropic_version" not in body:
        raise InvalidRequest("anthropic_version: Field required")
    asked = parse_message({**body, "model": model_id})
    reply = await think(question_of(asked, desk.settings), desk.settings, truncate=truncated(request))
    desk.count(model_id, reply.input_tokens, reply.output_tokens)
    return JSONResponse(message(reply, model_id))


def _embedding(model_id: str, body: JsonValue, desk: ModelDesk, *, cut: bool) -> JSONResponse:
    text = body.get("inputText") if isinstance(body, dict) else None
    dimensions = body.get("dimensions", 1024) if isinstance(body, dict) else 1024
    normalize = body.get("normalize", True) if isinstance(body, dict) else True
    if not isinstance(text, str) or not text:
        raise InvalidRequest(
            "Malformed input request: #: required key [inputText] not found, please reformat your input."
        )
    if not isinstance(dimensions, int) or dimensions not in DIMENSIONS:
        raise InvalidRequest(
            f"Malformed input request: #/dimensions: not one of {DIMENSIONS}, please reformat your input."
        )
    counted = tokens.count(tokens.scrub(text))
    if len(text) > LONGEST_EMBEDDED_TEXT:
        raise InvalidRequest(
            f"Malformed input request: expected maxLength: {LONGEST_EMBEDDED_TEXT}, actual: {len(text)}"
        )
    if counted > LONGEST_EMBEDDED_TOKENS:
        raise InvalidRequest(
            f"Too many input tokens. Max input tokens: {LONGEST_EMBEDDED_TOKENS}, request input token count: {counted}"
        )
    vector = embed(tokens.scrub(text), dimensions, normalize=normalize is not False)
    desk.count(model_id, counted, 0)
    kept: JsonValue = list(vector[: dimensions // 2] if cut else vector)
    return JSONResponse({"embedding": kept, "inputTextTokenCount": counted, "embeddingsByType": {"float": kept}})
