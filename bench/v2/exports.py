"""Exports for the campaigns: the same bytes for the same arguments, every conversation with facts of its own."""

from __future__ import annotations

import json

EPOCH = 1_700_000_000
DAY = 86_400
LONG_EVERY = 5
LONG_SENTENCES = 400
SHORT_SENTENCES = 2
REPEATING = 10


def conversation(seed: int, number: int, sentences: int) -> dict[str, object]:
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
    mapping: dict[str, object] = {"root": {"id": "root", "message": None, "parent": None, "children": ["0"]}}
    for index, (role, words) in enumerate(turns):
        mapping[str(index)] = {
            "id": str(index),
            "parent": "root" if index == 0 else str(index - 1),
            "children": [str(index + 1)] if index + 1 < len(turns) else [],
            "message": {
                "id": f"m{index}",
                "author": {"role": role},
                "create_time": EPOCH + number * DAY + index,
                "content": {"content_type": "text", "parts": [words]},
            },
        }
    return {
        "id": f"c-{seed}-{number}",
        "title": f"Garden {number}",
        "create_time": EPOCH + number * DAY,
        "current_node": str(len(turns) - 1),
        "mapping": mapping,
    }


def export(seed: int, conversations: int) -> bytes:
    """A whole export; every fifth conversation is several chunks long."""
    made = [
        conversation(seed, number, LONG_SENTENCES if (number + 1) % LONG_EVERY == 0 else SHORT_SENTENCES)
        for number in range(conversations)
    ]
    return json.dumps(made).encode()
