"""Message Batches over the SDK: the same questions at half the price, answered within hours. Not on Bedrock.

Counterpart: `submissions.py` remembers what was submitted. Submitting is the one call that the SDK must not retry: a
second try after a lost answer would be a second batch, paid for twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import anthropic
import httpx2
from anthropic.types import Message
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse
from anthropic.types.messages.batch_create_params import Request

from v2_service.adapters.models_anthropic import message_params, reply_of, says_too_long
from v2_service.contract import JsonObject, ModelReply, ModelRequest, Outcome, Usage
from v2_service.errors import ModelUnavailable

SERVER_ERROR = 500
OVERLOADED = 529
REQUEST_TIMEOUT = 408
PAGE = 100
MOST_LISTED = 1000


class Ending(StrEnum):
    """How one question of a batch ended. Only SUCCEEDED is paid for."""

    SUCCEEDED = "succeeded"
    ERRORED = "errored"
    CANCELED = "canceled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The batch is there, under this id."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The batch is certainly not there."""

    reason: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Nobody knows whether the batch is there: its answer was lost."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch as the provider shows it; `requests` is how many it has in all."""

    batch_id: str
    ended: bool
    canceling: bool
    requests: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """One line of a batch's results."""

    custom_id: str
    ending: Ending
    message: Message | None = None
    too_long: bool = False

    @property
    def usage(self) -> Usage:
        """What the answer cost; nothing if there is none."""
        if self.message is None:
            return Usage()
        return Usage(self.message.usage.input_tokens, self.message.usage.output_tokens, 1)

    def reply(self, schema: JsonObject) -> ModelReply | None:
        """The answer as a typed outcome, None when the question has to be asked again."""
        if self.message is not None:
            return reply_of(self.message, schema)
        if self.too_long:
            return ModelReply(Outcome.TOO_LONG, None, Usage(), "the question is longer than the model's window")
        return None


class MessageBatches:
    """The batches of one account."""

    def __init__(self, client: anthropic.AsyncAnthropic, model: str) -> None:
        self._client = client
        self._model = model

    async def submit(self, questions: Mapping[str, ModelRequest]) -> Accepted | Refused | InDoubt:
        """One batch of all questions, by their custom ids (1 to 64 letters, digits, - or _)."""
        requests: list[Request] = [
            {"custom_id": custom_id, "params": message_params(request, self._model)}
            for custom_id, request in questions.items()
        ]
        try:
            batch = await self._client.with_options(max_retries=0).messages.batches.create(requests=requests)
        except anthropic.APIStatusError as error:
            status = error.status_code
            lost = status == REQUEST_TIMEOUT or (status >= SERVER_ERROR and status != OVERLOADED)
            return InDoubt() if lost else Refused(f"the language model answered {status} to a batch")
        except anthropic.APIConnectionError:
            return InDoubt()
        return Accepted(batch.id)

    async def look(self, batch_id: str) -> Seen:
        """How far a batch is. Raises ModelUnavailable."""
        try:
            return _seen(await self._client.messages.batches.retrieve(batch_id))
        except anthropic.AnthropicError as error:
            raise _unavailable(error) from error

    async def cancel(self, batch_id: str) -> None:
        """Cancel a batch; what is being answered already is still answered and paid for. Raises ModelUnavailable."""
        try:
            await self._client.messages.batches.cancel(batch_id)
        except anthropic.BadRequestError:
            # It has ended meanwhile.
            return
        except anthropic.AnthropicError as error:
            raise _unavailable(error) from error

    async def since(self, moment: datetime) -> list[Seen]:
        """Batches of the account that were created at `moment` or later, newest first. Raises ModelUnavailable."""
        found: list[Seen] = []
        try:
            async for batch in self._client.messages.batches.list(limit=PAGE):
                if batch.created_at < moment or len(found) >= MOST_LISTED:
                    break
                found.append(_seen(batch))
        except anthropic.AnthropicError as error:
            raise _unavailable(error) from error
        return found

    async def results(self, batch_id: str) -> AsyncGenerator[Result, None]:
        """The lines of an ended batch, in the file's order, one at a time. Raises ModelUnavailable."""
        try:
            lines = await self._client.messages.batches.results(batch_id)
            try:
                async for line in lines:
                    yield _result(line)
            finally:
                await lines.close()
        except anthropic.AnthropicError as error:
            raise _unavailable(error) from error
        except (httpx2.HTTPError, ValueError) as error:
            # The SDK maps errors of the request alone; a body that breaks off raises the transport's or the decoder's.
            raise ModelUnavailable("The results of a batch were cut off.") from error


def _seen(batch: MessageBatch) -> Seen:
    counts = batch.request_counts
    return Seen(
        batch_id=batch.id,
        ended=batch.processing_status == "ended",
        canceling=batch.processing_status == "canceling",
        requests=counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired,
        created_at=batch.created_at,
    )


def _result(line: MessageBatchIndividualResponse) -> Result:
    result = line.result
    if result.type == "succeeded":
        return Result(line.custom_id, Ending.SUCCEEDED, result.message)
    if result.type == "errored":
        return Result(line.custom_id, Ending.ERRORED, too_long=says_too_long(result.error.error.message))
    return Result(line.custom_id, Ending.CANCELED if result.type == "canceled" else Ending.EXPIRED)


def _unavailable(error: anthropic.AnthropicError) -> ModelUnavailable:
    if isinstance(error, anthropic.APIStatusError):
        status = error.status_code
        transient = status >= SERVER_ERROR or status in (REQUEST_TIMEOUT, 409, 429)
        return ModelUnavailable(f"The language model answered {status} about a batch.", transient)
    return ModelUnavailable("The language model cannot be reached about a batch.")
