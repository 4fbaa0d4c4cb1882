"""Service keys: whoever has none gets 401 everywhere but where a load balancer asks."""

from __future__ import annotations

import json

import httpx
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.v2_service.stubs import settings
from v2_service.access import ServiceKeys, caller, exposed, is_loopback
from v2_service.settings import Settings

GATEWAY, OPS = "gateway-key-0123456789", "ops-key-0123456789abc"
KEYS = {"gateway": GATEWAY, "ops": OPS}


async def status(chosen: Settings, path: str, authorization: str | None = None, service_key: str | None = None) -> int:
    async def welcome(_: Request) -> PlainTextResponse:
        return PlainTextResponse("in")

    app = ServiceKeys(Starlette(routes=[Route("/{path:path}", welcome)]), chosen)
    given = {"Authorization": authorization, "X-Service-Key": service_key}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value is not None]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://v2.test") as client:
        answer = await client.get(path, headers=headers)
    assert (answer.status_code != 401) or answer.headers["www-authenticate"].startswith("Bearer")
    return answer.status_code


@pytest.mark.parametrize("authorization", [f"Bearer {GATEWAY}", f"bearer  {OPS} "])
async def test_every_services_key_opens_every_route(authorization: str) -> None:
    assert await status(settings(service_keys=KEYS), "/process-full", authorization) == 200


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", GATEWAY, f"Basic {GATEWAY}", f"Bearer {GATEWAY}x", "Bearer é"]
)
async def test_anything_else_is_refused(authorization: str | None) -> None:
    for path in ("/process-full", "/jobs/x", "/admin/costs", "/docs", "/health/x"):
        assert await status(settings(service_keys=KEYS), path, authorization) == 401


async def test_health_is_open_and_metrics_unless_told_otherwise() -> None:
    for path, need, wanted in (("/health", True, 200), ("/ready", True, 200), ("/metrics", False, 200)):
        assert await status(settings(service_keys=KEYS, metrics_need_key=need), path) == wanted
    assert await status(settings(service_keys=KEYS, metrics_need_key=True), "/metrics") == 401


async def test_without_keys_everybody_on_this_machine_may_pass() -> None:
    assert await status(settings(), "/jobs/x") == 200


def test_the_caller_is_known_by_name() -> None:
    keys = settings(service_keys=KEYS).service_keys
    assert caller(f"Bearer {OPS}", "", keys) == "ops"
    assert caller("Bearer nobody", "", keys) is None
    assert caller("Bearer of a person", f" {GATEWAY} ", keys) == "gateway"


@pytest.mark.parametrize("key", ["", "nobody", f"Bearer {GATEWAY}", f"{GATEWAY}x"])
async def test_a_key_in_its_own_header_leaves_authorization_to_the_person(key: str) -> None:
    chosen = settings(service_keys=KEYS)
    assert await status(chosen, "/process-full", "Bearer of a person", GATEWAY) == 200
    assert await status(chosen, "/process-full", service_key=GATEWAY) == 200
    assert await status(chosen, "/process-full", "Bearer of a person", key) == 401


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_an_address_that_others_reach_needs_keys(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
    assert bool(exposed(settings(host=host))) is not loopback
    assert exposed(settings(host=host, service_keys=KEYS)) == ""
    assert exposed(settings(host=host, allow_no_keys=True)) == ""


@pytest.mark.parametrize("keys", [{"a": "short"}, {"a": GATEWAY, "b": GATEWAY}, {"a": "with a space in it 12345"}])
def test_weak_or_shared_keys_are_refused_without_showing_them(keys: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="key"):
        settings(service_keys=keys)
    assert GATEWAY not in repr(settings(service_keys=KEYS))
    assert json.loads(settings(service_keys=KEYS).model_dump_json())["service_keys"]["ops"] != OPS
