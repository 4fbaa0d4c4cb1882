"""What one message says, by its content type, and whether the person saw it. Counterpart: `branch` chose the message.

Every field of an export may be null or of another type than documented (L-55), so nothing here trusts a shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from v2_service.contract import JsonValue, Role, Source
from v2_service.processors.export.drops import DropReason

# A name in the first table is never prose of the conversation; one in neither is read as prose if it has any.
_NOT_PROSE = {
    "thoughts": DropReason.REASONING,
    "reasoning_recap": DropReason.REASONING,
    "execution_output": DropReason.TOOL_OUTPUT,
    "tether_browsing_display": DropReason.TOOL_OUTPUT,
    "computer_output": DropReason.TOOL_OUTPUT,
    "system_error": DropReason.TOOL_OUTPUT,
    "model_editable_context": DropReason.MODEL_CONTEXT,
}
_PROSE = frozenset({"text", "multimodal_text", "code", "tether_quote", ""})
_CUSTOM_INSTRUCTIONS = "user_editable_context"
_ROLES: dict[JsonValue, Role] = {"user": "user", "assistant": "assistant"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One message read: text with its speaker, or why there is none. `attachments` counts pointers passed over."""

    role: Role = "user"
    text: str = ""
    source: Source = "conversation"
    drop: DropReason | None = None
    attachments: int = 0


def read_message(message: Mapping[str, JsonValue]) -> Reading:
    """Decide about one message of the active branch; text is stripped and holds no NUL (PostgreSQL refuses it)."""
    content = _mapping(message.get("content"))
    metadata = _mapping(message.get("metadata"))
    kind = _text(content.get("content_type"))
    if kind == _CUSTOM_INSTRUCTIONS or metadata.get("is_user_system_message") is True:
        return _custom_instructions(content, metadata)
    author = _text(_mapping(message.get("author")).get("role"))
    if reason := _invisible(author, kind, message.get("recipient"), metadata):
        return Reading(drop=reason)
    role = _ROLES.get(author)
    if role is None:
        return Reading(drop=DropReason.UNKNOWN_ROLE)
    text, attachments = _prose(content)
    if text:
        return Reading(role, text, attachments=attachments)
    reason = DropReason.EMPTY_TEXT if kind in _PROSE else DropReason.UNKNOWN_CONTENT
    return Reading(drop=reason, attachments=attachments)


def read_plain(message: Mapping[str, JsonValue]) -> Reading:
    """The pre-parsed form `{role, content}`, which an earlier frontend uploaded; content is text or a list of parts."""
    role = _ROLES.get(_text(message.get("role")))
    if role is None:
        kind = _text(message.get("role"))
        known = {"system": DropReason.SYSTEM, "tool": DropReason.TOOL_OUTPUT}
        return Reading(drop=known.get(kind, DropReason.UNKNOWN_ROLE))
    content = message.get("content")
    if isinstance(content, dict):
        text, attachments = _prose(content)
    else:
        text, attachments = _join(content if isinstance(content, list) else [content])
    return Reading(role, text, drop=None if text else DropReason.EMPTY_TEXT, attachments=attachments)


def clean(text: str) -> str:
    """Text as every store and wire accepts it: no NUL, no lone surrogate, no blank edges."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text.strip() if text.isascii() else text.encode("utf-8", "replace").decode("utf-8").strip()


def _invisible(role: str, kind: str, recipient: JsonValue, metadata: Mapping[str, JsonValue]) -> DropReason | None:
    """Why the person never saw this message, or None. The most telling reason is named first."""
    if role == "tool":
        return DropReason.TOOL_OUTPUT
    if kind in _NOT_PROSE:
        return _NOT_PROSE[kind]
    if role == "system":
        return DropReason.SYSTEM
    if metadata.get("is_visually_hidden_from_conversation") is True:
        return DropReason.HIDDEN
    if role == "assistant" and _text(recipient) not in ("", "all"):
        return DropReason.TOOL_CALL
    return None


def _custom_instructions(content: Mapping[str, JsonValue], metadata: Mapping[str, JsonValue]) -> Reading:
    """What the person told the assistant about themselves: first-hand facts, though the message itself is hidden."""
    data = _mapping(metadata.get("user_context_message_data"))
    about = clean(_text(content.get("user_profile")) or _text(data.get("about_user_message")))
    wishes = clean(_text(content.get("user_instructions")) or _text(data.get("about_model_message")))
    parts = [f"About me: {about}"] if about else []
    parts += [f"How to answer me: {wishes}"] if wishes else []
    text = "\n".join(parts) or _prose(content)[0]
    return Reading("user", text, "custom_instructions", None if text else DropReason.EMPTY_TEXT)


def _prose(content: Mapping[str, JsonValue]) -> tuple[str, int]:
    parts = content.get("parts")
    if isinstance(parts, list):
        text, attachments = _join(parts)
        if text:
            return text, attachments
    else:
        attachments = 0
        if isinstance(parts, str):
            return clean(parts), 0
    fallback = clean(_text(content.get("text")) or _text(content.get("content")) or _text(content.get("result")))
    return fallback, attachments


def _join(parts: list[JsonValue]) -> tuple[str, int]:
    """Strings and parts that carry text (an audio transcription does), one per line; the other parts are pointers."""
    texts: list[str] = []
    attachments = 0
    for part in parts:
        text = _text(_mapping(part).get("text")) if isinstance(part, dict) else _text(part)
        if text:
            texts.append(text)
        elif isinstance(part, dict):
            attachments += 1
    return clean("\n".join(texts)), attachments


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
