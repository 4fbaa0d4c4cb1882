"""JSON Schema in the subset that structured output accepts: every object closed, every field required, no size limits.

Anthropic's compiler refuses recursion, open objects, numeric and string bounds and counts above one, so counts are
enforced by the code that reads each answer, never by the schema.
"""

from __future__ import annotations

from v2_service.contract import JsonObject


def text(description: str) -> JsonObject:
    """A string field."""
    return {"type": "string", "description": description}


def texts(description: str) -> JsonObject:
    """A list of strings."""
    return {"type": "array", "items": {"type": "string"}, "description": description}


def numbers(description: str) -> JsonObject:
    """A list of whole numbers."""
    return {"type": "array", "items": {"type": "integer"}, "description": description}


def objects(description: str, fields: dict[str, JsonObject]) -> JsonObject:
    """A list of closed objects."""
    return {"type": "array", "items": closed(fields), "description": description}


def closed(fields: dict[str, JsonObject]) -> JsonObject:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields),
        "additionalProperties": False,
    }
