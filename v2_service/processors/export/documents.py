"""One JSON text -> its conversations, one at a time and never all in memory. Counterpart: `conversation` reads each.

Shapes: a bare list, an object wrapping `conversations`, one conversation object; each may be in the `messages` form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from itertools import islice

import ijson
from ijson.common import JSONError

from v2_service.contract import JsonValue
from v2_service.processors.errors import ExportNotJson, NoConversations
from v2_service.processors.export.container import Document
from v2_service.processors.export.large_numbers import FittingNumbers, is_too_large
from v2_service.processors.export.limits import ByteSource

_WHITESPACE = b" \t\r\n"


class _Shape(Enum):
    """How the conversations lie in the text; the value is the parser's path to each."""

    LIST = "item"
    WRAPPED = "conversations.item"
    SINGLE = ""


_DECIDING_KEYS = {"conversations": _Shape.WRAPPED, "mapping": _Shape.SINGLE, "messages": _Shape.SINGLE}


def iter_values(document: Document) -> Iterator[JsonValue]:
    """Each element where a conversation is expected, whatever it is; a number beyond a machine word may come as None.

    Raises `ExportNotJson` at the point where the text breaks (values before it have been yielded), `NoConversations`
    for an object that is neither a conversation nor wraps any, `ExportTooLarge`, `ExportDamaged`.
    """
    try:
        yield from _with_any_numbers(document)
    except (JSONError, UnicodeDecodeError) as fault:
        raise ExportNotJson(document.name) from fault


def _with_any_numbers(document: Document) -> Iterator[JsonValue]:
    """The parser refuses large numbers, which hardly any file has: only one that does is read anew without them."""
    yielded = 0
    bytes_before = document.meter.total
    try:
        for value in _values(document, _as_written):
            yielded += 1
            yield value
    except JSONError as fault:
        if not is_too_large(fault):
            raise
    else:
        return
    document.meter.total = bytes_before
    yield from islice(_values(document, FittingNumbers), yielded, None)


def _as_written(source: ByteSource) -> ByteSource:
    return source


def _values(document: Document, through: Callable[[ByteSource], ByteSource]) -> Iterator[JsonValue]:
    shape = _shape(document, through)
    with document.open() as reader:
        # use_float: the default Decimal is not a float, and every date check fails on it (L-52). It also reads a number
        # of some thousand digits without taking the process down.
        for value in ijson.items(through(reader), shape.value, use_float=True):
            reader.item_done()
            yield value


def _shape(document: Document, through: Callable[[ByteSource], ByteSource]) -> _Shape:
    with document.open() as reader:
        first = reader.read(65536).lstrip(_WHITESPACE)
    if first[:1] == b"[":
        return _Shape.LIST
    if first[:1] != b"{":
        raise ExportNotJson(document.name)
    return _object_shape(document, through)


def _object_shape(document: Document, through: Callable[[ByteSource], ByteSource]) -> _Shape:
    """Read the object's own keys up to the first that decides; title and id usually come before the mapping."""
    depth = 0
    with document.open() as reader:
        for event, value in ijson.basic_parse(through(reader), use_float=True):
            reader.item_done()
            if event in ("start_map", "start_array"):
                depth += 1
            elif event in ("end_map", "end_array"):
                depth -= 1
            elif event == "map_key" and depth == 1 and value in _DECIDING_KEYS:
                return _DECIDING_KEYS[value]
    raise NoConversations(f"{document.name} holds no conversations.")
