"""Exports for the campaigns: the same bytes for the same arguments, every conversation with facts of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any  # an export is JSON

EPOCH = 1_700_000_000
DAY = 86_400
LONG_EVERY = 5
LONG_SENTENCES = 400
SHORT_SENTENCES = 2
REPEATING = 10


def conversation(seed: int, number: int, sentences: int) -> dict[str, Any]:
    """One conversation of two turns; `sentences` of filler make some of them more than one chunk long.

    Every `REPEATING`th repeats one sentence, so that some of its chunks are equal: they are asked about once.
    """
    told = f"The kettle of {seed} sang, the rain went on, and nobody minded. "
    filler = (told if (number + 1) % REPEATING == 0 else f"{told}That was time {index}. " for index in range(sentences))
    turns = [
        ("user", f"I prefer tea number {seed}-{number} over coffee. {''.join(filler)}"),
        ("assistant", "Noted."),
        ("user", f"I decided to plant row {number} in garden {seed}."),
        ("assistant", "Good."),
    ]
    return exported(f"c-{seed}-{number}", f"Garden {number}", EPOCH + number * DAY, turns)


def exported(name: str, title: str, began: int, turns: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A conversation in the export's own format; each turn is a role and its words, a second after the one before."""
    last = len(turns) - 1
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": ["0"]}}
    for index, (role, words) in enumerate(turns):
        mapping[str(index)] = {
            "id": str(index),
            "parent": "root" if index == 0 else str(index - 1),
            "children": [str(index + 1)] if index < last else [],
            "message": {
                "id": f"m{index}",
                "author": {"role": role},
                "create_time": began + index,
                "content": {"content_type": "text", "parts": [words]},
            },
        }
    return {"id": name, "title": title, "create_time": began, "current_node": str(last), "mapping": mapping}


def export(seed: int, conversations: int) -> bytes:
    """A whole export; every fifth conversation is several chunks long."""
    made = [
        conversation(seed, number, LONG_SENTENCES if (number + 1) % LONG_EVERY == 0 else SHORT_SENTENCES)
        for number in range(conversations)
    ]
    return json.dumps(made).encode()
