"""Text as PostgreSQL can store it: exports hold NUL characters and halves of surrogate pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from v2_service.contract import JsonValue


def storable(text: str) -> str:
    """The text without NUL (refused by text and jsonb), lone surrogates replaced (not encodable as UTF-8)."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def storable_json(value: object) -> JsonValue:
    """The same for every string and key of a JSON value."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): storable_json(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [storable_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(f"no JSON value: {type(value).__name__}")
