"""What each way of being answered, or not answered, by the monolith means."""

from __future__ import annotations

import httpx
import pytest

from tests.v2_service.stubs import settings
from v2_service.adapters.monolith import Heard, Monolith, heard

STARTED = {"status": "processing", "job_id": "j"}


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, STARTED, Heard.STARTED),
        (202, STARTED, Heard.STARTED),
        (200, {"status": "processing", "job_id": None}, Heard.STARTED),
        (200, {"status": "ok"}, Heard.DOUBTFUL),
        (200, [], Heard.DOUBTFUL),
        (307, None, Heard.REFUSED),
        (401, None, Heard.REFUSED),
        (422, {"detail": []}, Heard.REFUSED),
        (429, None, Heard.NOT_REACHED),
        (500, None, Heard.DOUBTFUL),
        (503, None, Heard.DOUBTFUL),
    ],
)
def test_an_answer_leaves_doubt_only_where_an_import_may_have_begun(status: int, body: object, meaning: Heard) -> None:
    assert heard(httpx.Response(status, json=body)).heard is meaning


def test_a_page_that_is_no_json_is_doubtful() -> None:
    assert heard(httpx.Response(200, text="<html>")).heard is Heard.DOUBTFUL


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (httpx.ConnectError("refused"), Heard.NOT_REACHED),
        (httpx.ConnectTimeout("slow"), Heard.NOT_REACHED),
        (httpx.ReadTimeout("slow"), Heard.DOUBTFUL),
        (httpx.RemoteProtocolError("closed"), Heard.DOUBTFUL),
        (httpx.WriteError("cut"), Heard.DOUBTFUL),
    ],
)
async def test_only_a_connection_that_never_stood_is_certain(error: httpx.HTTPError, meaning: Heard) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    async with httpx.AsyncClient(transport=httpx.MockTransport(fail)) as client:
        monolith = Monolith(client, settings(hand_back_url="http://monolith.test/"))
        assert (await monolith.start("u", "b/p", None, None)).heard is meaning
