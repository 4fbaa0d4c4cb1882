"""One JSON text -> its conversations, one at a time and never all in memory. Counterpart: `conversation` reads each.

Shapes: a bare list, an object wrapping `conversations`, one conversation object; each may be in the `messages` form.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import ijson
from ijson.common import JSONError

from v2_service.contract import JsonValue
from v2_service.processors.errors import ExportNotJson, NoConversations
from v2_service.processors.export.container import Document

_WHITESPACE = b" \t\r\n"


class _Shape(Enum):
    """How the conversations lie in the text; the value is the parser's path to each."""

    LIST = "item"
    WRAPPED = "conversations.item"
    SINGLE = ""


_DECIDING_KEYS = {"conversations": _Shape.WRAPPED, "mapping": _Shape.SINGLE, "messages": _Shape.SINGLE}


def iter_values(document: Document) -> Iterator[JsonValue]:
    """Each element where a conversation is expected, whatever it is.

    Raises `ExportNotJson` at the point where the text breaks (values before it have been yielded), `NoConversations`
    for an object that is neither a conversation nor wraps any, `ExportTooLarge`, `ExportDamaged`.
    """
    try:
        shape = _shape(document)
        with document.open() as reader:
            # use_float: the default Decimal is not a float, and every date check fails on it (L-52).
            for value in ijson.items(reader, shape.value, use_float=True):
                reader.item_done()
                yield value
    except (JSONError, UnicodeDecodeError) as fault:
        raise ExportNotJson(document.name) from fault


def _shape(document: Document) -> _Shape:
    with document.open() as reader:
        first = reader.read(65536).lstrip(_WHITESPACE)
    if first[:1] == b"[":
        return _Shape.LIST
    if first[:1] != b"{":
        raise ExportNotJson(document.name)
    return _object_shape(document)


def _object_shape(document: Document) -> _Shape:
    """Read the object's own keys up to the first that decides; title and id usually come before the mapping."""
    depth = 0
    with document.open() as reader:
        for event, value in ijson.basic_parse(reader, use_float=True):
            reader.item_done()
            if event in ("start_map", "start_array"):
                depth += 1
            elif event in ("end_map", "end_array"):
                depth -= 1
            elif event == "map_key" and depth == 1 and value in _DECIDING_KEYS:
                return _DECIDING_KEYS[value]
    raise NoConversations(f"{document.name} holds no conversations.")
