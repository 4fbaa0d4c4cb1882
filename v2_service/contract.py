"""What v2's rooms say to each other: the records that flow through the pipeline and the ports it needs.

Counterparts: `processors/` is pure and speaks only these types; `adapters/` implements the ports; `jobs/` joins both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject = dict[str, JsonValue]

Role = Literal["user", "assistant"]
Source = Literal["conversation", "custom_instructions"]


class Tier(StrEnum):
    """`chunk_tier` values that legacy's search knows (S-81, S-108)."""

    MICRO = "micro"
    MEDIUM = "medium"
    MACRO = "macro"


@dataclass(frozen=True, slots=True)
class Message:
    """One visible message of the active branch. `created_at` is aware UTC or None when the export has no time."""

    role: Role
    text: str
    created_at: datetime | None = None
    source: Source = "conversation"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation of an export, hidden and tool messages already out; messages are in the order the user saw."""

    id: str
    title: str
    created_at: datetime | None
    messages: tuple[Message, ...]

    @property
    def text_length(self) -> int:
        """Characters of active-path text: the denominator of coverage."""
        return sum(len(message.text) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one conversation. `position` orders a whole import's chunks, per tier; `token_count` is estimated.

    `new_characters` counts the active-path text that this medium chunk is the first to hold (0 in the other tiers).
    Over a conversation it adds up to `Conversation.text_length`: coverage is a sum over the chunks that were answered.
    """

    conversation_id: str
    title: str
    content: str
    tier: Tier
    position: int
    chunk_index: int
    total_chunks: int
    token_count: int
    message_count: int
    created_at: datetime
    new_characters: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or several model calls; dollars are computed from the dated price table in the settings."""

    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.calls + other.calls,
        )


class Outcome(StrEnum):
    """How a model call ended. Everything but OK and TRUNCATED means that there is no answer to use (L-20, L-61)."""

    OK = "ok"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    TOO_LONG = "too_long"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Repair:
    """A second turn about an answer that cannot be used: the answer as it came, and what is wrong with it."""

    answer: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One structured question. `material` is a person's text: data, never instruction (L-23); adapters delimit it."""

    step: str
    instruction: str
    material: str
    schema: JsonObject
    max_tokens: int
    temperature: float = 0.3
    repair: Repair | None = None


@dataclass(frozen=True, slots=True)
class ModelReply:
    """The answer to a `ModelRequest`; `data` obeys its schema when the outcome is OK and is None otherwise.

    `text` is an INVALID answer as it came, for a repair turn; empty otherwise.
    """

    outcome: Outcome
    data: JsonObject | None
    usage: Usage = field(default_factory=Usage)
    detail: str = ""
    text: str = ""


class Models(Protocol):
    """The language model behind one port: Anthropic direct or Bedrock (S-39, S-98)."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        """One turn; transport retries are the SDK's. Raises `ModelUnavailable` when no answer could be had."""
        ...


class Provider(Models, Protocol):
    """The language model as a whole service has it."""

    async def known(self) -> None:
        """Ask, for free, whether the model is there. Raises `ModelUnavailable`."""
        ...


# Hears of each vector as it comes, from any thread: the place of its text, and the numbers.
Arrived = Callable[[int, Sequence[float]], None]


class Embeddings(Protocol):
    """Text to vectors of the size that the database column has (L-04)."""

    async def embed(self, texts: Sequence[str], arrived: Arrived) -> None:
        """One normalised vector per text. Raises `EmbeddingsUnavailable` when some failed and all have ended."""
        ...


class Notifier(Protocol):
    """The web app's completion callback (S-29, S-42)."""

    async def import_complete(self, user_id: str, run_id: str, seconds: float) -> Mapping[str, JsonValue]:
        """Tell the web app that the user's import is complete. Raises `CallbackFailed`."""
        ...
