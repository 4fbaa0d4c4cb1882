"""The door of the ops port: monitoring is answered without loading what is behind it."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway.ops.access import OpsAccess
from gateway.ops.front import Behind, OpsFront
from tests.gateway.ops.fleet import EXPOSITION, StandInFleet


async def _hello(request: object) -> PlainTextResponse:
    return PlainTextResponse("behind")


class Api:
    """What is behind the door; counts how often it was loaded and closed."""

    def __init__(self) -> None:
        self.loaded = self.closed = 0

    def load(self) -> Behind:
        self.loaded += 1
        return Behind(Starlette(routes=[Route("/", _hello)]), self.close)

    def close(self) -> None:
        self.closed += 1


class Watching:
    """Metrics beside the fleet's."""

    def exposition(self) -> bytes:
        return b"extra 1\n"


@pytest.fixture
def api() -> Api:
    return Api()


def client(door: OpsFront) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://127.0.0.1:9090")


async def test_probes_are_answered_by_the_door_alone(api: Api) -> None:
    fleet = StandInFleet()
    async with client(OpsFront(fleet, OpsAccess("0.0.0.0", "s3cret"), api.load)) as ops:
        assert (await ops.get("/healthz")).json() == {"status": "ok"}
        assert (await ops.get("/readyz")).json() == {"ready": True, "workers": {"ready": 2, "wanted": 2}}
        fleet.is_ready = False
        assert (await ops.get("/readyz")).status_code == 503
    assert api.loaded == 0


async def test_metrics_are_the_fleets_and_the_watchs(api: Api) -> None:
    async with client(OpsFront(StandInFleet(), OpsAccess("127.0.0.1"), api.load, [Watching()])) as ops:
        answer = await ops.get("/metrics")
    assert answer.content == EXPOSITION + b"extra 1\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert api.loaded == 0


async def test_metrics_ask_for_the_token_and_refuse_foreign_pages(api: Api) -> None:
    async with client(OpsFront(StandInFleet(), OpsAccess("0.0.0.0", "s3cret"), api.load)) as ops:
        for headers in ({}, {"authorization": "Bearer wrong"}):
            refused = await ops.get("/metrics", headers=headers)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert refused.headers["content-type"] == "application/problem+json"
        assert (await ops.get("/metrics", headers={"authorization": "Bearer s3cret"})).content == EXPOSITION
    async with client(OpsFront(StandInFleet(), OpsAccess("127.0.0.1"), api.load)) as ops:
        assert (await ops.get("/metrics", headers={"origin": "http://evil.example"})).status_code == 403


async def test_other_methods_are_refused(api: Api) -> None:
    async with client(OpsFront(StandInFleet(), OpsAccess("127.0.0.1"), api.load)) as ops:
        refused = await ops.post("/metrics")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_the_api_is_loaded_once_when_it_is_asked_for_and_closed_with_the_door(api: Api) -> None:
    door = OpsFront(StandInFleet(), OpsAccess("127.0.0.1"), api.load)
    door.close()
    assert api.closed == 0
    async with client(door) as ops:
        assert [(await ops.get("/")).text for _ in range(2)] == ["behind", "behind"]
    door.close()
    assert (api.loaded, api.closed) == (1, 1)
