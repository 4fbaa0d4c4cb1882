"""Message Batches through the real SDK."""

from __future__ import annotations

from typing import Any  # request parameters are the SDK's own typed dictionaries

import anthropic
import pytest

from tests.sandbox.models.conftest import CLAUDE, Models


def request(custom_id: str, **more: Any) -> Any:
    params = {"model": CLAUDE, "max_tokens": 200, "messages": [{"role": "user", "content": "Hello"}], **more}
    return {"custom_id": custom_id, "params": params}


async def results(claude: anthropic.AsyncAnthropic, batch_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async for row in await claude.messages.batches.results(batch_id):
        found[row.custom_id] = row.result
    return found


async def test_a_batch_ends_and_its_results_are_those_of_live_calls(claude: anthropic.AsyncAnthropic) -> None:
    batch = await claude.messages.batches.create(requests=[request("a"), request("b", max_tokens=17)])
    batch = await claude.messages.batches.retrieve(batch.id)
    assert (batch.processing_status, batch.request_counts.succeeded) == ("ended", 2)
    assert batch.results_url is not None and batch.results_url.startswith("http://127.0.0.1")
    found = await results(claude, batch.id)
    live = await claude.messages.create(model=CLAUDE, max_tokens=200, messages=[{"role": "user", "content": "Hello"}])
    assert found["a"].message.content == live.content
    assert found["b"].message.stop_reason == "max_tokens"


async def test_a_batch_stays_in_progress_as_long_as_the_settings_say(
    claude: anthropic.AsyncAnthropic, models: Models
) -> None:
    models.behave(batch_seconds=3600)
    batch = await claude.messages.batches.create(requests=[request("a")])
    batch = await claude.messages.batches.retrieve(batch.id)
    assert (batch.processing_status, batch.results_url, batch.ended_at) == ("in_progress", None, None)
    assert batch.request_counts.processing == 1
    with pytest.raises(anthropic.AnthropicError, match="results_url"):
        await results(claude, batch.id)


async def test_a_running_batch_can_be_cancelled_and_an_ended_one_cannot(
    claude: anthropic.AsyncAnthropic, models: Models
) -> None:
    models.behave(batch_seconds=3600)
    batch = await claude.messages.batches.create(requests=[request("a")])
    cancelled = await claude.messages.batches.cancel(batch.id)
    assert cancelled.processing_status == "canceling"
    assert cancelled.cancel_initiated_at is not None
    models.behave()
    ended = await claude.messages.batches.create(requests=[request("a")])
    with pytest.raises(anthropic.BadRequestError):
        await claude.messages.batches.cancel(ended.id)


async def test_a_bad_request_in_a_batch_is_errored_and_the_others_succeed(claude: anthropic.AsyncAnthropic) -> None:
    batch = await claude.messages.batches.create(requests=[request("good"), request("bad", messages=[])])
    batch = await claude.messages.batches.retrieve(batch.id)
    assert (batch.request_counts.succeeded, batch.request_counts.errored) == (1, 1)
    found = await results(claude, batch.id)
    assert found["good"].type == "succeeded"
    assert (found["bad"].type, found["bad"].error.error.type) == ("errored", "invalid_request_error")


async def test_results_can_be_made_to_error_or_expire(claude: anthropic.AsyncAnthropic, models: Models) -> None:
    models.behave(batch_errored_share=0.3, batch_expired_share=0.3)
    requests = [request(f"r{number}") for number in range(60)]
    batch = await claude.messages.batches.create(requests=requests)
    kinds = [result.type for result in (await results(claude, batch.id)).values()]
    counts = (await claude.messages.batches.retrieve(batch.id)).request_counts
    assert set(kinds) == {"succeeded", "errored", "expired"}
    assert (kinds.count("errored"), kinds.count("expired")) == (counts.errored, counts.expired)


async def test_batches_are_listed_newest_first_page_by_page(claude: anthropic.AsyncAnthropic) -> None:
    made = [(await claude.messages.batches.create(requests=[request("a")])).id for _ in range(5)]
    listed = [batch.id async for batch in claude.messages.batches.list(limit=2)]
    assert listed == made[::-1]


async def test_the_store_is_bounded(claude: anthropic.AsyncAnthropic, models: Models) -> None:
    models.behave(batches_kept=2)
    first, *_ = [await claude.messages.batches.create(requests=[request("a")]) for _ in range(3)]
    with pytest.raises(anthropic.NotFoundError):
        await claude.messages.batches.retrieve(first.id)
    models.behave(batches_kept=2, batch_seconds=3600)
    for _ in range(2):
        await claude.messages.batches.create(requests=[request("a")])
    with pytest.raises(anthropic.RateLimitError):
        await claude.messages.batches.create(requests=[request("a")])


@pytest.mark.parametrize("requests", [[], [request("a"), request("a")], [request("x" * 65)]])
async def test_a_bad_batch_is_refused(claude: anthropic.AsyncAnthropic, requests: Any) -> None:
    with pytest.raises(anthropic.BadRequestError, match="requests"):
        await claude.messages.batches.create(requests=requests)


async def test_results_count_once_however_often_they_are_read(claude: anthropic.AsyncAnthropic, models: Models) -> None:
    batch = await claude.messages.batches.create(requests=[request("a")])
    await results(claude, batch.id)
    await results(claude, batch.id)
    assert models.desk.report()["models"][CLAUDE]["requests"] == 1
