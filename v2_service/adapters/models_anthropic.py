"""The language model over the Messages API, direct or through Bedrock: one class, because the SDK speaks alike to both.

Counterpart: `contract.Models`. Sampling settings are not sent: API version 2026-10-21 refuses them.
"""

from __future__ import annotations

from typing import Protocol

import anthropic
from anthropic.types import Message, MessageParam, StopReason
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

from v2_service.adapters.limiter import Limiter, PacedHttp
from v2_service.adapters.prompt import framed, parsed, repair_turn
from v2_service.contract import JsonObject, ModelReply, ModelRequest, Outcome, Usage
from v2_service.errors import ModelUnavailable
from v2_service.settings import Settings

# Every way in which an answer can end. pause_turn belongs to server tools, which are never asked for.
ENDINGS: dict[StopReason, Outcome] = {
    "end_turn": Outcome.OK,
    "stop_sequence": Outcome.OK,
    "tool_use": Outcome.INVALID,
    "pause_turn": Outcome.INVALID,
    "max_tokens": Outcome.TRUNCATED,
    "refusal": Outcome.REFUSED,
    "model_context_window_exceeded": Outcome.TOO_LONG,
}
TOO_LONG_STATUS = 413
# Words count at 400 alone: with 429, Bedrock's "Too many tokens, please wait" is a throttle.
BAD_REQUEST_STATUS = 400
TOO_LONG_WORDS = ("prompt is too long", "input is too long", "context window", "too many tokens")
SERVER_ERROR = 500


class Client(Protocol):
    """What both SDK clients have."""

    @property
    def messages(self) -> anthropic.resources.messages.AsyncMessages: ...

    async def close(self) -> None: ...


def new_direct_client(settings: Settings, limiter: Limiter) -> anthropic.AsyncAnthropic:
    """The client for the Messages API itself; retries are the SDK's alone (L-62)."""
    key = settings.anthropic_api_key
    return anthropic.AsyncAnthropic(
        api_key=key.get_secret_value() if key else None,
        base_url=settings.anthropic_base_url,
        timeout=settings.model_timeout_seconds,
        max_retries=settings.model_retries,
        http_client=PacedHttp(limiter),
    )


class AnthropicModels:
    """`contract.Models` over an SDK client."""

    def __init__(self, client: anthropic.AsyncAnthropic | anthropic.AsyncAnthropicBedrock, model: str) -> None:
        self.client = client
        self.model = model

    async def complete(self, request: ModelRequest) -> ModelReply:
        """One turn. Raises ModelUnavailable."""
        try:
            message = await self.client.messages.create(**message_params(request, self.model))
        except anthropic.APIStatusError as error:
            return _refused_call(error)
        except anthropic.APIConnectionError as error:
            raise ModelUnavailable("The language model cannot be reached.") from error
        except anthropic.AnthropicError as error:
            raise ModelUnavailable("The language model's client failed.", transient=False) from error
        return reply_of(message, request.schema)

    async def known(self) -> None:
        """Ask whether the model is there, which is free; Bedrock has no such question. Raises ModelUnavailable."""
        if isinstance(self.client, anthropic.AsyncAnthropicBedrock):
            return
        try:
            await self.client.with_options(max_retries=0).models.retrieve(self.model)
        except anthropic.APIStatusError as error:
            raise ModelUnavailable(f"The language model answered {error.status_code}.") from error
        except anthropic.AnthropicError as error:
            raise ModelUnavailable("The language model cannot be reached.") from error

    async def close(self) -> None:
        await self.client.close()


def message_params(request: ModelRequest, model: str) -> MessageCreateParamsNonStreaming:
    """What the SDK sends for a question: alone, or as one of a batch."""
    question = framed(request)
    turns: list[MessageParam] = [{"role": "user", "content": question.user}]
    if request.repair is not None:
        turns += [
            {"role": "assistant", "content": request.repair.answer},
            {"role": "user", "content": repair_turn(request.repair.reason)},
        ]
    return {
        "model": model,
        "max_tokens": request.max_tokens,
        "system": question.system,
        "messages": turns,
        "output_config": {"format": {"type": "json_schema", "schema": dict(request.schema)}},
    }


def reply_of(message: Message, schema: JsonObject) -> ModelReply:
    """The answer as a typed outcome."""
    usage = Usage(message.usage.input_tokens, message.usage.output_tokens, 1)
    text = "".join(block.text for block in message.content if block.type == "text")
    outcome = ENDINGS.get(message.stop_reason or "pause_turn", Outcome.INVALID)
    if outcome is not Outcome.OK:
        said = text if outcome is Outcome.INVALID else ""
        return ModelReply(outcome, None, usage, f"the answer ended with {message.stop_reason}", said)
    data, reason = parsed(text, schema)
    if data is None:
        return ModelReply(Outcome.INVALID, None, usage, reason, text)
    return ModelReply(Outcome.OK, data, usage)


def says_too_long(message: str) -> bool:
    """Whether a refusal is for the question's length."""
    return any(part in message.lower() for part in TOO_LONG_WORDS)


def _refused_call(error: anthropic.APIStatusError) -> ModelReply:
    """A call refused for its length is an outcome; any other refusal is an error."""
    worded = error.status_code == BAD_REQUEST_STATUS and says_too_long(error.message)
    if worded or error.status_code == TOO_LONG_STATUS:
        return ModelReply(Outcome.TOO_LONG, None, Usage(calls=1), "the question is longer than the model's window")
    transient = error.status_code >= SERVER_ERROR or error.status_code in (408, 409, 429)
    raise ModelUnavailable(f"The language model answered {error.status_code}.", transient) from error
