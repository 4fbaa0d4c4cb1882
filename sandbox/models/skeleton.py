"""Turns the JSON example or the list of keys in a prompt's instructions into a schema, for prompts that have no other.

The reader is lenient, for such examples are written for people: `"a": "…" | null`, comments, dots and all.
"""

from __future__ import annotations

import re

from pydantic import JsonValue

from sandbox.models.fields import topics_of

DEEPEST = 12
MOST_KEYS = 200

_TOKEN = re.compile(r'"((?:[^"\\\n]|\\.){0,400})"|([{}\[\],:])|([^\s{}\[\],:"]{1,80})')
_KEY_LIST = re.compile(r"\b(?:keys|fields|properties)\b[^:\n]{0,40}:\s*([^\n]{3,600})", re.I)
_WORD = re.compile(r"[`'\"]?([A-Za-z][A-Za-z0-9_]{1,40})[`'\"]?")
_NO_KEYS = frozenset(
    ["and", "or", "the", "with", "as", "of", "a", "an", "each", "json", "object", "string", "list", "array", "exactly"]
)


def schema_of(instruction: str) -> dict[str, JsonValue] | None:
    """The schema that the instructions describe, or None when they ask for no JSON."""
    if "json" not in instruction.lower():
        return None
    best: dict[str, JsonValue] = {}
    position = 0
    for _ in range(20):
        start = instruction.find("{", position)
        if start < 0:
            break
        reader = _Reader(instruction, start)
        found = reader.object(0)
        if reader.keys > len(str(best.get("properties", {}))) // 30 and found["properties"]:
            best = max(best, found, key=lambda schema: len(str(schema.get("properties", ""))))
        position = max(reader.position, start + 1)
    return best or _listed(instruction)


def _listed(instruction: str) -> dict[str, JsonValue] | None:
    found = _KEY_LIST.search(instruction)
    if not found:
        return None
    keys = [word for word in _WORD.findall(found[1]) if word.lower() not in _NO_KEYS][:MOST_KEYS]
    properties: dict[str, JsonValue] = {}
    for key in keys:
        many = key.endswith("s") and bool(topics_of(key))
        properties[key] = {"type": "array", "items": {"type": "string"}} if many else {"type": "string"}
    return {"type": "object", "properties": properties, "required": list(properties)} if properties else None


class _Reader:
    """Reads one example, token by token; whatever it does not understand is text."""

    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position
        self.keys = 0

    def object(self, depth: int) -> dict[str, JsonValue]:
        """The schema of the object whose brace comes next."""
        self._next()
        properties: dict[str, JsonValue] = {}
        key: str | None = None
        while (token := self._next()) and self.keys < MOST_KEYS:
            string, mark, _ = token
            if mark == "}":
                break
            if mark == ":" and key is not None:
                properties[key] = self._value(depth + 1)
                self.keys += 1
                key = None
            elif mark is None:
                key = string
        return {"type": "object", "properties": properties, "required": list(properties)}

    def _value(self, depth: int) -> dict[str, JsonValue]:
        found = _TOKEN.search(self.text, self.position)
        if found is None or depth > DEEPEST:
            return {"type": "string"}
        if found[2] == "{":
            self.position = found.start()
            return self.object(depth)
        if found[2] == "[":
            self.position = found.end()
            return self._list(depth)
        if found[2]:
            return {"type": "string"}
        self.position = found.end()
        if found[1] is not None:
            return {"type": "string", "description": found[1]}
        word = found[3].lower()
        kind = "boolean" if word.startswith(("true", "false")) else "number" if word[0].isdigit() else "string"
        return {"type": kind}

    def _list(self, depth: int) -> dict[str, JsonValue]:
        items: dict[str, JsonValue] = {"type": "string"}
        described = ""
        seen = False
        while (found := _TOKEN.search(self.text, self.position)) is not None:
            if found[2] == "]":
                self.position = found.end()
                break
            if found[2] in ("{", "[") and not seen and depth < DEEPEST:
                items, seen = self._value(depth + 1), True
                continue
            if found[2] in ("{", "}"):
                break
            described = described or found[1] or ""
            self.position = found.end()
        return {"type": "array", "items": items, "description": described}

    def _next(self) -> tuple[str | None, str | None, str | None] | None:
        found = _TOKEN.search(self.text, self.position)
        if found is None:
            return None
        self.position = found.end()
        return found[1], found[2], found[3]
