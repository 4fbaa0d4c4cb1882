"""Alerts go to Telegram only when a bot and a chat are set, and carry nobody's words."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer
from tests.legacy.emulator import Emulator
from tests.legacy.exports import export


@pytest.fixture
async def sent(configured: main.Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[httpx.Request]]:
    """What goes to Telegram; nothing else is reachable."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        raise httpx.ConnectError("no way out of a test", request=request)

    told = configured.model_copy(update={"alert_telegram_bot": "bot-token", "alert_telegram_chat": "42"})
    monkeypatch.setattr(main, "SETTINGS", told)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        monkeypatch.setattr(main, "_client", client)
        yield requests


async def test_an_alert_is_one_html_message_whose_text_is_escaped(sent: list[httpx.Request]) -> None:
    await main.alert("Import failed", "<b>&")
    [request] = sent
    assert str(request.url) == "https://api.telegram.org/botbot-token/sendMessage"
    body = json.loads(request.content)
    assert body == {"chat_id": "42", "text": "<b>Import failed</b>\n&lt;b&gt;&amp;", "parse_mode": "HTML"}


async def test_without_a_chat_nothing_is_sent(sent: list[httpx.Request], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "SETTINGS", main.SETTINGS.model_copy(update={"alert_telegram_chat": None}))
    await main.alert("Import failed")
    assert sent == []


async def test_a_failed_query_alerts_without_the_person_or_the_message(
    sent: list[httpx.Request], caplog: pytest.LogCaptureFixture
) -> None:
    transport = httpx.ASGITransport(main.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://monolith.test") as client:
        answer = await client.post(
            "/chat", json={"user_id": "user-of-test", "message": "a secret", "history": [{"content": None}]}
        )
    assert answer.status_code == 500
    told = [request.content.decode() for request in sent if request.url.host == "api.telegram.org"]
    assert len(told) == 1
    for text in (*told, caplog.text):
        assert "user-of-test" not in text
        assert "a secret" not in text


async def test_without_a_web_app_no_callback_is_sent(
    sent: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "SETTINGS", main.SETTINGS.model_copy(update={"vercel_api_url": None}))
    assert await main.notify_web_app({"user_id": "u"}) == {}
    assert sent == []


async def test_an_import_logs_neither_the_person_nor_their_words(
    monolith: httpx.AsyncClient, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="legacy")
    for broken in (
        None,
        "converse sonnet",
        "invoke",
        "POST conversation_chunks",
        "PATCH user_profiles",
        "POST callback",
    ):
        if broken:
            emulator.on(broken, Answer(400, {"message": "the words of user-of-test"}), times=20)
        await monolith.post("/process-full", json={"user_id": "user-of-test", "conversations": export(2, 6)})
        body = {"user_id": "user-of-test", "conversations_json": json.dumps(export(2, 6))}
        await monolith.post("/process-import", json=body)
        await monolith.post("/chat", json={"user_id": "user-of-test", "message": "a secret question"})
    assert "import failed" in caplog.text
    assert "Import complete" in caplog.text
    for private in ("user-of-test", "a secret question", "0.0 xxx", "Talk 0"):
        assert private not in caplog.text
