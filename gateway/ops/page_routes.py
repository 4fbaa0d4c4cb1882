"""Serves the ops page: hand-written files, no build step. Counterpart: `page/ops.js`, which asks the ops API.

The page holds no figures and no secrets, so it is open to whoever reaches the port; what it asks for is guarded.
"""

from importlib.resources import files

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

_SCRIPT = "text/javascript; charset=utf-8"

_KINDS = {
    "index.html": "text/html; charset=utf-8",
    "ops.css": "text/css; charset=utf-8",
    "ops.js": _SCRIPT,
    "calls.js": _SCRIPT,
    "change.js": _SCRIPT,
    "elements.js": _SCRIPT,
    "guard.js": _SCRIPT,
}

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def page_router() -> APIRouter:
    """`/` and the files it needs, read once."""
    router = APIRouter()
    folder = files("gateway.ops") / "page"
    contents = {name: (folder / name).read_bytes() for name in _KINDS}

    def answer(name: str) -> Response:
        if name not in contents:
            raise HTTPException(404)
        return Response(contents[name], headers=_HEADERS, media_type=_KINDS[name])

    @router.get("/", include_in_schema=False)
    async def index() -> Response:
        return answer("index.html")

    @router.get("/page/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        return answer(name)

    return router
