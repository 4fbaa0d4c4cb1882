"""Exports made for tests: as many conversations as wanted, with facts that can be found again."""

from __future__ import annotations

import json
from typing import Any  # an export is JSON

EPOCH = 1_700_000_000


def conversation(number: int, text: str = "") -> dict[str, Any]:
    """One conversation of two turns in the export's own format."""
    said = text or f"I prefer tea number {number} over coffee, and I am building a greenhouse called Project {number}."
    turns = [
        ("user", said),
        ("assistant", "Noted."),
        ("user", f"I decided to plant row {number}."),
        ("assistant", "Good."),
    ]
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": ["0"]}}
    for index, (role, words) in enumerate(turns):
        mapping[str(index)] = {
            "id": str(index),
            "parent": "root" if index == 0 else str(index - 1),
            "children": [str(index + 1)] if index + 1 < len(turns) else [],
            "message": {
                "id": f"m{index}",
                "author": {"role": role},
                "create_time": EPOCH + number * 86_400 + index,
                "content": {"content_type": "text", "parts": [words]},
            },
        }
    return {
        "id": f"conversation-{number}",
        "title": f"Garden {number}",
        "create_time": EPOCH + number * 86_400,
        "current_node": str(len(turns) - 1),
        "mapping": mapping,
    }


def export(conversations: int) -> bytes:
    """A whole export."""
    return json.dumps([conversation(number) for number in range(conversations)]).encode()
