"""How much of an uploaded file is read, and the reader that enforces it. `documents` parses through this reader.

The parser keeps the path of every open bracket, so memory grows with the square of the nesting: a few hundred
kilobytes of "[" are enough to exhaust a machine. Depth and structure are therefore counted in the bytes, before the
parser sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from v2_service.processors.errors import ExportTooLarge

_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'"[]{}')
_OPENERS = b"[{"
_COLLAPSES = (
    6  # a message is nested about five deep: removing that many layers of pairs leaves next to nothing to count
)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """Bounds on one upload. Real exports seen: 5 GB of JSON, single conversations of 18 MB, nesting below 20."""

    max_bytes: int = 8 * 1024**3
    """Uncompressed JSON in all files together."""
    max_ratio: int = 200
    """Uncompressed over compressed size; looked at only beyond `ratio_after_bytes`, as small files may pass it."""
    ratio_after_bytes: int = 256 * 1024**2
    max_conversation_bytes: int = 64 * 1024**2
    """JSON of one conversation: the only part that is ever held in memory whole."""
    max_conversation_structures: int = 1_000_000
    """Lists and objects in one conversation: tiny ones cost 60 times their bytes."""
    max_depth: int = 200
    max_directory_bytes: int = 32 * 1024**2
    """The zip's table of contents, which the standard library holds whole (about 300,000 entries)."""


class ByteSource(Protocol):
    """What can be read from: a file, a gzip stream, a zip entry."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; empty at the end."""
        ...


class Meter:
    """Bytes read so far from one upload, over all its files."""

    def __init__(self, limits: ExportLimits, compressed_bytes: int) -> None:
        self._limits = limits
        self._compressed = max(compressed_bytes, 1)
        self.total = 0

    def add(self, count: int) -> None:
        """Raises `ExportTooLarge` beyond the total or, for an archive bomb, beyond the ratio."""
        self.total += count
        if self.total > self._limits.max_bytes:
            raise ExportTooLarge(f"it holds more than {self._limits.max_bytes // 1024**2} MB of text")
        if self.total > self._limits.ratio_after_bytes and self.total > self._limits.max_ratio * self._compressed:
            raise ExportTooLarge("the archive expands to an implausible size")


class GuardedReader:
    """A source that refuses to go on when one conversation, the nesting or the whole grows beyond its limit."""

    def __init__(self, source: ByteSource, limits: ExportLimits, meter: Meter) -> None:
        self._source = source
        self._limits = limits
        self._meter = meter
        self._at_start = True
        self._carry = b""
        self._in_string = False
        self._depth = 0
        self._bytes = 0
        self._structures = 0

    def read(self, size: int = 65536) -> bytes:
        """The next bytes, without a byte order mark at the very start."""
        block = self._source.read(size)
        self._meter.add(len(block))
        if self._at_start and block:
            self._at_start = False
            block = block.removeprefix(_BOM) or self._source.read(size)
        if block:
            self._inspect(block)
        return block

    def item_done(self) -> None:
        """Tell the reader that one conversation was handed on, so that the next one starts its own count."""
        self._bytes = 0
        self._structures = 0

    def _inspect(self, block: bytes) -> None:
        self._bytes += len(block)
        if self._bytes > self._limits.max_conversation_bytes:
            raise ExportTooLarge(f"one conversation is larger than {self._limits.max_conversation_bytes // 1024**2} MB")
        structure = self._structure(block)
        opened = structure.count(b"[") + structure.count(b"{")
        self._structures += opened
        if self._structures > self._limits.max_conversation_structures:
            raise ExportTooLarge("one conversation has too many parts")
        rest = structure
        for _ in range(_COLLAPSES):
            rest = rest.replace(b"[]", b"").replace(b"{}", b"")
        unmatched = rest.count(b"[") + rest.count(b"{")
        if self._depth + unmatched + _COLLAPSES > self._limits.max_depth:
            self._walk(structure)
        else:
            self._depth += 2 * unmatched - len(rest)

    def _structure(self, block: bytes) -> bytes:
        """Only the brackets outside strings. An odd trailing backslash waits for the next block."""
        block = self._carry + block
        trailing = len(block) - len(block.rstrip(b"\\"))
        self._carry = b"\\" if trailing % 2 else b""
        if self._carry:
            block = block[:-1]
        plain = block.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NOT_STRUCTURE)
        pieces = plain.replace(b'""', b"").split(b'"')
        outside = b"".join(pieces[1::2] if self._in_string else pieces[::2])
        self._in_string ^= len(pieces) % 2 == 0
        return outside

    def _walk(self, structure: bytes) -> None:
        for bracket in structure:
            self._depth += 1 if bracket in _OPENERS else -1
            if self._depth > self._limits.max_depth:
                raise ExportTooLarge("its data is nested too deeply")
