"""`/rest/v1`: carries HTTP to the PostgREST front and back."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from sandbox.keys import authorization, keys_of, refuse_without_key
from sandbox.postgrest import request as model
from sandbox.postgrest.answer import Answer, refusal
from sandbox.postgrest.edge import Front
from sandbox.postgrest.errors import RestError
from sandbox.postgrest.tokens import read_claims

PREFIX = "/rest/v1"
METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "TRACE"]

MAX_BODY_BYTES = 256 << 20

router = APIRouter()


@router.api_route(PREFIX + "/{path:path}", methods=METHODS, include_in_schema=False)
async def rest(request: Request, path: str) -> Response:
    """One request, whole: a row is written in one statement."""
    refused = refuse_without_key(request)
    if refused is not None:
        return refused
    body = await _read_body(request)
    if body is None:
        return Response(status_code=413)
    front = request.app.state.front
    assert isinstance(front, Front)
    asked = model.Request(
        method=request.method,
        path=f"/{path}",
        query=_without_key(request.url.query),
        headers=[(key.lower(), value) for key, value in request.headers.items()],
        body=body,
    )
    try:
        claims = read_claims(keys_of(request).secret, authorization(request.headers))
    except RestError as error:
        return _respond(refusal(error))
    return _respond(await front.handle(asked, claims))


async def _read_body(request: Request) -> bytes | None:
    """The body; None when it is larger than any batch of rows should be."""
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > MAX_BODY_BYTES:
            return None
    return bytes(read)


def _without_key(query: str) -> str:
    """The query as the service behind the gate gets it."""
    return "&".join(part for part in query.split("&") if not part.startswith("apikey="))


def _respond(answer: Answer) -> Response:
    response = Response(answer.body, status_code=answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    if answer.status == 204:
        del response.headers["content-length"]
    return response
