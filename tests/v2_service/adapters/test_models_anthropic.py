"""Every way in which a model call can end is an outcome or an error of ours; the SDK alone retries."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import anthropic
import httpx2
import pytest

from tests.v2_service.stubs import settings
from v2_service.adapters.limiter import Limiter, new_limiter
from v2_service.adapters.models_anthropic import AnthropicModels
from v2_service.adapters.models_bedrock import new_bedrock_client, new_models
from v2_service.contract import JsonObject, ModelRequest, Outcome, Repair
from v2_service.errors import ModelUnavailable
from v2_service.jobs.services import Services
from v2_service.observe import Metrics
from v2_service.processors.fact_extractor import EXTRACTION_INSTRUCTION, EXTRACTION_SCHEMA
from v2_service.settings import Settings

SCHEMA: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
REQUEST = ModelRequest("extract", "Task.", "Words.", SCHEMA, 100)


def limiter(chosen: Settings) -> Limiter:
    return new_limiter(chosen, Metrics("b", "v"))


Handler = Callable[[httpx2.Request], httpx2.Response]


def message(text: str, stop_reason: str = "end_turn") -> httpx2.Response:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 2},
    }
    return httpx2.Response(200, json=body)


def models(handler: Handler, retries: int = 0) -> AnthropicModels:
    client = anthropic.AsyncAnthropic(
        api_key="k",
        base_url="http://model.test",
        max_retries=retries,
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(handler)),
    )
    return AnthropicModels(client, "m")


async def test_an_answer_that_obeys_the_schema_is_ok_and_the_request_has_no_sampling_settings() -> None:
    asked: list[JsonObject] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(json.loads(request.content))
        return message('{"a": "x"}')

    reply = await models(answer).complete(REQUEST)
    assert (reply.outcome, reply.data) == (Outcome.OK, {"a": "x"})
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.calls) == (10, 2, 1)
    [body] = asked
    assert set(body) == {"model", "max_tokens", "system", "messages", "output_config"}
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}


@pytest.mark.parametrize(
    ("stop_reason", "outcome"),
    [
        ("max_tokens", Outcome.TRUNCATED),
        ("refusal", Outcome.REFUSED),
        ("model_context_window_exceeded", Outcome.TOO_LONG),
    ],
)
async def test_an_answer_that_did_not_end_by_itself_is_no_answer(stop_reason: str, outcome: Outcome) -> None:
    reply = await models(lambda _: message('{"a": "x"}', stop_reason)).complete(REQUEST)
    assert (reply.outcome, reply.data, reply.usage.calls) == (outcome, None, 1)


@pytest.mark.parametrize("stop_reason", ["pause_turn", "tool_use", "something_new"])
async def test_an_ending_that_was_not_asked_for_is_invalid(stop_reason: str) -> None:
    reply = await models(lambda _: message('{"a": "x"}', stop_reason)).complete(REQUEST)
    assert (reply.outcome, reply.data) == (Outcome.INVALID, None)


async def test_an_invalid_answer_is_given_back_with_its_text_for_a_repair_turn() -> None:
    turns: list[list[JsonObject]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        turns.append(json.loads(request.content)["messages"])
        return message("no json")

    reply = await models(answer).complete(REQUEST)
    assert (reply.outcome, reply.text, reply.usage.calls) == (Outcome.INVALID, "no json", 1)
    await models(answer).complete(replace(REQUEST, repair=Repair(reply.text, reply.detail)))
    assert [len(each) for each in turns] == [1, 3]
    assert turns[1][1] == {"role": "assistant", "content": "no json"}
    assert "it is not JSON" in str(turns[1][2]["content"])


@pytest.mark.parametrize(
    ("status", "words"), [(413, "Request exceeds the maximum size"), (400, "prompt is too long: 205123 tokens")]
)
async def test_a_question_that_is_too_long_is_an_outcome(status: int, words: str) -> None:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    reply = await models(lambda _: httpx2.Response(status, json=body)).complete(REQUEST)
    assert (reply.outcome, reply.data) == (Outcome.TOO_LONG, None)


@pytest.mark.parametrize(
    ("status", "transient"), [(400, False), (401, False), (404, False), (429, True), (500, True), (529, True)]
)
async def test_a_refused_call_raises_and_says_whether_waiting_may_help(status: int, transient: bool) -> None:
    body = {"type": "error", "error": {"type": "e", "message": "m"}}
    with pytest.raises(ModelUnavailable) as caught:
        await models(lambda _: httpx2.Response(status, json=body)).complete(REQUEST)
    assert caught.value.transient is transient


@pytest.mark.parametrize("status", [429, 503, 529])
async def test_a_throttle_that_speaks_of_tokens_is_tried_again_and_never_taken_for_a_long_question(status: int) -> None:
    body = {"message": "Too many tokens, please wait before trying again."}
    with pytest.raises(ModelUnavailable) as caught:
        await models(lambda _: httpx2.Response(status, json=body)).complete(REQUEST)
    assert caught.value.transient


async def test_no_connection_raises_and_is_transient() -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    with pytest.raises(ModelUnavailable) as caught:
        await models(fail).complete(REQUEST)
    assert caught.value.transient


async def test_the_sdk_retries_an_overload_and_nobody_else_does() -> None:
    calls = 0

    def busy(request: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        return httpx2.Response(529, json={}, headers={"retry-after-ms": "1"})

    with pytest.raises(ModelUnavailable):
        await models(busy, retries=2).complete(REQUEST)
    assert calls == 3


async def test_facts_come_from_the_sandboxs_model_over_real_http(services: Services) -> None:
    material = "Date: 2024-05-01\n# Tea\nUser: I prefer oolong tea over coffee.\nAssistant: Noted."
    request = ModelRequest("extract", EXTRACTION_INSTRUCTION, material, EXTRACTION_SCHEMA, 2048)
    reply = await services.models.complete(request)
    assert reply.outcome is Outcome.OK
    assert reply.data is not None
    assert "oolong" in json.dumps(reply.data["preferences"])
    assert reply.usage.input_tokens > 0


async def test_bedrock_is_the_same_model_at_another_door(services: Services) -> None:
    base = services.settings
    bedrock = new_models(base.model_copy(update={"use_bedrock": True}), limiter(base))
    try:
        reply = await bedrock.complete(
            ModelRequest("extract", EXTRACTION_INSTRUCTION, "User: I prefer oolong tea.", EXTRACTION_SCHEMA, 2048)
        )
    finally:
        await bedrock.close()
    assert reply.outcome is Outcome.OK


async def test_clients_are_bounded_by_the_settings() -> None:
    chosen = settings(use_bedrock=True, model_retries=3, model_timeout_seconds=61)
    client = new_bedrock_client(chosen, limiter(chosen))
    assert (client.max_retries, client.timeout) == (3, 61)
    await client.close()
