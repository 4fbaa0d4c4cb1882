"""Picks the conversations that say most about a person, in one streaming pass with a bounded heap.

Counterparts: `quick_pass` and `v2_regenerator` ask about the sample. It holds rendered text, never whole conversations,
so its memory is bounded by the settings whatever the export's size.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from v2_service.contract import Conversation, Message
from v2_service.processors.labels import INSTRUCTIONS_HEADING, one_line, without_labels
from v2_service.processors.tokens import estimate_tokens

_ELLIPSIS = " […]"
_KEPT_INSTRUCTIONS = 3


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """Bounds of a sample. The token budget beats every other wish (L-25)."""

    at_most: int
    budget_tokens: int
    rich_messages: int = 4
    """Conversations shorter than this come in only when longer ones leave room."""
    conversation_characters: int = 20_000
    user_characters: int = 2000
    assistant_characters: int = 600
    """An answer shows what was asked; the person's own lines show the person."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The text of the chosen conversations, oldest first, and how many of the offered ones it holds."""

    text: str
    conversations: int
    offered: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A conversation in the heap. `rank` is unique, so entries are never compared further."""

    rank: tuple[bool, float, int]
    time: float
    text: str

    def __lt__(self, other: _Entry) -> bool:
        return self.rank < other.rank


@dataclass(slots=True)
class ConversationSampler:
    """Offer every conversation once, then take the sample."""

    settings: SamplingSettings
    _heap: list[_Entry] = field(default_factory=list)
    _instructions: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_INSTRUCTIONS))
    _offered: int = 0

    def offer(self, conversation: Conversation) -> None:
        """Consider a conversation; its text is rendered only if it is among the best so far."""
        self._offered += 1
        said = [message for message in conversation.messages if message.source == "conversation"]
        self._instructions.extend(m.text for m in conversation.messages if m.source == "custom_instructions")
        if not said:
            return
        rank = (len(said) >= self.settings.rich_messages, score(conversation), -self._offered)
        full = len(self._heap) >= self.settings.at_most
        if full and rank < self._heap[0].rank:
            return
        time = conversation.created_at.timestamp() if conversation.created_at else 0.0
        entry = _Entry(rank, time, _render(conversation.title, said, self.settings))
        if full:
            heapq.heapreplace(self._heap, entry)
        else:
            heapq.heappush(self._heap, entry)

    def sample(self) -> Sample:
        """The best conversations that fit the budget; custom instructions come first under their own heading."""
        instructions = [_cut(text, self.settings.user_characters) for text in self._instructions]
        parts = [f"{INSTRUCTIONS_HEADING}\n{without_labels(text)}" for text in instructions]
        left = self.settings.budget_tokens - sum(map(estimate_tokens, parts))
        chosen: list[_Entry] = []
        for entry in sorted(self._heap, reverse=True):
            cost = estimate_tokens(entry.text)
            if cost <= left:
                chosen.append(entry)
                left -= cost
        chosen.sort(key=lambda entry: (entry.time, -entry.rank[2]))
        return Sample("\n\n".join([*parts, *(entry.text for entry in chosen)]), len(chosen), self._offered)


def sample_conversations(conversations: Iterable[Conversation], settings: SamplingSettings) -> Sample:
    """The sample of a whole stream."""
    sampler = ConversationSampler(settings)
    for conversation in conversations:
        sampler.offer(conversation)
    return sampler.sample()


def score(conversation: Conversation) -> float:
    """How much a conversation says about the person: messages, long own lines, real back and forth, then recency."""
    said = [message for message in conversation.messages if message.source == "conversation"]
    users = [message for message in said if message.role == "user"]
    assistants = len(said) - len(users)
    own = sum(min(len(message.text), 500) for message in users)
    epoch = conversation.created_at.timestamp() if conversation.created_at else 0.0
    return 10 * (len(users) + assistants) + own + 20 * min(len(users), assistants) + epoch / 1e12


def _render(title: str, messages: list[Message], settings: SamplingSettings) -> str:
    lines = [f"## {_cut(one_line(title), 200)}"]
    left = settings.conversation_characters
    for message in messages:
        by_user = message.role == "user"
        text = _cut(message.text, settings.user_characters if by_user else settings.assistant_characters)
        line = f"{'User' if by_user else 'Assistant'}: {without_labels(text)}"
        left -= len(line)
        if left < 0 and len(lines) > 1:
            lines.append(_ELLIPSIS.strip())
            break
        lines.append(line)
    return "\n".join(lines)


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[:size].rstrip() + _ELLIPSIS
