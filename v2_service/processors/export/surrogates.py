r"""Halves of surrogate pairs in JSON escapes, replaced on the way to the parser, which would break off at one.

`"\ude00"` alone is legal JSON and stands in real exports (a title cut through an emoji), yet no UTF-8 can hold it.
Counterpart: `limits`, which reads through this.
"""

from __future__ import annotations

import re

from v2_service.processors.export.limits import ByteSource

_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = re.compile(rb"(" + _HIGH + _LOW + rb")|" + _HIGH + rb"|" + _LOW)
_REPLACEMENT = rb"\ufffd"
# The end of a block that may be the beginning of a pair; a run of backslashes stays whole, since it counts in twos.
_UNDECIDED = re.compile(rb"\\+(?:u(?:[0-9a-fA-F]{0,3}|[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?))?\Z")
_LOOK_BACK = 64
# No JSON text holds this byte, so it may stand for an escaped backslash for a moment.
_ESCAPED_BACKSLASH, _STAND_IN = rb"\\", b"\xff\xff"


class WholePairs:
    """A source in which every surrogate escape has its other half; each lone one has become U+FFFD."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._held = b""

    def read(self, size: int = 65536, /) -> bytes:
        """About `size` bytes; empty at the end."""
        while True:
            fresh = self._source.read(size)
            block = self._held + fresh
            if not fresh:
                self._held = b""
                return _whole(block)
            undecided = _UNDECIDED.search(block, max(0, len(block) - _LOOK_BACK))
            end = len(block) if undecided is None else undecided.start()
            self._held = block[end:]
            if end:
                return _whole(block[:end])


def _whole(block: bytes) -> bytes:
    if b"\\ud" not in block and b"\\uD" not in block:
        return block
    plain = block.replace(_ESCAPED_BACKSLASH, _STAND_IN)
    return _HALF.sub(lambda found: found[1] or _REPLACEMENT, plain).replace(_STAND_IN, _ESCAPED_BACKSLASH)
