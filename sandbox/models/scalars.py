"""Strings and numbers that obey the bounds of a JSON schema."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from sandbox.models.errors import SchemaNotSupported

# One harmless value for each format; .invalid is reserved by RFC 2606 and never resolves.
_FORMATS = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "unknown@example.invalid",
    "hostname": "example.invalid",
    "uri": "https://example.invalid/",
    "ipv4": "0.0.0.0",  # noqa: S104 -- an answer, not an address to listen on
    "ipv6": "::",
    "uuid": "00000000-0000-0000-0000-000000000000",
}
_FORMAT_OF = {"date": re.compile(r"\d{4}-\d{2}-\d{2}")}
# Tried for a `pattern` that nothing known matches.
_PLAIN = (
    *("", "a", "A", "aa", "Aa", "abc", "ABC", "0", "1", "00", "123", "0000", "a1", "a-b", "a_b", "a.b"),
    *("1970-01-01", "00:00", "#000000", "v1.0.0", "a@example.invalid", "https://example.invalid/", "unknown"),
)


def string_for(schema: Mapping[str, JsonValue], candidates: Sequence[str]) -> str:
    """The first candidate that the schema takes, cut or padded to its length. Raises SchemaNotSupported."""
    shaped = schema.get("format")
    if isinstance(shaped, str) and shaped in _FORMATS:
        like = _FORMAT_OF.get(shaped)
        return next((text for text in candidates if like and like.fullmatch(text)), _FORMATS[shaped])
    least, most, pattern = schema.get("minLength"), schema.get("maxLength"), schema.get("pattern")
    shortest = least if isinstance(least, int) else 0
    longest = most if isinstance(most, int) else None
    if not isinstance(pattern, str):
        return _sized(candidates[0], shortest, longest)
    for text in (*(_sized(text, shortest, longest) for text in (*candidates, *_PLAIN)), *_PLAIN):
        if _matches(pattern, text) and shortest <= len(text) <= (longest if longest is not None else len(text)):
            return text
    raise SchemaNotSupported("no string of this model matches the pattern in the JSON schema")


def _sized(text: str, shortest: int, longest: int | None) -> str:
    if len(text) < shortest:
        text = text + "." * (shortest - len(text))
    return text if longest is None else text[:longest]


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error as error:
        raise SchemaNotSupported("a pattern in the JSON schema is not a regular expression") from error


def number_for(schema: Mapping[str, JsonValue], name: str, count: int) -> int | float:
    """A number inside the schema's bounds: a count where the name asks for one, else the middle or the lower bound."""
    low, high = _limit(schema, "minimum", "exclusiveMinimum", +1), _limit(schema, "maximum", "exclusiveMaximum", -1)
    step = schema.get("multipleOf")
    whole = schema.get("type") == "integer"
    if re.search(r"count|total|number", name):
        wanted: float = count
    elif low is not None and high is not None:
        wanted = (low + high) / 2
    else:
        wanted = low if low is not None else min(0.0, high) if high is not None else 0.0
    if low is not None:
        wanted = max(wanted, low)
    if high is not None:
        wanted = min(wanted, high)
    if isinstance(step, int | float) and step > 0:
        wanted = (math.ceil(low / step) if low is not None else math.floor(wanted / step)) * step
    if not whole:
        return wanted
    lowest = math.ceil(low) if low is not None else None
    return max(math.floor(wanted), lowest) if lowest is not None else math.floor(wanted)


def _limit(schema: Mapping[str, JsonValue], inclusive: str, exclusive: str, inward: int) -> float | None:
    open_end, closed_end = schema.get(exclusive), schema.get(inclusive)
    ends: list[float] = []
    if isinstance(open_end, int | float):
        whole = schema.get("type") == "integer"
        nudge = 1.0 if whole else max(abs(open_end), 1.0) * 1e-9
        ends.append(
            (math.floor(open_end) if inward > 0 else math.ceil(open_end)) + inward
            if whole
            else open_end + inward * nudge
        )
    if isinstance(closed_end, int | float):
        ends.append(closed_end)
    return (max(ends) if inward > 0 else min(ends)) if ends else None
