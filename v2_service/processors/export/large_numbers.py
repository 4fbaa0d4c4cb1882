"""Numbers beyond a machine word, replaced on the way to the parser, which would break off at one.

JSON bounds no number (RFC 8259 section 6) and no import needs one that large: it becomes null, as if nobody had written
it. Counterpart: `documents`, which reads through this once the parser has refused such a number.
"""

from __future__ import annotations

import re
from math import isfinite

from ijson.common import JSONError

from v2_service.processors.export.limits import ByteSource

# A string, with what is left at the end of a block if it goes on; or a number.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|(\\?\Z))|(-?[0-9][0-9.eE+-]*|-\Z)', re.DOTALL)
_QUOTE = b'"'
_INTEGER_FITS = 18  # one digit less than the largest word has, so that its value need not be looked at
_LONGEST = 1024  # longer ones are not looked at, however small their value, so that what is held back stays bounded
_REFUSALS = ("integer overflow", "numeric (floating point) overflow")


def is_too_large(fault: JSONError) -> bool:
    """Whether the parser refused a number for its size alone."""
    said = fault.args[0] if fault.args else ""
    # Bytes where the excerpt below the first line cuts a character in two.
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text.partition("\n")[0].endswith(_REFUSALS)


class FittingNumbers:
    """A source in which every number fits the parser; each that does not has become null."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        # The beginning of a number, or the quote of a string whose end has not come: that quote was given already.
        self._held = b""

    def read(self, size: int = 65536, /) -> bytes:
        """About `size` bytes; empty at the end."""
        while fresh := self._source.read(size):
            within = self._held.startswith(_QUOTE)
            block, self._held = self._held + fresh, b""
            fitting = _TOKEN.sub(self._token, block)[within:]
            if fitting:
                return fitting
        held, self._held = self._held, b""
        return held[1:] if held.startswith(_QUOTE) else _fitting(held)

    def _token(self, found: re.Match[bytes]) -> bytes:
        left, number = found.groups()
        if left is not None:
            self._held = _QUOTE + left
            return found[0].removesuffix(left)
        if number is None:
            return found[0]
        if found.end() < len(found.string):
            return _fitting(number)
        self._held = number[:_LONGEST]
        return b""


def _fitting(number: bytes) -> bytes:
    """The number, or null; one that is malformed stays, and the parser says so."""
    if len(number) >= _LONGEST:
        return b"null"
    try:
        fits = isfinite(float(number))
    except ValueError:
        return number
    is_integer = number.removeprefix(b"-").isdigit()
    return number if fits and not (is_integer and len(number) > _INTEGER_FITS) else b"null"
