"""Text and JSON as PostgreSQL can store them: exports hold NUL, halves of surrogate pairs, numbers without end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from v2_service.contract import JsonValue


def storable(text: str) -> str:
    """The text without NUL (refused by text and jsonb), lone surrogates replaced (not encodable as UTF-8)."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def storable_json(value: object) -> JsonValue:
    """The same for every string and key of a JSON value; null for infinity and NaN, which JSON has no word for."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): storable_json(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [storable_json(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(f"no JSON value: {type(value).__name__}")
