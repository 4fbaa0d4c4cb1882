"""Calls to chat models, through the real SDK: the request, and patience with throttling."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer, Recorder
from tests.legacy.emulator import Emulator

THROTTLED = Answer(429, {"message": "Slow down."}, {"x-amzn-errortype": "ThrottlingException"})


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for."""
    asked: list[float] = []

    async def pause(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(main, "pause", pause)
    return asked


async def test_a_call_is_one_user_turn_with_temperature_and_limit(monolith: httpx.AsyncClient, wire: Recorder) -> None:
    await main.converse(main.MICRO, "a question", 10)
    await main.converse(main.SONNET, "another", 20, "a system prompt")
    first, second = wire.requests
    assert first.target == "/model/amazon.nova-micro-v1%3A0/converse"
    assert first.json == {
        "messages": [{"role": "user", "content": [{"text": "a question"}]}],
        "inferenceConfig": {"maxTokens": 10, "temperature": 0.7},
    }
    assert second.target == "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    assert second.json["system"] == [{"text": "a system prompt"}]


async def test_the_parts_of_an_answer_are_joined(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    parts = [{"text": "one "}, {"text": "two"}]
    emulator.on("converse lite", Answer(200, {"output": {"message": {"role": "assistant", "content": parts}}}))
    assert await main.converse(main.LITE, "a question", 10) == "one two"


async def test_throttling_is_waited_out_four_times(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder, waits: list[float]
) -> None:
    emulator.on("converse lite", THROTTLED, times=4)
    emulator.reply = "finally"
    assert await main.converse(main.LITE, "a question", 10) == "finally"
    assert waits == [2.0, 4.0, 8.0, 16.0]
    assert len(wire.requests) == 5


async def test_the_fifth_throttled_try_is_raised(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder, waits: list[float]
) -> None:
    emulator.on("converse lite", THROTTLED)
    with pytest.raises(Exception, match="ThrottlingException"):
        await main.converse(main.LITE, "a question", 10)
    assert len(wire.requests) == 5


async def test_other_errors_are_raised_at_once(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder, waits: list[float]
) -> None:
    emulator.on("converse lite", Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"}))
    with pytest.raises(Exception, match="ValidationException"):
        await main.converse(main.LITE, "a question", 10)
    assert (len(wire.requests), waits) == (1, [])


async def test_every_pause_is_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(main, "SETTINGS", main.Settings(legacy_time_scale=0.25))
    await main.pause(10.0)
    assert slept == [2.5]


def test_the_pace_of_production_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEGACY_TIME_SCALE", raising=False)
    assert main.Settings().legacy_time_scale == 1.0
