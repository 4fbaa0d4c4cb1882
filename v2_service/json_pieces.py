"""JSON of large values, read and written in pieces and off the event loop.

A thread alone is not enough: reading or writing one large value is a single call into C, which keeps every other thread
waiting until it is done. In pieces, the event loop gets its turn between two of them (L-67).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import ijson

from v2_service.processors.export.limits import ExportLimits, GuardedReader, Meter
from v2_service.text import storable_json

# Below this a value costs less than the way to a thread and back.
SMALL_BYTES = 64 * 1024
# Values inside values that are written piece by piece; deeper ones are small.
DEPTH = 4
BLOCK_BYTES = 32 * 1024
# A hostile text may be nested so deeply that the parser takes the process down. Its size is the caller's to bound.
LIMITS = ExportLimits(max_conversation_bytes=2**40, max_conversation_structures=4_000_000)


@dataclass(frozen=True, slots=True)
class Written:
    """A value whose JSON text, as PostgreSQL can store it, is there already."""

    text: str


def pieces(value: object, depth: int = DEPTH) -> Iterator[str]:
    """The JSON text of a value as PostgreSQL can store it, in parts."""
    if isinstance(value, Written):
        yield value.text
    elif depth and value and isinstance(value, Mapping):
        before = "{"
        for key, item in value.items():
            yield f"{before}{json.dumps(storable_json(str(key)))}:"
            yield from pieces(item, depth - 1)
            before = ","
        yield "}"
    elif depth and value and isinstance(value, list | tuple):
        before = "["
        for item in value:
            yield before
            yield from pieces(item, depth - 1)
            before = ","
        yield "]"
    else:
        yield json.dumps(storable_json(value))


def encoded(value: object) -> bytes:
    """The value's JSON text as bytes; blocks, so large values are encoded in a thread."""
    return "".join(pieces(value)).encode()


def is_small(value: object, limit: int = SMALL_BYTES) -> bool:
    """Whether a value is certainly small: an estimate that looks at no more than `limit` things."""
    left = limit
    open_values = [value]
    while open_values:
        one = open_values.pop()
        left -= len(one) if isinstance(one, str) else len(one.text) if isinstance(one, Written) else 8
        if isinstance(one, Mapping):
            left -= 8 * len(one)
            open_values.extend(one.values() if left > 0 else ())
        elif isinstance(one, list | tuple):
            left -= 8 * len(one)
            open_values.extend(one if left > 0 else ())
        if left <= 0:
            return False
    return True


async def encode(value: object) -> bytes:
    """`encoded`, in a thread unless the value is small."""
    return encoded(value) if is_small(value) else await asyncio.to_thread(encoded, value)


class Blocks:
    """Bytes that are read in small blocks, through Python: between two of them other threads get their turn."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        wanted = BLOCK_BYTES if size < 0 else min(size, BLOCK_BYTES)
        block = self._content[self._at : self._at + wanted]
        self._at += len(block)
        return block


def decoded(content: bytes) -> object:
    """The value of a JSON text. Raises json.JSONDecodeError as `json.loads` does, or ExportTooLarge; blocks."""
    guarded = GuardedReader(Blocks(content), LIMITS, Meter(LIMITS, len(content)))
    try:
        return next(iter(ijson.items(guarded, "", use_float=True)))
    except (ijson.JSONError, StopIteration, UnicodeDecodeError):
        # Broken, or of a form that only the other parser takes: it says exactly where.
        return json.loads(content)


async def decode(content: bytes) -> object:
    """`decoded`, in a thread unless the text is small. Raises json.JSONDecodeError or ExportTooLarge."""
    try:
        if len(content) <= SMALL_BYTES:
            return json.loads(content)
        return await asyncio.to_thread(decoded, content)
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", "", 0) from None
