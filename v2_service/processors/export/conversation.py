"""One raw conversation -> `contract.Conversation`: branch, visible text, times, and a count of what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from v2_service.contract import Conversation, JsonValue, Message
from v2_service.processors.export.branch import active_branch
from v2_service.processors.export.content import Reading, clean, read_message, read_plain
from v2_service.processors.export.drops import DropReason, DropReport
from v2_service.processors.export.times import parse_time

UNTITLED = "Untitled"


@dataclass(slots=True)
class ConversationReader:
    """Reads the conversations of one upload in order. It remembers ids and custom instructions, to keep each once."""

    drops: DropReport
    _position: int = 0
    _seen: dict[str, int] = field(default_factory=dict)
    _instructions: set[int] = field(default_factory=set)

    def read(self, raw: JsonValue) -> Conversation | None:
        """The conversation, or None with the reason counted: not one, without visible text, or read before."""
        position = self._position
        self._position += 1
        if not isinstance(raw, dict) or not ("mapping" in raw or "messages" in raw):
            self.drops.add(DropReason.NOT_A_CONVERSATION)
            return None
        messages = tuple(self._messages(raw))
        if not messages:
            self.drops.add(DropReason.CONVERSATION_WITHOUT_TEXT)
            return None
        identity = self._identity(raw, position, messages)
        if identity is None:
            self.drops.add(DropReason.DUPLICATE_CONVERSATION)
            return None
        conversation = Conversation(identity, _title(raw), _created_at(raw, messages), messages)
        self.drops.conversations += 1
        self.drops.messages += len(messages)
        self.drops.characters += conversation.text_length
        return conversation

    def _identity(self, raw: Mapping[str, JsonValue], position: int, messages: tuple[Message, ...]) -> str | None:
        """The export's id; None for an exact repetition. Other text under a known id is kept, under a numbered id."""
        given = raw.get("conversation_id") or raw.get("id")
        identity = clean(given) if isinstance(given, str) else ""
        identity = identity or f"conv_{position}"
        fingerprint = hash(messages)
        if identity not in self._seen:
            self._seen[identity] = fingerprint
            return identity
        if self._seen[identity] == fingerprint:
            return None
        renamed = f"{identity}#{position}"
        self._seen[renamed] = fingerprint
        return renamed

    def _messages(self, raw: Mapping[str, JsonValue]) -> Iterator[Message]:
        mapping = raw.get("mapping")
        readings = (
            self._from_mapping(mapping, raw) if isinstance(mapping, dict) else self._from_list(raw.get("messages"))
        )
        for time, reading in readings:
            self.drops.add(DropReason.ATTACHMENT, reading.attachments)
            reason = reading.drop or self._repeated(reading)
            if reason is None:
                yield Message(reading.role, reading.text, parse_time(time), reading.source)
            else:
                self.drops.add(reason)

    def _from_mapping(
        self, mapping: dict[str, JsonValue], raw: Mapping[str, JsonValue]
    ) -> Iterator[tuple[JsonValue, Reading]]:
        path = active_branch(mapping, raw.get("current_node"))
        on_path = set(path)
        off_path = sum(key not in on_path and _has_message(node) for key, node in mapping.items())
        self.drops.add(DropReason.OTHER_BRANCH, off_path)
        for key in path:
            node = mapping[key]
            message = node.get("message") if isinstance(node, dict) else None
            if isinstance(message, dict):
                yield message.get("create_time"), read_message(message)
            elif message is not None:
                self.drops.add(DropReason.BROKEN_MESSAGE)

    def _from_list(self, messages: JsonValue) -> Iterator[tuple[JsonValue, Reading]]:
        for message in messages if isinstance(messages, list) else ():
            if not isinstance(message, dict):
                self.drops.add(DropReason.BROKEN_MESSAGE)
                continue
            time = message.get("create_time") or message.get("created_at") or message.get("timestamp")
            # Some tools upload the export's own messages as a flat list.
            yield time, read_message(message) if "author" in message else read_plain(message)

    def _repeated(self, reading: Reading) -> DropReason | None:
        """Every conversation repeats the person's custom instructions; the first of each wording is kept."""
        if reading.source != "custom_instructions":
            return None
        fingerprint = hash(reading.text)
        if fingerprint in self._instructions:
            return DropReason.REPEATED_CUSTOM_INSTRUCTIONS
        self._instructions.add(fingerprint)
        return None


def _has_message(node: JsonValue) -> bool:
    return isinstance(node, dict) and isinstance(node.get("message"), dict)


def _title(raw: Mapping[str, JsonValue]) -> str:
    title = raw.get("title")
    return " ".join(clean(title).split()) or UNTITLED if isinstance(title, str) else UNTITLED


def _created_at(raw: Mapping[str, JsonValue], messages: tuple[Message, ...]) -> datetime | None:
    """Its own time, else the first dated message's, else that of the last update."""
    candidates = [parse_time(raw.get(key)) for key in ("create_time", "createdAt", "created_at")]
    candidates += [message.created_at for message in messages if message.created_at][:1]
    candidates += [parse_time(raw.get("update_time"))]
    return next((candidate for candidate in candidates if candidate is not None), None)
