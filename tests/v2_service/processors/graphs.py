"""Builds raw export conversations for tests: message graphs, chains, and files of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from v2_service.contract import Conversation, JsonObject, JsonValue, Message
from v2_service.processors.export import DropReport, iter_conversations


def message(text: JsonValue, role: JsonValue = "user", **more: JsonValue) -> JsonObject:
    """A visible text message."""
    return {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}, **more}


def node(key: str, parent: str | None, children: Sequence[str] = (), body: JsonValue = None) -> JsonObject:
    """A node of a mapping."""
    return {"id": key, "parent": parent, "children": list(children), "message": body}


def chain(texts: Sequence[str], **more: JsonValue) -> JsonObject:
    """A conversation without forks: user and assistant in turn, under an empty root."""
    keys = ["root", *(f"n{index}" for index in range(len(texts)))]
    mapping: JsonObject = {"root": node("root", None, keys[1:2])}
    for index, text in enumerate(texts):
        body = message(text, "assistant" if index % 2 else "user")
        mapping[keys[index + 1]] = node(keys[index + 1], keys[index], keys[index + 2 : index + 3], body)
    return {
        "id": "c1",
        "title": "Chain",
        "create_time": 1_700_000_000,
        "mapping": mapping,
        "current_node": keys[-1],
        **more,
    }


def alone(body: JsonValue, **more: JsonValue) -> JsonObject:
    """A conversation of one message."""
    mapping: JsonObject = {"root": node("root", None, ["m"]), "m": node("m", "root", [], body)}
    return {"id": "c1", "title": "One", "mapping": mapping, "current_node": "m", **more}


def write(folder: Path, content: object, name: str = "conversations.json") -> Path:
    """A JSON file."""
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def read(path: Path) -> tuple[list[Conversation], DropReport]:
    """All conversations of a file and its drop report."""
    drops = DropReport()
    return list(iter_conversations(path, drops)), drops


def spoken(*texts: str, conversation_id: str = "c1", title: str = "Talk") -> Conversation:
    """A parsed conversation: user and assistant in turn."""
    messages = tuple(Message("assistant" if index % 2 else "user", text) for index, text in enumerate(texts))
    return Conversation(conversation_id, title, None, messages)
