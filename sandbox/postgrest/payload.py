"""Looks into a JSON body just far enough to know its columns; the database gets the bytes as they came."""

from __future__ import annotations

import json
from typing import NoReturn

from sandbox.postgrest.errors import BodyError

INVALID = "Empty or invalid json"


def read_columns(body: bytes) -> tuple[str, ...]:
    """The keys of the object, or those that all objects of the array share; sorted.

    Raises BodyError when the body is no JSON, or its objects have different keys.
    """
    parsed = _parse(body)
    if isinstance(parsed, dict):
        return tuple(sorted(parsed))
    if not isinstance(parsed, list):
        return ()
    if not parsed:
        return ()
    keys: set[str] | None = None
    for item in parsed:
        if not isinstance(item, dict) or (keys is not None and item.keys() != keys):
            raise BodyError("All object keys must match")
        keys = set(item)
    return tuple(sorted(keys or ()))


def is_empty_array(body: bytes) -> bool:
    """Whether there is nothing to write."""
    return _parse(body) == []


def read_arguments(body: bytes) -> tuple[str, ...]:
    """The argument names of a function's call; an empty body is a call without arguments."""
    return read_columns(body) if body else ()


def _parse(body: bytes) -> object:
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BodyError(INVALID) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
