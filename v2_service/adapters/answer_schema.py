"""Checks an answer against the part of JSON Schema that structured output knows: types, properties, items, enums."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from v2_service.contract import JsonObject, JsonValue

# bool is an int to Python and not to JSON.
TYPES: Mapping[str, Callable[[JsonValue], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def mismatch(value: JsonValue, schema: JsonObject, path: str = "the answer") -> str:
    """Why `value` does not obey `schema`; empty when it does. Never quotes the value."""
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        reasons = [mismatch(value, choice, path) for choice in choices if isinstance(choice, dict)]
        return "" if "" in reasons else f"{path} has none of the allowed forms"
    names = schema.get("type")
    allowed = [names] if isinstance(names, str) else names
    if isinstance(allowed, list) and not any(TYPES[str(name)](value) for name in allowed):
        return f"{path} is not of type {' or '.join(map(str, allowed))}"
    enum = schema.get("enum")
    # True equals 1 in Python.
    if isinstance(enum, list) and not any(
        value == one and isinstance(value, bool) == isinstance(one, bool) for one in enum
    ):
        return f"{path} is none of the allowed values"
    if isinstance(value, dict):
        return _object_mismatch(value, schema, path)
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, dict):
        return next(
            (reason for index, item in enumerate(value) if (reason := mismatch(item, items, f"{path}[{index}]"))), ""
        )
    return ""


def _object_mismatch(value: JsonObject, schema: JsonObject, path: str) -> str:
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    missing = [name for name in (required if isinstance(required, list) else []) if name not in value]
    if missing:
        return f"{path} lacks {missing[0]}"
    if schema.get("additionalProperties") is False and any(name not in known for name in value):
        return f"{path} has a property that the schema does not know"
    for name, item in value.items():
        part = known.get(name)
        if isinstance(part, dict) and (reason := mismatch(item, part, f"{path}.{name}")):
            return reason
    return ""
