"""Faults of the model stand-ins, as the real SDKs meet them."""

from __future__ import annotations

from typing import Any  # boto3's client

import anthropic
import httpx
import pytest
from botocore.exceptions import ClientError

from tests.sandbox.models.conftest import CLAUDE, Models

HELLO: Any = [{"role": "user", "content": "Hello"}]
TITAN = "amazon.titan-embed-text-v2:0"


async def test_a_throttle_is_a_429_with_retry_after(claude: anthropic.AsyncAnthropic, models: Models) -> None:
    models.break_anthropic(throttle_rate=1, retry_after=7)
    with pytest.raises(anthropic.RateLimitError) as caught:
        await claude.messages.create(model=CLAUDE, max_tokens=5, messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "7"
    assert "rate_limit_error" in str(caught.value)


async def test_overload_is_a_529(claude: anthropic.AsyncAnthropic, models: Models) -> None:
    models.break_anthropic(throttle_rate=1, throttle_status=529)
    with pytest.raises(anthropic.APIStatusError) as caught:
        await claude.messages.create(model=CLAUDE, max_tokens=5, messages=HELLO)
    assert caught.value.status_code == 529
    assert "overloaded_error" in str(caught.value)


async def test_an_error_has_the_status_asked_for(claude: anthropic.AsyncAnthropic, models: Models) -> None:
    models.break_anthropic(error_rate=1, error_status=503)
    with pytest.raises(anthropic.APIStatusError) as caught:
        await claude.messages.create(model=CLAUDE, max_tokens=5, messages=HELLO)
    assert caught.value.status_code == 503


async def test_the_sdk_gets_through_occasional_throttles(models: Models) -> None:
    models.break_anthropic(throttle_rate=0.4, retry_after=0.01)
    async with anthropic.AsyncAnthropic(base_url=models.url, api_key="any", max_retries=8) as client:
        for _ in range(5):
            message = await client.messages.create(model=CLAUDE, max_tokens=50, messages=HELLO)
            assert message.stop_reason == "end_turn"


async def test_a_rate_limit_lets_so_many_through_and_says_so_in_headers(
    claude: anthropic.AsyncAnthropic, models: Models
) -> None:
    models.break_anthropic(rate_limit_per_minute=2)
    first = await claude.messages.with_raw_response.create(model=CLAUDE, max_tokens=50, messages=HELLO)
    assert first.headers["anthropic-ratelimit-requests-limit"] == "2"
    assert first.headers["anthropic-ratelimit-requests-remaining"] == "1"
    assert first.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    await claude.messages.create(model=CLAUDE, max_tokens=50, messages=HELLO)
    with pytest.raises(anthropic.RateLimitError) as caught:
        await claude.messages.create(model=CLAUDE, max_tokens=50, messages=HELLO)
    assert float(caught.value.response.headers["retry-after"]) > 1


async def test_a_truncated_answer_ends_with_max_tokens(claude: anthropic.AsyncAnthropic, models: Models) -> None:
    whole = await claude.messages.create(model=CLAUDE, max_tokens=500, messages=HELLO)
    models.break_anthropic(truncate_rate=1)
    cut = await claude.messages.create(model=CLAUDE, max_tokens=500, messages=HELLO)
    assert cut.stop_reason == "max_tokens"
    assert cut.usage.output_tokens < whole.usage.output_tokens


async def test_slow_bytes_arrive_in_small_pieces_and_whole(models: Models) -> None:
    models.break_anthropic(slow_bytes_per_second=4000)
    async with httpx.AsyncClient(base_url=models.url, headers={"x-api-key": "any"}, trust_env=False) as client:
        async with client.stream("GET", "/v1/models") as answer:
            pieces = [piece async for piece in answer.aiter_raw()]
            told = int(answer.headers["content-length"])
    assert len(pieces) > 1
    assert sum(map(len, pieces)) == told


async def test_one_apis_faults_leave_the_other_alone(
    claude: anthropic.AsyncAnthropic, bedrock: Any, models: Models
) -> None:
    models.break_bedrock(error_rate=1)
    assert (await claude.messages.create(model=CLAUDE, max_tokens=50, messages=HELLO)).stop_reason == "end_turn"
    with pytest.raises(ClientError):
        bedrock.invoke_model(modelId=TITAN, body='{"inputText":"x"}')


BEDROCK_FAULTS: list[tuple[dict[str, Any], str, int]] = [
    ({"throttle_rate": 1}, "ThrottlingException", 429),
    ({"throttle_rate": 1, "throttle_status": 529}, "ServiceUnavailableException", 503),
    ({"error_rate": 1, "error_status": 500}, "InternalServerException", 500),
]


@pytest.mark.parametrize(("faults", "name", "status"), BEDROCK_FAULTS)
def test_bedrock_faults_have_the_names_that_botocore_raises(
    bedrock: Any, models: Models, faults: dict[str, Any], name: str, status: int
) -> None:
    models.break_bedrock(**faults)
    with pytest.raises(ClientError) as caught:
        bedrock.converse(modelId="amazon.nova-lite-v1:0", messages=[{"role": "user", "content": [{"text": "Hi"}]}])
    assert caught.value.response["Error"]["Code"] == name
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert name in str(caught.value)
