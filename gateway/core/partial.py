"""A head that is still coming: collected and looked at in linear time, however small the pieces are."""

import re

from gateway.core.errors import MalformedRequest

_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}(?: |\Z)")
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")
_EMPTY_LINES_SO_FAR = re.compile(rb"(?:\r\n)?\r?")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def behind_empty_lines(data: bytes) -> bytes:
    """What comes behind the empty lines at the beginning of `data`, which are skipped (RFC 9112 section 2.2)."""
    found = _EMPTY_LINES.match(data)
    return data if found is None else data[found.end() :]


class PartialHead:
    """Bytes of a head up to, at last, its empty line."""

    __slots__ = ("_data",)

    def __init__(self, first: bytes) -> None:
        self._data = bytearray(first)

    def __len__(self) -> int:
        return len(self._data)

    def add(self, piece: bytes) -> bytes | None:
        """Take the next piece. All bytes so far if the end of the head is among them, or if they are an empty line."""
        before = len(self._data)
        self._data += piece
        if self._data.find(b"\r\n\r\n", max(0, before - 3)) < 0 and self._data != b"\r\n":
            return None
        return bytes(self._data)

    def first_line_longer_than(self, limit: int) -> bool:
        """Whether the first line has more than `limit` bytes already."""
        return len(self._data) > limit and self._data.find(b"\r\n", 0, limit + 2) < 0

    def check_request(self, piece: bytes) -> None:
        """Refuse at once what can no longer become a request; `piece` is what was added last.

        Raises MalformedRequest for bare CR or LF (RFC 9112 section 2.2), control characters, and what does not begin
        with a method.
        """
        data = self._data
        # RFC 9112 section 2.2: empty lines before the request. Two at once look like the end of a head, and are gone.
        found = _EMPTY_LINES_SO_FAR.match(data)
        skipped = found.end() if found else 0
        if len(data) > skipped and _METHOD.match(data, skipped, skipped + 65) is None:
            raise MalformedRequest("This does not begin like an HTTP/1 request.")
        start = len(data) - len(piece)
        if start and data[start - 1] == 13:
            piece = b"\r" + piece
        lines = piece.count(b"\r\n")
        if piece.count(b"\n") != lines or piece.count(b"\r") - piece.endswith(b"\r") != lines:
            raise MalformedRequest("Lines end with CR LF; a bare CR or LF was found.")
        if _CONTROL.search(piece):
            raise MalformedRequest("The head holds a control character.")
