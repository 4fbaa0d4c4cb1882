"""Who may use the service: a key per calling service, checked before any route (`V2_SERVICE_KEYS`).

It comes as `Authorization: Bearer <key>`, or as `X-Service-Key: <key>` from a proxy whose clients' own Authorization
must pass through.
"""

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


def caller(authorization: str, service_key: str, keys: Mapping[str, SecretStr]) -> str | None:
    """The service whose key one of the two headers holds. Every key is compared, in constant time."""
    scheme, _, given = authorization.partition(" ")
    bearer = given.strip() if scheme.lower() == "bearer" else ""
    offered = bearer.encode(), service_key.strip().encode()
    found = None
    for name, key in keys.items():
        known = key.get_secret_value().encode()
        for one in offered:
            if hmac.compare_digest(one, known):
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
        bearer, plain = (headers.get(name, b"").decode("latin-1") for name in (b"authorization", b"x-service-key"))
        if caller(bearer, plain, self._keys) is not None:
            await self._app(scope, receive, send)
            return
        answer = JSONResponse(
            {"detail": "A service key is needed: Authorization: Bearer <key>, or X-Service-Key: <key>."},
            status_code=UNAUTHORIZED,
            headers={"WWW-Authenticate": 'Bearer realm="v2"'},
        )
        await answer(scope, receive, send)
