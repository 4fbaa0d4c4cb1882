"""Exports made for tests: as many conversations as wanted, with facts that can be found again."""

from __future__ import annotations

import json
from typing import Any  # an export is JSON

from bench.v2.exports import DAY, EPOCH, exported


def conversation(number: int, text: str = "") -> dict[str, Any]:
    """One conversation of two turns in the export's own format."""
    said = text or f"I prefer tea number {number} over coffee, and I am building a greenhouse called Project {number}."
    turns = [
        ("user", said),
        ("assistant", "Noted."),
        ("user", f"I decided to plant row {number}."),
        ("assistant", "Good."),
    ]
    return exported(f"conversation-{number}", f"Garden {number}", EPOCH + number * DAY, turns)


def export(conversations: int) -> bytes:
    """A whole export."""
    return json.dumps([conversation(number) for number in range(conversations)]).encode()


def large_numbers(conversations: int) -> bytes:
    """An export with numbers beyond a machine word: a time, a weight and, late in the file, one of no meaning."""
    made = [conversation(number) for number in range(conversations)]
    made[0]["create_time"] = made[0]["mapping"]["0"]["message"]["create_time"] = 2**64
    made[0]["mapping"]["1"]["message"]["weight"] = 10**400
    made[-1]["mapping"]["3"]["message"]["metadata"] = {"debug": [{"score": "MARK"}]}
    return json.dumps(made).replace('"MARK"', "-1E+9999").encode()
