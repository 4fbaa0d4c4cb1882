"""What an import left out, counted by reason (L-13, L-58). The run's report shows it: nothing is dropped in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from v2_service.contract import JsonObject


class DropReason(StrEnum):
    """Why something in the file is not in the import. The first group counts messages, the others what they say."""

    OTHER_BRANCH = "other_branch"
    HIDDEN = "hidden"
    SYSTEM = "system"
    TOOL_OUTPUT = "tool_output"
    TOOL_CALL = "tool_call"
    REASONING = "reasoning"
    MODEL_CONTEXT = "model_context"
    EMPTY_TEXT = "empty_text"
    UNKNOWN_ROLE = "unknown_role"
    UNKNOWN_CONTENT = "unknown_content"
    REPEATED_CUSTOM_INSTRUCTIONS = "repeated_custom_instructions"
    BROKEN_MESSAGE = "broken_message"

    ATTACHMENT = "attachment"
    """One image, audio or file pointer; text beside it is kept."""

    CONVERSATION_WITHOUT_TEXT = "conversation_without_text"
    DUPLICATE_CONVERSATION = "duplicate_conversation"
    NOT_A_CONVERSATION = "not_a_conversation"

    OTHER_EXPORT_IN_ARCHIVE = "other_export_in_archive"
    """One conversations file in another folder of the same zip."""
    MISSING_SHARD = "missing_shard"
    """One conversations-NNN.json that the numbering or the manifest promises and the zip lacks."""


@dataclass(slots=True)
class DropReport:
    """What one reading of an export kept, and what it dropped by reason. Filled by `iter_conversations`."""

    conversations: int = 0
    messages: int = 0
    characters: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)

    def add(self, reason: DropReason, count: int = 1) -> None:
        """Count something that was left out; zero leaves no trace in the report."""
        if count:
            self.dropped[reason] += count

    def to_json(self) -> JsonObject:
        """`{"conversations", "messages", "characters", "dropped": {reason: count}}`, reasons sorted."""
        return {
            "conversations": self.conversations,
            "messages": self.messages,
            "characters": self.characters,
            "dropped": {reason.value: self.dropped[reason] for reason in sorted(self.dropped)},
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> DropReport:
        """The report that `to_json` wrote."""
        counts = {name: value[name] for name in ("conversations", "messages", "characters")}
        dropped = value["dropped"]
        reasons = dropped if isinstance(dropped, dict) else {}
        return cls(
            **{name: count for name, count in counts.items() if isinstance(count, int)},
            dropped=Counter({DropReason(name): count for name, count in reasons.items() if isinstance(count, int)}),
        )
