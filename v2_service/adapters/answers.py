"""Answers of our database functions as Python values; anything else than expected raises StoreRefused."""

from __future__ import annotations

from v2_service.contract import JsonValue
from v2_service.errors import StoreRefused


def only_row(answer: JsonValue) -> dict[str, JsonValue]:
    """The one row of a set, or the object itself."""
    row = answer[0] if isinstance(answer, list) and answer else answer
    if not isinstance(row, dict):
        raise StoreRefused("The database answered no row.")
    return row


def whole_number(value: JsonValue) -> int:
    """An integer that is one."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise StoreRefused("The database answered no number.")
    return value
