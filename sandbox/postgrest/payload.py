"""Looks into a JSON body just far enough to know its columns; the database gets the bytes as they came."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from sandbox.postgrest.errors import BodyError

INVALID = "Empty or invalid json"
# Half a character, when its other half is missing, cannot be encoded again.
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_columns(body: bytes) -> tuple[str, ...]:
    """The keys of the object, or those that all objects of the array share; sorted.

    Raises BodyError when the body is no JSON, or its objects have different keys.
    """
    parsed = _parse(body)
    if isinstance(parsed, dict):
        return tuple(sorted(parsed))
    if not isinstance(parsed, list):
        return ()
    keys: set[str] | None = None
    for item in parsed:
        if not isinstance(item, dict) or (keys is not None and item.keys() != keys):
            raise BodyError("All object keys must match")
        keys = set(item)
    return tuple(sorted(keys or ()))


def holds_nothing(body: bytes) -> bool:
    """Whether there is nothing to write: an empty array, or a value that is no row."""
    return not isinstance(parsed := _parse(body), dict) and not (isinstance(parsed, list) and parsed)


def read_arguments(body: bytes) -> tuple[str, ...]:
    """The argument names of a function's call; an empty body is a call without arguments."""
    return read_columns(body) if body else ()


def _parse(body: bytes) -> object:
    try:
        # Decoded first: given bytes, the parser would let a byte order mark and other encodings pass.
        text = body.decode()
        parsed: object = json.loads(text, parse_constant=_refuse)
        if SURROGATE.search(text):
            json.dumps(parsed, ensure_ascii=False).encode()
        return parsed
    except (ValueError, RecursionError):
        raise BodyError(INVALID) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
