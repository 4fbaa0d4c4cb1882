"""What PostgREST's answers mean, one by one; nothing but 2xx is success."""

from __future__ import annotations

import json

import httpx
import pytest
import respx

from tests.v2_service.stubs import BASE, settings
from v2_service.adapters.supabase import Rest, expect_written, new_client
from v2_service.errors import StaleRun, StoreRefused, StoreUnavailable, UserUnknown


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": "P0001", "message": "v2_stale_run", "details": "cancelled"}, StaleRun),
        (400, {"code": "P0001", "message": "v2_unknown_user"}, UserUnknown),
        (409, {"code": "23503", "message": "violates foreign key"}, UserUnknown),
        (400, {"code": "22P02", "message": "invalid input syntax: secret words"}, StoreRefused),
        (401, {"code": "PGRST301", "message": "JWT expired"}, StoreRefused),
        (404, {"code": "PGRST202", "message": "no function v2_claim_run"}, StoreRefused),
        (429, {}, StoreUnavailable),
        (500, "not json", StoreUnavailable),
        (503, {"code": "PGRST001"}, StoreUnavailable),
    ],
)
async def test_every_refusal_raises_its_error_without_quoting_rows(
    status: int, body: object, kind: type[Exception]
) -> None:
    with respx.mock(base_url=BASE) as mock:
        mock.post("/rest/v1/rpc/f").mock(return_value=httpx.Response(status, json=body))
        async with new_client(settings()) as client:
            with pytest.raises(kind) as caught:
                await Rest(client).call("f", {})
    assert "secret words" not in str(caught.value)


async def test_what_names_the_schema_is_passed_on() -> None:
    body = {"code": "PGRST202", "message": "no function v2_claim_run"}
    with respx.mock(base_url=BASE) as mock:
        mock.post("/rest/v1/rpc/f").mock(return_value=httpx.Response(404, json=body))
        async with new_client(settings()) as client:
            with pytest.raises(StoreRefused, match="no function v2_claim_run"):
                await Rest(client).call("f", {})


@pytest.mark.parametrize("failure", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
async def test_no_answer_is_unavailable_and_transient(failure: Exception) -> None:
    with respx.mock(base_url=BASE) as mock:
        mock.get("/rest/v1/t").mock(side_effect=failure)
        async with new_client(settings()) as client:
            with pytest.raises(StoreUnavailable) as caught:
                await Rest(client).select("t", {})
    assert caught.value.transient


async def test_calls_carry_the_key_and_storable_text() -> None:
    with respx.mock(base_url=BASE) as mock:
        route = mock.post("/rest/v1/rpc/f").mock(return_value=httpx.Response(204))
        async with new_client(settings()) as client:
            assert await Rest(client).call("f", {"text": "a\x00b\ud800"}) is None
    request = route.calls.last.request
    assert request.headers["apikey"] == "service-hidden"
    assert request.headers["authorization"] == "Bearer service-hidden"
    assert json.loads(request.content) == {"text": "ab?"}


def test_a_write_that_reached_fewer_rows_is_a_failure() -> None:
    expect_written(3, 3, "chunks")
    with pytest.raises(StoreRefused, match="2 of 3 chunks"):
        expect_written(2, 3, "chunks")
