"""Reads JSON that was cut off, as prompts carry it: as much of it as is whole. Linear, bounded depth."""

from __future__ import annotations

import json

from pydantic import JsonValue

DEEPEST = 64


def read(text: str) -> JsonValue:
    """The first JSON object or array of `text`; one that is cut off is closed after its last whole value.

    Returns None when there is none.
    """
    start = _first(text)
    if start < 0:
        return None
    body = text[start:]
    try:
        value: JsonValue = json.JSONDecoder().raw_decode(body)[0]
    except (ValueError, RecursionError):
        return _repaired(body)
    return value


def _first(text: str) -> int:
    found = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    return min(found, default=-1)


def _repaired(body: str) -> JsonValue:
    """Close `body` after each of the last places where a value ended, until one can be read."""
    for end, closers in reversed(_whole_values(body)):
        try:
            value: JsonValue = json.loads(body[:end] + closers)
        except (ValueError, RecursionError):
            continue
        return value
    return None


def _whole_values(body: str) -> list[tuple[int, str]]:
    """The last few places where the text may be cut, each with the brackets that are then open."""
    places: list[tuple[int, str]] = []
    stack: list[str] = []
    inside = escaped = False
    for index, letter in enumerate(body):
        if inside:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == '"':
                inside = False
                continue
            continue
        if letter == '"':
            inside = True
        elif letter in "{[":
            if len(stack) >= DEEPEST:
                break
            stack.append("}" if letter == "{" else "]")
            places.append((index + 1, "".join(reversed(stack))))
        elif letter in "}]":
            if not stack or stack.pop() != letter:
                break
            places.append((index + 1, "".join(reversed(stack))))
        elif letter == ",":
            places.append((index, "".join(reversed(stack))))
        if len(places) > 12:
            del places[0]
    return places
