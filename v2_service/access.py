"""Who may use the service: a bearer key per calling service, checked before any route (`V2_SERVICE_KEYS`)."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping

from pydantic import SecretStr
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from v2_service.settings import Settings

# What a load balancer asks, and what answers before a key could be known.
OPEN_PATHS = frozenset({"/health", "/ready"})
METRICS = "/metrics"
UNAUTHORIZED = 401


def exposed(settings: Settings) -> str:
    """Why these settings may not be served; empty when they may. Without keys only this machine may call."""
    if settings.service_keys or settings.allow_no_keys or is_loopback(settings.host):
        return ""
    return (
        f"V2_SERVICE_KEYS: is needed to listen on {settings.host}, which others can reach; "
        "set V2_ALLOW_NO_KEYS=true where the network lets in nobody else"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def caller(authorization: str, keys: Mapping[str, SecretStr]) -> str | None:
    """The service whose key an `Authorization` header holds. Every key is compared, in constant time."""
    scheme, _, given = authorization.partition(" ")
    offered = given.strip().encode() if scheme.lower() == "bearer" else b""
    found = None
    for name, key in keys.items():
        if hmac.compare_digest(offered, key.get_secret_value().encode()):
            found = name
    return found


class ServiceKeys:
    """Answers 401 to whoever has no key. With no keys configured everybody may pass."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._keys = settings.service_keys
        self._open = OPEN_PATHS if settings.metrics_need_key else OPEN_PATHS | {METRICS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._keys or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if caller(headers.get(b"authorization", b"").decode("latin-1"), self._keys) is not None:
            await self._app(scope, receive, send)
            return
        answer = JSONResponse(
            {"detail": "A service key is needed: Authorization: Bearer <key>."},
            status_code=UNAUTHORIZED,
            headers={"WWW-Authenticate": 'Bearer realm="v2"'},
        )
        await answer(scope, receive, send)
