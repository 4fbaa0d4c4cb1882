"""The completion callback: bearer, body, and no second call that may send a second e-mail."""

from __future__ import annotations

import json

import httpx
import pytest
import respx

from tests.v2_service.stubs import settings
from v2_service.adapters.web_app import ATTEMPTS, WebApp
from v2_service.errors import CallbackFailed

URL = "http://web.test/api/import/complete"


async def test_the_web_app_is_told_with_a_bearer_key() -> None:
    with respx.mock() as mock:
        route = mock.post(URL).mock(return_value=httpx.Response(200, json={"email_sent": True}))
        async with httpx.AsyncClient() as client:
            assert await WebApp(client, settings()).import_complete("u", "r", 1.5) == {"email_sent": True}
    request = route.calls.last.request
    assert request.headers["authorization"] == "Bearer web-hidden"
    assert json.loads(request.content) == {
        "user_id": "u",
        "soulprint_ready": True,
        "memory_building": False,
        "processing_time": 1.5,
        "status": "complete",
        "run_id": "r",
    }


@pytest.mark.parametrize(
    ("outcome", "calls"),
    [(httpx.Response(500), 1), (httpx.ReadTimeout("x"), 1), (httpx.ConnectError("x"), ATTEMPTS)],
)
async def test_only_a_call_that_cannot_have_arrived_is_repeated(
    outcome: httpx.Response | Exception, calls: int
) -> None:
    with respx.mock() as mock:
        route = mock.post(URL)
        if isinstance(outcome, Exception):
            route.mock(side_effect=outcome)
        else:
            route.mock(return_value=outcome)
        async with httpx.AsyncClient() as client:
            with pytest.raises(CallbackFailed):
                await WebApp(client, settings()).import_complete("u", "r", 1.5)
    assert route.call_count == calls


async def test_without_a_web_app_nobody_is_called() -> None:
    async with httpx.AsyncClient() as client:
        assert await WebApp(client, settings(web_app_url=None)).import_complete("u", "r", 1.5) == {}
