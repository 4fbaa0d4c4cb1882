"""The API keys of a project and the gate in front of its services, which answers before they see a request."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import JSONResponse, Response

from sandbox.postgrest.tokens import make_key

SERVICE_ROLE = "service_role"
ANONYMOUS_ROLE = "anon"


@dataclass(frozen=True, slots=True)
class Keys:
    """One project's keys. Signed with `secret`, so every service can check them by itself."""

    secret: str
    service: str
    anonymous: str

    @classmethod
    def of(cls, secret: str) -> Keys:
        return cls(secret, make_key(secret, SERVICE_ROLE), make_key(secret, ANONYMOUS_ROLE))

    def known(self, key: str) -> bool:
        return any(hmac.compare_digest(key.encode(), mine.encode()) for mine in (self.service, self.anonymous))


def keys_of(request: Request) -> Keys:
    """The keys of the running sandbox (`app.state.keys`)."""
    keys = request.app.state.keys
    assert isinstance(keys, Keys)
    return keys


def refuse_without_key(request: Request) -> Response | None:
    """The hosted gateway's 401 for an absent or unknown `apikey` (header or parameter); None when it is good."""
    given = request.headers.get("apikey") or request.query_params.get("apikey")
    if not given:
        return _unauthorized("No API key found in request", "No `apikey` request header or url param was found.")
    if not keys_of(request).known(given):
        return _unauthorized("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.")
    return None


def authorization(headers: Mapping[str, str]) -> str | None:
    """What the services behind the gate get as Authorization: the caller's own, else the key itself."""
    key = headers.get("apikey")
    return headers.get("authorization") or (f"Bearer {key}" if key else None)


def _unauthorized(message: str, hint: str) -> Response:
    return JSONResponse({"message": message, "hint": hint}, status_code=401)
