"""Where a run's conversations come from: the uploaded export, or for a refresh the chunks that the user has.

Neither is read by the event loop, which parsing would hold up (L-57).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Protocol

from v2_service.adapters.chunk_rows import Rows
from v2_service.adapters.chunks import Chunks, StagedChunk
from v2_service.adapters.runs import Lease
from v2_service.contract import Conversation, Message, Role
from v2_service.jobs.readers import Readers
from v2_service.processors import DropReport, Sample, sample_conversations
from v2_service.processors.sampling import SamplingSettings

PAGE = 200
PAGE_SECONDS = 120.0
# "User: …", "Assistant: …" and the monolith's "[time] user: …".
SPEAKER = re.compile(r"^(?:\[[^\]\n]{0,60}\] ?)?(user|assistant|tool|system):[ \t]*", re.IGNORECASE)


class Source(Protocol):
    """Conversations, as often as they are asked for."""

    async def sampled(self, settings: SamplingSettings) -> tuple[Sample, DropReport]:
        """A sample of all conversations, and what they are and lack."""
        ...


class ExportSource:
    """The export on disk, read in a process of its own."""

    def __init__(self, path: Path, readers: Readers) -> None:
        self._path = path
        self._readers = readers

    async def sampled(self, settings: SamplingSettings) -> tuple[Sample, DropReport]:
        return await self._readers.sample(self._path, settings)

    def rows(self, at: datetime) -> AsyncGenerator[Rows]:
        """All chunks; `at` dates those for which the export has no time."""
        return self._readers.rows(self._path, at)


class StagedSource:
    """The staged medium chunks, read back as conversations in a thread."""

    def __init__(self, chunks: Chunks, lease: Lease) -> None:
        self._chunks = chunks
        self._lease = lease
        self._loop = asyncio.get_running_loop()

    async def sampled(self, settings: SamplingSettings) -> tuple[Sample, DropReport]:
        drops = DropReport()
        return await asyncio.to_thread(lambda: sample_conversations(self.iterate(drops), settings)), drops

    def iterate(self, drops: DropReport) -> Iterator[Conversation]:
        """All conversations, one at a time; blocks, so call it in a thread."""
        for conversation_id, group in groupby(self._rows(), key=lambda row: row.chunk.conversation_id):
            rows = [row.chunk for row in group]
            messages = tuple(message for row in rows for message in messages_of(row.content))
            drops.conversations += 1
            drops.messages += len(messages)
            drops.characters += sum(row.new_characters for row in rows)
            yield Conversation(conversation_id, rows[0].title, rows[0].created_at, messages)

    def _rows(self) -> Iterator[StagedChunk]:
        after = -1
        while page := self._page(after):
            yield from page
            after = page[-1].chunk.position

    def _page(self, after: int) -> list[StagedChunk]:
        reading = asyncio.run_coroutine_threadsafe(self._chunks.medium(self._lease, after, PAGE), self._loop)
        return reading.result(PAGE_SECONDS)


def messages_of(content: str) -> list[Message]:
    """A chunk's text as messages. Lines of tools are left out; text before the first speaker is the heading."""
    messages: list[Message] = []
    role: Role | None = None
    spoken = False
    lines: list[str] = []

    def close() -> None:
        text = "\n".join(lines).strip()
        if role is not None and text:
            messages.append(Message(role, text))

    for line in content.split("\n"):
        speaker = SPEAKER.match(line)
        if speaker is None:
            lines.append(line)
            continue
        close()
        spoken = True
        name = speaker[1].lower()
        role = "user" if name == "user" else "assistant" if name == "assistant" else None
        lines = [line[speaker.end() :]]
    close()
    if not spoken and content.strip():
        messages.append(Message("user", content.strip()))
    return messages
