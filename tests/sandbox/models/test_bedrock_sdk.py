"""Bedrock runtime through boto3 and through Anthropic's own Bedrock client."""

from __future__ import annotations

import json
import math
from typing import Any  # boto3's client and its answers

import anthropic
import httpx
import pytest
from botocore.exceptions import ClientError

from tests.sandbox.models.conftest import Models

TITAN = "amazon.titan-embed-text-v2:0"
NOVA = "amazon.nova-lite-v1:0"
CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


def embed(bedrock: Any, **body: Any) -> dict[str, Any]:
    answer = bedrock.invoke_model(
        modelId=TITAN, body=json.dumps(body), contentType="application/json", accept="application/json"
    )
    found: dict[str, Any] = json.loads(answer["body"].read())
    return found


def converse(bedrock: Any, text: str, max_tokens: int = 500, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = bedrock.converse(
        **{"modelId": NOVA, "messages": [{"role": "user", "content": [{"text": text}]}],
           "inferenceConfig": {"maxTokens": max_tokens, "temperature": 0.7}, **more}
    )  # fmt: skip
    return found


def text_of(answer: dict[str, Any]) -> str:
    return "".join(block["text"] for block in answer["output"]["message"]["content"])


def test_an_embedding_has_1024_numbers_of_length_one(bedrock: Any) -> None:
    answer = embed(bedrock, inputText="I am planning a trip to Norway", normalize=True)
    assert len(answer["embedding"]) == 1024
    assert math.isclose(sum(value * value for value in answer["embedding"]), 1, abs_tol=1e-4)
    assert answer["inputTextTokenCount"] > 0
    assert answer == embed(bedrock, inputText="I am planning a trip to Norway", normalize=True)


@pytest.mark.parametrize("dimensions", [256, 512, 1024])
def test_an_embedding_has_as_many_numbers_as_asked(bedrock: Any, dimensions: int) -> None:
    assert len(embed(bedrock, inputText="hello", dimensions=dimensions)["embedding"]) == dimensions


@pytest.mark.parametrize(
    "body", [{}, {"inputText": ""}, {"inputText": "x", "dimensions": 7}, {"inputText": "x" * 50_001}]
)
def test_a_bad_embedding_request_is_a_validation_exception(bedrock: Any, body: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        embed(bedrock, **body)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_truncated_embedding_is_too_short(bedrock: Any, models: Models) -> None:
    models.break_bedrock(truncate_rate=1)
    assert len(embed(bedrock, inputText="hello")["embedding"]) == 512


def test_a_probe_for_one_word_gets_it(bedrock: Any) -> None:
    answer = converse(bedrock, "Reply with the word ok.", 10)
    assert "ok" in text_of(answer)
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"]


PROFILE_PROMPT = """Write the profile of this person. Answer with one JSON object with exactly these keys:
{"archetype": "", "voice": {"formality": "", "tone": ""}, "world": {"people": [], "work": ""}, "best_quotes": []}

--- messages ---
[Work] I am a nurse at Riverside Hospital and I love the night shift.
[Home] My sister Ada visits next week, I'm so excited!"""


def test_a_prompt_with_a_json_example_gets_one_fenced_object_of_that_shape(bedrock: Any) -> None:
    text = text_of(converse(bedrock, PROFILE_PROMPT, 2048))
    assert text.startswith("```json\n") and text.endswith("\n```")
    profile = json.loads(text.removeprefix("```json").removesuffix("```"))
    assert profile.keys() == {"archetype", "voice", "world", "best_quotes"}
    assert profile["world"] == {"people": ["Ada (sister)"], "work": "nurse at Riverside Hospital"}
    assert "Nurse" in profile["archetype"]


def test_a_plain_question_is_answered_from_the_system_prompt(bedrock: Any) -> None:
    memory = "Memories:\n[2024-05-01] user: We named our sailing boat Selkie.\n[2024-05-02] user: I bought rice."
    answer = text_of(converse(bedrock, "what did I say about the boat?", 2048, system=[{"text": memory}]))
    assert "Selkie" in answer and "rice" not in answer
    assert answer.startswith("[sandbox]")


def test_max_tokens_cut_the_answer(bedrock: Any) -> None:
    answer = converse(bedrock, PROFILE_PROMPT, 30)
    assert (answer["stopReason"], answer["usage"]["outputTokens"]) == ("max_tokens", 30)


def test_a_forced_tool_is_called(bedrock: Any) -> None:
    schema = {"type": "object", "properties": {"work": {"type": "string"}}, "required": ["work"]}
    tools = {
        "tools": [{"toolSpec": {"name": "record", "inputSchema": {"json": schema}}}],
        "toolChoice": {"tool": {"name": "record"}},
    }
    answer = converse(bedrock, "I work as a carpenter.", toolConfig=tools)
    assert answer["stopReason"] == "tool_use"
    assert answer["output"]["message"]["content"][0]["toolUse"]["input"] == {"work": "carpenter"}


def test_an_output_schema_is_obeyed(bedrock: Any) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    output = {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"name": "who", "schema": json.dumps(schema)}},
        }
    }
    assert json.loads(text_of(converse(bedrock, "My name is Ines.", outputConfig=output))) == {"name": "Ines"}


@pytest.mark.parametrize("model", ["amazon.nothing-v1:0", TITAN])
def test_a_model_that_cannot_chat_is_not_found(bedrock: Any, model: str) -> None:
    with pytest.raises(ClientError) as caught:
        converse(bedrock, "Hi", modelId=model)
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


async def test_a_request_without_a_signature_is_denied(models: Models) -> None:
    async with httpx.AsyncClient(base_url=models.url, trust_env=False) as client:
        answer = await client.post(f"/model/{TITAN}/invoke", json={"inputText": "x"})
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")


async def test_anthropics_bedrock_client_gets_messages(models: Models) -> None:
    async with anthropic.AsyncAnthropicBedrock(
        base_url=models.url, aws_access_key="any", aws_secret_key="any", aws_region="us-east-1", max_retries=0
    ) as client:
        message = await client.messages.create(
            model=CLAUDE,
            max_tokens=500,
            messages=[{"role": "user", "content": "<material>User: I live in Oslo.</material>"}],
            output_config={
                "format": {
                    "type": "json_schema",
                    "schema": {
                        "type": "object",
                        "properties": {"location": {"type": "string"}},
                        "required": ["location"],
                        "additionalProperties": False,
                    },
                }
            },
        )
    assert message.content[0].type == "text"
    assert json.loads(message.content[0].text) == {"location": "Oslo"}


async def test_anthropics_bedrock_client_raises_its_own_errors(models: Models) -> None:
    models.break_bedrock(throttle_rate=1)
    async with anthropic.AsyncAnthropicBedrock(
        base_url=models.url, aws_access_key="any", aws_secret_key="any", aws_region="us-east-1", max_retries=0
    ) as client:
        with pytest.raises(anthropic.RateLimitError):
            await client.messages.create(model=CLAUDE, max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
