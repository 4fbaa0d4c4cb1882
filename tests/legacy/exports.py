"""Exports made to measure: so many conversations, of so many messages, of so many characters."""

from __future__ import annotations

from typing import Any

START = 1_700_000_000


def conversation(number: int, messages: int, length: int = 230) -> dict[str, Any]:  # Any: an export's JSON
    """User and assistant in turn, a minute apart, after a system message and a blank one that both do not count."""
    mapping: dict[str, Any] = {"root": {"message": None}}  # Any: an export's JSON
    mapping["system"] = node("system", "You are helpful.", START)
    mapping["blank"] = node("user", "   ", START)
    for n in range(messages):
        text = f"{number}.{n} ".ljust(length, "x")
        mapping[f"n{n}"] = node(("user", "assistant")[n % 2], text, START + 3600 * number + 60 * n)
    return {"id": f"c{number}", "title": f"Talk {number}", "create_time": START + 3600 * number, "mapping": mapping}


def node(role: str, text: str, create_time: float | None) -> dict[str, Any]:  # Any: an export's JSON
    """One node of a mapping."""
    return {"message": {"author": {"role": role}, "content": {"parts": [text]}, "create_time": create_time}}


def export(conversations: int, messages: int, length: int = 230) -> list[dict[str, Any]]:  # Any: an export's JSON
    """A whole export."""
    return [conversation(number, messages, length) for number in range(conversations)]
