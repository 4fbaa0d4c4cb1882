"""A head's field lines told apart without a parser: what was seen before is looked up, what is new fits one pattern.

Only lines that can be understood in one way pass here. Everything else is left to llhttp and gateway.core.heads, which
say what it is or why it is refused; tests/gateway/core/test_lines.py holds one against the other.
"""

import re
from typing import Final, NamedTuple

from gateway.core.fields import SPELLINGS, Kind, kind_of
from gateway.core.heads import Field, parse_fields

# RFC 9112 section 5 without its liberties: one space behind the colon, none at the end, a value, no control character.
_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)"
)
_PLAIN_KIND = Kind.PLAIN
MAX_LINES: Final = 1024
MAX_LINE_BYTES: Final = 256
"""Lines come from clients, so the table is bounded. It starts anew when it is full: then each line in use is read once
more, and one that never comes again is gone."""


class FieldLine:
    """A line that something has to be done about. `text` is the line between the CR LFs around it."""

    __slots__ = ("kind", "name", "text", "value")

    def __init__(self, kind: Kind, name: bytes, value: bytes) -> None:
        self.kind = kind
        self.name = name
        self.value = value
        self.text = b"\r\n%b: %b\r\n" % (name, value)


_PLAIN: Final = FieldLine(Kind.PLAIN, b"", b"")
"""Stands for each line that travels on as it is."""
_UNUSUAL: Final = FieldLine(Kind.PLAIN, b"", b"")
"""Stands for each line that the parser has to see."""
SEEN: Final[dict[bytes, FieldLine]] = {}
_known = SEEN.get


class FieldBlock(NamedTuple):
    """The fields of a head: `text` is CR LF and then each line as `name: value` CR LF, in order; `special` are the
    lines among them whose kind is not PLAIN."""

    text: bytes
    special: list[FieldLine]

    def pairs(self) -> list[Field]:
        """Name and value of all lines."""
        lines = self.text[2:-2].split(b"\r\n") if len(self.text) > 2 else []
        return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


def usual_block(text: bytes, limit: int) -> FieldBlock | None:
    """The fields of `text` (CR LF, then each line with its own), or None if it takes a parser to tell."""
    if len(text) == 2:
        return FieldBlock(text, [])
    lines = text[2:-2].split(b"\r\n")
    special = [found for line in lines if (found := _known(line) or _read(line)) is not _PLAIN]
    if _UNUSUAL in special or len(lines) > limit:
        return None
    return FieldBlock(text, special)


def parsed_block(text: bytes, limit: int) -> FieldBlock:
    """The same for any `text`, by the parser. Raises ValueError and HeadTooLarge as parse_fields does."""
    fields = parse_fields(text[2:] + b"\r\n", limit=limit)
    special = [FieldLine(kind, name, value) for name, value in fields if (kind := kind_of(name)) is not _PLAIN_KIND]
    return FieldBlock(b"\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in fields), special)


def _read(line: bytes) -> FieldLine:
    found = _LINE.fullmatch(line)
    if found is None:
        return _UNUSUAL
    name, value = found.groups()
    kind = SPELLINGS.get(name) or kind_of(name)
    read = _PLAIN if kind is _PLAIN_KIND else FieldLine(kind, name, value)
    if len(line) <= MAX_LINE_BYTES:
        if len(SEEN) >= MAX_LINES:
            SEEN.clear()
        SEEN[line] = read
    return read
