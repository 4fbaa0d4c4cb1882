"""Message Batches through the real SDK: what is certain, what is in doubt, and every way a question can end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import anthropic
import httpx2
import pytest
from pydantic import ValidationError

from sandbox.running import RunningSandbox
from tests.v2_service.stubs import settings
from v2_service.adapters.limiter import new_limiter
from v2_service.adapters.models_batches import Accepted, Ending, InDoubt, MessageBatches, Refused, Result
from v2_service.adapters.models_bedrock import new_batches, new_models
from v2_service.contract import JsonObject, ModelRequest, Outcome, Usage
from v2_service.errors import ModelUnavailable
from v2_service.jobs.services import Services
from v2_service.observe import Metrics
from v2_service.processors.fact_extractor import EXTRACTION_INSTRUCTION, EXTRACTION_SCHEMA

SCHEMA: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
REQUEST = ModelRequest("extract", "Task.", "Words.", SCHEMA, 100)
Handler = Callable[[httpx2.Request], httpx2.Response]


def question(number: int) -> ModelRequest:
    material = f"Date: 2024-05-01\n# Tea\nUser: I prefer tea number {number} over coffee.\nAssistant: Noted."
    return ModelRequest("extract", EXTRACTION_INSTRUCTION, material, EXTRACTION_SCHEMA, 2048)


def questions(count: int) -> dict[str, ModelRequest]:
    return {f"q-{number}": question(number) for number in range(count)}


def mocked(handler: Handler) -> MessageBatches:
    client = anthropic.AsyncAnthropic(
        api_key="k",
        base_url="http://model.test",
        max_retries=3,
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(handler)),
    )
    return MessageBatches(client, "m")


def real(services: Services) -> MessageBatches:
    assert services.batches is not None
    return services.batches


@pytest.fixture
def models(sandbox: RunningSandbox) -> Iterator[Callable[..., None]]:
    """Sets how the sandbox's batches behave, for one test."""

    def put(**given: object) -> None:
        assert sandbox.http.put("/_sandbox/models/settings", json=given).is_success

    yield put
    put()


async def all_results(batches: MessageBatches, batch_id: str) -> dict[str, Result]:
    async with aclosing(batches.results(batch_id)) as lines:
        return {result.custom_id: result async for result in lines}


async def test_a_batch_is_submitted_looked_at_and_read(services: Services) -> None:
    batches = real(services)
    answer = await batches.submit(questions(3))
    assert isinstance(answer, Accepted)
    seen = await batches.look(answer.batch_id)
    assert (seen.ended, seen.requests) == (True, 3)
    found = await all_results(batches, answer.batch_id)
    assert set(found) == {"q-0", "q-1", "q-2"}
    for result in found.values():
        reply = result.reply(EXTRACTION_SCHEMA)
        assert reply is not None
        assert (reply.outcome, reply.usage) == (Outcome.OK, result.usage)
        assert result.usage.input_tokens > 0


async def test_what_is_errored_or_expired_costs_nothing_and_has_to_be_asked_again(
    services: Services, models: Callable[..., None]
) -> None:
    models(batch_errored_share=0.4, batch_expired_share=0.4)
    answer = await real(services).submit(questions(30))
    assert isinstance(answer, Accepted)
    found = await all_results(real(services), answer.batch_id)
    assert {result.ending for result in found.values()} == {Ending.SUCCEEDED, Ending.ERRORED, Ending.EXPIRED}
    lost = [result for result in found.values() if result.ending is not Ending.SUCCEEDED]
    assert all(result.reply(EXTRACTION_SCHEMA) is None and result.usage == Usage() for result in lost)


async def test_a_canceled_batch_ends_without_answers(services: Services, models: Callable[..., None]) -> None:
    models(batch_seconds=0.4)
    batches = real(services)
    answer = await batches.submit(questions(2))
    assert isinstance(answer, Accepted)
    await batches.cancel(answer.batch_id)
    assert (await batches.look(answer.batch_id)).canceling
    async with asyncio.timeout(10):
        while not (await batches.look(answer.batch_id)).ended:
            pass
    assert {r.ending for r in (await all_results(batches, answer.batch_id)).values()} == {Ending.CANCELED}
    await batches.cancel(answer.batch_id)


async def test_batches_are_listed_back_to_a_moment(services: Services) -> None:
    batches = real(services)
    before = datetime.now(UTC) - timedelta(seconds=1)
    answers = [await batches.submit(questions(count)) for count in (1, 2)]
    listed = {seen.batch_id: seen.requests for seen in await batches.since(before)}
    assert [listed[answer.batch_id] for answer in answers if isinstance(answer, Accepted)] == [1, 2]
    assert await batches.since(datetime.now(UTC) + timedelta(minutes=1)) == []


@pytest.mark.parametrize("status", [400, 401, 413, 429, 529])
async def test_a_refused_submission_is_certainly_not_there(status: int) -> None:
    body = {"type": "error", "error": {"type": "e", "message": "m"}}
    answer = await mocked(lambda _: httpx2.Response(status, json=body)).submit({"q": REQUEST})
    assert isinstance(answer, Refused)
    assert str(status) in answer.reason


def broken(_: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadError("gone")


@pytest.mark.parametrize("handler", [broken, lambda _: httpx2.Response(500, json={}), lambda _: httpx2.Response(504)])
async def test_a_submission_whose_answer_is_lost_is_in_doubt_and_is_not_sent_again(handler: Handler) -> None:
    sent: list[JsonObject] = []

    def count(request: httpx2.Request) -> httpx2.Response:
        sent.append(json.loads(request.content))
        return handler(request)

    assert isinstance(await mocked(count).submit({"q": REQUEST}), InDoubt)
    [body] = sent
    [asked] = body["requests"]  # type: ignore[misc]  # JSON
    assert asked["custom_id"] == "q"  # type: ignore[index,call-overload]  # JSON


def errored(message: str) -> str:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}, "request_id": None}
    return json.dumps({"custom_id": "q", "result": {"type": "errored", "error": error}})


def serving(lines: str) -> Handler:
    row = {
        "id": "b", "type": "message_batch", "processing_status": "ended", "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z", "results_url": "http://model.test/results",
        "request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0},
    }  # fmt: skip

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/results":
            return httpx2.Response(200, content=lines.encode())
        return httpx2.Response(200, json=row)

    return answer


async def test_a_question_that_is_too_long_is_an_outcome_and_any_other_error_is_none() -> None:
    [long] = (await all_results(mocked(serving(errored("prompt is too long: 205123 tokens"))), "b")).values()
    reply = long.reply(SCHEMA)
    assert reply is not None
    assert (reply.outcome, reply.usage) == (Outcome.TOO_LONG, Usage())
    [other] = (await all_results(mocked(serving(errored("Internal server error"))), "b")).values()
    assert other.reply(SCHEMA) is None


async def test_results_that_break_off_raise_and_may_be_read_again() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await all_results(mocked(serving(errored("x")[:40])), "b")
    assert caught.value.transient


@pytest.mark.parametrize(("status", "transient"), [(404, False), (401, False), (429, True), (500, True)])
async def test_looking_listing_and_cancelling_say_whether_waiting_may_help(status: int, transient: bool) -> None:
    client = anthropic.AsyncAnthropic(
        api_key="k",
        base_url="http://model.test",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(status, json={}))),
    )
    batches = MessageBatches(client, "m")
    for asked in (batches.look("b"), batches.cancel("b"), batches.since(datetime.now(UTC))):
        with pytest.raises(ModelUnavailable) as caught:
            await asked
        assert caught.value.transient is transient


async def test_bedrock_has_no_batches_and_the_settings_say_so() -> None:
    with pytest.raises(ValidationError, match="V2_MODEL_BATCHES: Bedrock has no Message Batches"):
        settings(use_bedrock=True, model_batches="always")
    chosen = settings(use_bedrock=True, model_batches="auto")
    models = new_models(chosen, new_limiter(chosen, Metrics("b", "v")))
    assert new_batches(models) is None
    await models.close()
