"""The monolith in this process, with an emulator behind it. Waits are scaled to nothing; no count or order changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Recorder
from tests.legacy.emulator import PROFILE, Emulator

KEY = "service-key-of-a-test"


@pytest.fixture
def emulator() -> Emulator:
    """State behind the monolith. Its chat models answer every prompt with one fenced profile."""
    emulator = Emulator()
    emulator.reply = f"```json\n{json.dumps(PROFILE)}\n```"
    return emulator


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    """One server for all tests, so that one SDK client, which is dear to make, does for all of them too."""
    with pytest.MonkeyPatch.context() as patch, Recorder(Emulator()) as recorder:
        patch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", recorder.url)
        patch.setattr(main, "SDK_RETRIES", {"total_max_attempts": 1, "mode": "standard"})  # its waits cannot be scaled
        patch.setattr(main, "SETTINGS", main.Settings(aws_access_key_id="id", aws_secret_access_key="secret"))
        main.bedrock.cache_clear()
        clients = [main.bedrock(purpose) for purpose in ("embed", "converse")]
        yield recorder
        for client in clients:
            client.close()
        main.bedrock.cache_clear()


@pytest.fixture
def wire(recorder: Recorder, emulator: Emulator) -> Recorder:
    """The emulator on loopback, and all that this test asks of it."""
    recorder.begin(emulator)
    return recorder


@pytest.fixture
def settings(wire: Recorder) -> main.Settings:
    """Everything configured, Telegram apart."""
    return main.Settings(
        supabase_url=wire.url,
        supabase_service_key=KEY,
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        vercel_api_url=wire.url,
        alert_telegram_bot=None,
        legacy_time_scale=0.0,
    )


@pytest.fixture
def configured(settings: main.Settings, monkeypatch: pytest.MonkeyPatch) -> main.Settings:
    """The module under test, pointed at the emulator; not started."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(main, "SETTINGS", settings)
    monkeypatch.setattr(main, "RLM_ERROR", None)
    return settings


@pytest.fixture
async def monolith(configured: main.Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the started app. An answer comes back when the background work behind it is done."""
    async with main.outbound():
        transport = httpx.ASGITransport(main.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://monolith.test") as client:
            yield client
