"""Every error of the ops API as a problem document (RFC 9457). Counterpart: `gateway.ops.remote`, which reads them."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from flags.errors import FlagsError, InvalidDocumentError
from gateway.ops.errors import OpsError
from gateway.rollout.errors import RolloutError

PROBLEM_TYPE = "application/problem+json"


def problem(status: int, detail: str, **members: object) -> JSONResponse:
    """A problem document; `members` are its extension members (RFC 9457, section 3.2)."""
    headers = {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}
    return JSONResponse(content, status, headers, PROBLEM_TYPE)


async def _refusal(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FlagsError | OpsError | RolloutError)
    members: Mapping[str, object] = {"error": type(error).__name__}
    if isinstance(error, InvalidDocumentError):
        members = {**members, "problems": list(error.problems)}
    return problem(error.status, str(error), **members)


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
    return problem(422, "the request is malformed", problems=problems)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail))


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every refusal of the app with a problem document."""
    app.add_exception_handler(FlagsError, _refusal)
    app.add_exception_handler(OpsError, _refusal)
    app.add_exception_handler(RolloutError, _refusal)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http_error)
